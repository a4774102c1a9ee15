"""How long a controller's workers hold the loop together; by a clock that the test moves."""

import asyncio
from itertools import pairwise

import pytest

from omectl.manager import ChannelSource, Controller, Result
from omectl.manager.turn import LONGEST_TURN_S, Turn

pytestmark = pytest.mark.looptime


class Clock:
    """The processor's time, which passes only by work."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


async def ask(turn: Turn) -> None:
    if not turn.is_on():
        await turn.wait()


async def round_trips(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_a_turn_is_five_milliseconds() -> None:
    assert LONGEST_TURN_S == 0.005


async def test_a_turn_lasts_until_its_time_is_up() -> None:
    clock = Clock()
    turn = Turn(clock)
    assert turn.is_on()
    clock.now = 100.0 + LONGEST_TURN_S - 1e-9
    assert turn.is_on()
    clock.now = 100.0 + LONGEST_TURN_S
    assert not turn.is_on()


async def test_when_the_loop_has_come_round_a_new_turn_begins_with_its_first_worker() -> None:
    clock = Clock()
    turn = Turn(clock)
    assert turn.is_on()
    clock.work(1.0)
    assert not turn.is_on()
    await round_trips(1)
    assert turn.is_on()
    clock.work(LONGEST_TURN_S / 2)
    assert turn.is_on()
    clock.work(LONGEST_TURN_S / 2)
    assert not turn.is_on()


async def test_those_in_line_go_on_one_a_round_in_their_order() -> None:
    clock = Clock()
    turn = Turn(clock)
    went: list[int] = []
    rounds: list[int] = []

    async def worker(number: int) -> None:
        await ask(turn)
        went.append(number)
        clock.work(1.0)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(worker(number))
        while len(went) < 5:
            await asyncio.sleep(0)
            rounds.append(len(went))
    assert went == [0, 1, 2, 3, 4]
    assert all(later - earlier <= 1 for earlier, later in pairwise(rounds))


async def test_who_goes_on_has_a_whole_turn() -> None:
    clock = Clock()
    turn = Turn(clock)
    assert turn.is_on()
    clock.work(1.0)
    await ask(turn)
    clock.work(LONGEST_TURN_S * 0.9)
    assert turn.is_on()
    clock.work(LONGEST_TURN_S * 0.1)
    assert not turn.is_on()


async def test_one_who_was_cancelled_in_line_keeps_nobody_waiting() -> None:
    clock = Clock()
    turn = Turn(clock)
    went: list[int] = []

    async def worker(number: int) -> None:
        await ask(turn)
        went.append(number)
        clock.work(1.0)

    tasks = [asyncio.ensure_future(worker(number)) for number in range(4)]
    asyncio.get_running_loop().call_soon(tasks[1].cancel)
    await round_trips(8)
    assert went == [0, 2, 3]
    assert [task.cancelled() for task in tasks] == [False, True, False, False]


class Busy:
    """A controller whose reconciles never wait and take a millisecond of the processor each, by its own clock."""

    def __init__(self, keys: int, workers: int, *, drain: bool = False) -> None:
        self.clock = Clock()
        self.channel: ChannelSource[int] = ChannelSource("busy")
        self.served: list[int] = []
        self.held: list[float] = []
        self.controller: Controller[int] = Controller(
            "busy", self._reconcile, [self.channel], workers=workers, drain=drain
        )
        self.controller._turn = Turn(self.clock)
        self._keys = keys

    async def _reconcile(self, key: int) -> Result:
        self.clock.work(0.001)
        self.served.append(key)
        return Result()

    async def watched(self) -> None:
        """Serve all keys, and note how long the loop was held each time that it came round."""
        task = asyncio.ensure_future(self.controller.run())
        await asyncio.sleep(0.001)
        for key in range(self._keys):
            self.channel.put(key)
        last = self.clock.now
        while len(self.served) < self._keys:
            await asyncio.sleep(0)
            self.held.append(self.clock.now - last)
            last = self.clock.now
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize("workers", [1, 2, 16])
async def test_workers_that_never_wait_hold_the_loop_for_one_turn_together(workers: int) -> None:
    busy = Busy(200, workers)
    await busy.watched()
    assert sorted(busy.served) == list(range(200))
    assert max(busy.held) == pytest.approx(0.005)


async def test_all_workers_have_turns() -> None:
    busy = Busy(64, 16)
    await busy.watched()
    # Keys are handed out in order; a worker that held one without ever having a turn would leave it to the end.
    late = [place - key for place, key in enumerate(busy.served)]
    assert max(late) <= 16 * 5


@pytest.mark.parametrize(("drain", "served"), [(False, 5), (True, 8)])
async def test_a_key_whose_worker_waits_in_line_at_a_stop_is_dropped_or_worked_off(drain: bool, served: int) -> None:
    busy = Busy(8, 4, drain=drain)
    task = asyncio.ensure_future(busy.controller.run())
    await asyncio.sleep(0.001)
    for key in range(8):
        busy.channel.put(key)
    while not busy.served:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert len(busy.served) == served
    assert busy.controller.queue.statistics().processing == 0
