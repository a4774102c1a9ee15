"""Starting and stopping runnables together, in virtual time."""

import asyncio
from typing import Any

import pytest

from omectl.manager import Group
from omectl.manager.runnable import Runnable, RunnableGroup, group_of

pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


class Sleeper:
    """Runs until cancelled; its clean-up takes `ends_in_s`, and it ignores the first `deaf` cancellations."""

    needs_leader = False

    def __init__(self, name: str, ends_in_s: float = 0.0, deaf: int = 0) -> None:
        self.name = name
        self.ended_at: float | None = None
        self._ends_in_s = ends_in_s
        self._deaf = deaf

    async def run(self) -> None:
        try:
            await asyncio.sleep(100_000.0)
        finally:
            for _ in range(self._deaf):
                try:
                    await asyncio.sleep(100_000.0)
                except asyncio.CancelledError:
                    continue
            await asyncio.sleep(self._ends_in_s)
            self.ended_at = now()


class Failing:
    name = "failing"
    needs_leader = False

    async def run(self) -> None:
        await asyncio.sleep(1.0)
        raise OSError("disk full")


class Ending:
    name = "ending"
    needs_leader = False

    async def run(self) -> None:
        await asyncio.sleep(1.0)


def group(failures: list[Any] | None = None) -> RunnableGroup:
    return RunnableGroup(Group.OTHERS, lambda runnable, error: (failures or []).append((runnable.name, error)))


async def test_runnables_wait_for_the_start_and_later_ones_start_at_once() -> None:
    runnables = group()
    runnables.add(Sleeper("a"))
    assert runnables.running == []
    runnables.start()
    runnables.add(Sleeper("b"))
    assert runnables.running == ["a", "b"]
    assert await runnables.stop(10.0) == []
    assert runnables.running == []


async def test_a_stop_waits_for_clean_ends() -> None:
    runnables, slow = group(), Sleeper("slow", ends_in_s=8.0)
    runnables.add(slow)
    runnables.start()
    await asyncio.sleep(1.0)
    assert await runnables.stop(10.0) == []
    assert slow.ended_at == 9.0


async def test_past_the_grace_they_are_cut_off_and_named() -> None:
    runnables = group()
    for runnable in (Sleeper("quick"), Sleeper("slow", ends_in_s=60.0), Sleeper("deaf", deaf=3)):
        runnables.add(runnable)
    runnables.start()
    await asyncio.sleep(1.0)
    assert await runnables.stop(10.0) == ["deaf", "slow"]
    assert now() == pytest.approx(11.1)
    assert runnables.running == []


async def test_without_grace_they_are_cut_off_at_once() -> None:
    runnables = group()
    runnables.add(Sleeper("slow", ends_in_s=60.0))
    runnables.start()
    await asyncio.sleep(1.0)
    assert await runnables.stop(0.0) == ["slow"]
    assert now() == pytest.approx(1.05)
    assert runnables.running == []


async def test_without_grace_one_that_ends_at_once_is_not_late() -> None:
    runnables = group()
    runnables.add(Sleeper("quick", ends_in_s=0.04))
    runnables.start()
    await asyncio.sleep(1.0)
    assert await runnables.stop(0.0) == []
    assert now() == pytest.approx(1.04)


async def test_one_that_nothing_ends_is_given_up_after_a_second_and_may_be_stopped_again() -> None:
    runnables = group()
    runnables.add(Sleeper("deaf", deaf=30))
    runnables.start()
    await asyncio.sleep(1.0)
    assert await runnables.stop(0.5) == ["deaf"]
    assert now() == 2.5
    assert runnables.running == ["deaf"]
    assert await runnables.stop(0.5) == ["deaf"]
    assert runnables.running == []


async def test_no_deadline_waits_for_ever() -> None:
    runnables = group()
    runnables.add(Sleeper("slow", ends_in_s=5000.0))
    runnables.start()
    await asyncio.sleep(1.0)
    assert await runnables.stop(None) == []
    assert now() == 5001.0


async def test_a_hurry_ends_the_grace() -> None:
    runnables = group()
    runnables.add(Sleeper("slow", ends_in_s=60.0))
    runnables.start()
    await asyncio.sleep(1.0)
    asyncio.get_running_loop().call_later(3.0, runnables.hurry)
    assert await runnables.stop(30.0) == ["slow"]
    assert now() == 4.0


async def test_a_hurry_that_came_before_leaves_no_grace() -> None:
    runnables, slow = group(), Sleeper("slow", ends_in_s=60.0)
    runnables.add(slow)
    runnables.start()
    await asyncio.sleep(1.0)
    runnables.hurry()
    runnables.hurry()
    assert await runnables.stop(30.0) == ["slow"]
    assert now() == pytest.approx(1.0, abs=0.051)
    assert slow.ended_at is None


async def test_a_hurry_may_come_twice_and_late() -> None:
    runnables = group()
    runnables.add(Sleeper("slow", ends_in_s=60.0))
    runnables.start()
    await asyncio.sleep(1.0)
    asyncio.get_running_loop().call_later(3.0, runnables.hurry)
    asyncio.get_running_loop().call_later(3.0, runnables.hurry)
    assert await runnables.stop(30.0) == ["slow"]
    runnables.hurry()
    assert await runnables.stop(30.0) == []
    assert now() == 4.0


async def test_a_cancelled_stop_still_cuts_off() -> None:
    runnables = group()
    runnables.add(Sleeper("slow", ends_in_s=60.0))
    runnables.start()
    await asyncio.sleep(1.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.0):
            await runnables.stop(30.0)
    assert runnables.running == []


async def test_an_exception_is_reported_and_a_clean_end_is_not() -> None:
    failures: list[Any] = [None]
    runnables = group(failures)
    runnables.add(Failing())
    runnables.add(Ending())
    runnables.start()
    await asyncio.sleep(2.0)
    assert runnables.running == []
    ((name, error),) = failures[1:]
    assert name == "failing"
    assert isinstance(error, OSError)


async def test_a_group_that_never_started_starts_nothing_after_its_stop() -> None:
    runnables = group()
    runnables.add(Sleeper("a"))
    await runnables.stop(1.0)
    runnables.start()
    assert runnables.running == []


async def test_a_second_start_starts_nothing_twice() -> None:
    runnables = group()
    runnables.add(Sleeper("a"))
    runnables.start()
    runnables.start()
    assert runnables.running == ["a"]
    await runnables.stop(1.0)


async def test_a_task_bears_the_names_of_group_and_runnable_and_both_ends_are_told(
    debug_logs: list[dict[str, Any]],
) -> None:
    runnables = group()
    runnables.add(Sleeper("a"))
    runnables.start()
    assert [task.get_name() for task in runnables._tasks] == ["others/a"]
    await asyncio.sleep(1.0)
    await runnables.stop(1.0)
    assert debug_logs == [
        {"event": "runnable_started", "log_level": "debug", "runnable": "a", "group": "others"},
        {"event": "runnable_ended", "log_level": "debug", "runnable": "a", "group": "others"},
    ]


def test_the_group_follows_from_leadership_unless_named() -> None:
    class Elected(Ending):
        needs_leader = True

    class Webhook(Ending):
        group = Group.WEBHOOKS

    runnables: list[Runnable] = [Ending(), Elected(), Webhook()]
    assert [group_of(runnable) for runnable in runnables] == [Group.OTHERS, Group.ELECTED, Group.WEBHOOKS]


class Preparing(Sleeper):
    """Ready when the test says so; `prepared` with an exception fails."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.prepared: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def ready(self) -> None:
        await self.prepared


async def test_a_group_is_ready_when_the_last_one_that_prepares_is() -> None:
    runnables, first, second = group(), Preparing("b"), Preparing("a")
    for runnable in (first, second, Sleeper("plain")):
        runnables.add(runnable)
    runnables.start()
    waiting = asyncio.ensure_future(runnables.ready())
    await asyncio.sleep(1.0)
    assert (waiting.done(), runnables.preparing) == (False, ["a", "b"])
    first.prepared.set_result(None)
    await asyncio.sleep(1.0)
    assert (waiting.done(), runnables.preparing) == (False, ["a"])
    second.prepared.set_result(None)
    await waiting
    assert (now(), runnables.preparing) == (2.0, [])
    await runnables.stop(1.0)


async def test_a_group_without_anything_to_prepare_is_ready_at_once() -> None:
    runnables = group()
    await runnables.ready()
    runnables.add(Sleeper("plain"))
    runnables.start()
    await runnables.ready()
    assert now() == 0.0
    await runnables.stop(1.0)


async def test_a_cancelled_wait_for_readiness_leaves_no_task() -> None:
    runnables = group()
    runnables.add(Preparing("a"))
    runnables.start()
    waiting = asyncio.ensure_future(runnables.ready())
    await asyncio.sleep(1.0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert (waiting.cancelled(), runnables.preparing) == (True, [])
    await runnables.stop(1.0)


async def test_a_preparation_that_fails_is_reported_once_and_ends_the_wait() -> None:
    failures: list[Any] = [None]
    runnables, broken = group(failures), Preparing("broken")
    runnables.add(broken)
    runnables.start()
    broken.prepared.set_exception(OSError("no certificate"))
    await runnables.ready()
    assert [(name, str(error)) for name, error in failures[1:]] == [("broken", "no certificate")]
    await runnables.stop(1.0)


async def test_one_that_ends_while_it_prepares_is_waited_for_no_more() -> None:
    class Quitting(Ending):
        async def ready(self) -> None:
            await asyncio.sleep(100.0)

    runnables = group()
    runnables.add(Quitting())
    runnables.start()
    await runnables.ready()
    assert now() == 1.0
