"""One handler: when it is synced, what its errors cost, how it is removed, what is said of its backlog."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs
from tests.unit.informers.told import Told, added, deleted, record, updated

from omectl.informers import ObjectEvent, Registration, RegistrationEnded

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]

Begin = Callable[[Registration], "asyncio.Task[None]"]


def registration(handler: Callable[[ObjectEvent], None], **settings: object) -> Registration:
    return Registration("mine", handler, lambda _: None, **settings)  # type: ignore[arg-type]


@pytest.fixture
async def begin() -> AsyncIterator[Begin]:
    """Deliver until the test ends."""
    tasks: list[asyncio.Task[None]] = []

    def start(which: Registration) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(which.deliver()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_is_synced_when_the_last_object_was_handled_and_not_before(begin: Begin) -> None:
    seen: list[bool] = []
    mine = registration(lambda _: seen.append(mine.has_synced))
    mine.put_replay([record("a"), record("b")], initial=True)
    mine.end_initial_set()
    mine.put([added(record("c"))])
    waiting = asyncio.create_task(mine.wait_synced())
    begin(mine)
    await waiting
    assert seen[:2] == [False, False]
    await asyncio.sleep(0.01)
    assert seen == [False, False, True]


async def test_it_is_not_synced_before_the_initial_set_has_ended(begin: Begin) -> None:
    mine = registration(Told())
    begin(mine)
    mine.put_replay([record("a")], initial=True)
    await asyncio.sleep(1)
    assert (mine.has_synced, mine.handled) == (False, 1)
    mine.end_initial_set()
    await asyncio.sleep(0)
    assert mine.has_synced


async def test_events_that_come_later_wake_it(begin: Begin) -> None:
    told = Told()
    mine = registration(told)
    begin(mine)
    for version in (1, 2):
        await asyncio.sleep(1)
        mine.put([added(record("a", version))])
    await asyncio.sleep(0)
    assert len(told.events) == 2


@pytest.mark.parametrize("kind", ["add", "update", "delete"])
async def test_an_event_whose_handling_fails_is_logged_counted_and_skipped(kind: str, begin: Begin) -> None:
    old, new = record("a", 1), record("a", 2)
    event = {"add": added(new), "update": updated(old, new), "delete": deleted(new)}[kind]
    told = Told()

    def broken(event: ObjectEvent) -> None:
        told(event)
        raise RuntimeError("broken")

    mine = registration(broken)
    mine.end_initial_set()
    mine.put([event])
    with capture_logs() as logs:
        begin(mine)
        await asyncio.sleep(0.01)
    assert told.events == [event]
    assert (mine.handled, mine.errors, mine.degraded) == (0, 1, False)
    await asyncio.sleep(1)
    assert (mine.handled, mine.errors, mine.pending) == (1, 1, 0)
    (line,) = logs
    assert str(line.pop("exc_info")) == "broken"
    assert line == {
        "event": "informer_handler_failed",
        "log_level": "error",
        "handler": "mine",
        "event_type": event.type.value,
        "object": "ns/a",
    }


async def test_a_handler_that_always_fails_is_called_once_a_second(begin: Begin) -> None:
    times: list[float] = []

    def broken(_: ObjectEvent) -> None:
        times.append(round(asyncio.get_running_loop().time(), 3))
        raise RuntimeError("broken")

    mine = registration(broken)
    mine.put_replay([record(name) for name in "abcd"], initial=True)
    mine.end_initial_set()
    began = asyncio.get_running_loop().time()
    begin(mine)
    await mine.wait_synced()
    assert [time - began for time in times] == pytest.approx([0, 1, 2, 3])
    assert asyncio.get_running_loop().time() - began == pytest.approx(4)
    assert (mine.errors, mine.handled) == (4, 4)


async def test_one_that_failed_in_its_initial_set_is_synced_and_degraded(begin: Begin) -> None:
    def broken_once(event: ObjectEvent) -> None:
        if event.key.name == "a":
            raise RuntimeError("broken")

    mine = registration(broken_once)
    mine.put_replay([record("a"), record("b")], initial=True)
    mine.end_initial_set()
    begin(mine)
    assert not mine.degraded
    await mine.wait_synced()
    assert (mine.has_synced, mine.degraded, mine.errors) == (True, True, 1)


async def test_a_failure_after_the_initial_set_does_not_degrade_it(begin: Begin) -> None:
    def broken(_: ObjectEvent) -> None:
        raise RuntimeError("broken")

    mine = registration(broken)
    mine.end_initial_set()
    mine.put([added(record("a"))])
    begin(mine)
    await asyncio.sleep(2)
    assert (mine.errors, mine.degraded) == (1, False)


async def test_cancelling_is_no_failure(begin: Begin) -> None:
    mine = registration(Told())
    task = begin(mine)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert mine.errors == 0


# --- removal ---


async def test_a_removed_one_hears_nothing_more_and_its_task_ends(begin: Begin) -> None:
    told = Told()
    removed: list[Registration] = []
    mine = Registration("mine", told, removed.append)
    task = begin(mine)
    mine.put([added(record("a"))])
    await asyncio.sleep(0)
    mine.put([added(record("b"))])
    mine.remove()
    mine.remove()
    await asyncio.wait_for(task, 1)
    assert told.lines() == ["added a"]
    assert removed == [mine, mine]
    assert mine.pending == 0


async def test_one_that_removes_itself_hears_nothing_more(begin: Begin) -> None:
    told = Told()

    def once(event: ObjectEvent) -> None:
        told(event)
        mine.remove()

    mine = registration(once)
    mine.put([added(record("a")), added(record("b"))])
    await asyncio.wait_for(begin(mine), 1)
    assert told.lines() == ["added a"]
    assert mine.handled == 1


async def test_removal_ends_the_pause_after_an_error(begin: Begin) -> None:
    def broken(_: ObjectEvent) -> None:
        raise RuntimeError("broken")

    mine = registration(broken)
    mine.put([added(record("a"))])
    task = begin(mine)
    await asyncio.sleep(0.25)
    mine.remove()
    await asyncio.wait_for(task, 0.1)


async def test_who_waits_for_a_removed_one_is_told(begin: Begin) -> None:
    mine = registration(Told())
    waiting = asyncio.create_task(mine.wait_synced())
    await asyncio.sleep(0)
    mine.remove()
    with pytest.raises(RegistrationEnded, match="handler mine was removed, or its informer stopped, before it had"):
        await waiting
    assert not mine.has_synced


async def test_one_that_had_synced_stays_synced_after_its_removal(begin: Begin) -> None:
    mine = registration(Told())
    mine.end_initial_set()
    begin(mine)
    await mine.wait_synced()
    mine.remove()
    await mine.wait_synced()
    assert mine.has_synced


async def test_one_can_wait_until_a_removed_one_has_ended(begin: Begin) -> None:
    mine = registration(Told())
    task = begin(mine)
    waiting = asyncio.create_task(mine.wait_removed())
    await asyncio.sleep(1)
    assert not waiting.done()
    mine.remove()
    await asyncio.wait_for(waiting, 1)
    await asyncio.sleep(0)
    assert task.done()


async def test_one_that_never_ran_is_removed_at_once() -> None:
    mine = registration(Told())
    mine.remove()
    await asyncio.wait_for(mine.wait_removed(), 0.1)


# --- backlog ---


async def slow_lines(begin: Begin, objects: int, seconds: float, began: float = 0.0) -> list[dict[str, object]]:
    mine = registration(Told(), clock=itertools.cycle((began, began + seconds)).__next__)
    mine.put_replay([record(f"o{number}") for number in range(objects)], initial=True)
    mine.end_initial_set()
    with capture_logs() as logs:
        begin(mine)
        await mine.wait_synced()
    return [dict(line) for line in logs]


async def test_a_slow_call_is_named_while_more_than_1024_events_wait(begin: Begin) -> None:
    assert await slow_lines(begin, 1026, 0.2504) == [
        {
            "event": "informer_handler_slow",
            "log_level": "warning",
            "handler": "mine",
            "object": "ns/o0",
            "seconds": 0.25,
            "pending": 1025,
        }
    ]


async def test_a_slow_call_is_not_named_while_1024_events_wait(begin: Begin) -> None:
    assert await slow_lines(begin, 1025, 0.25) == []


async def test_a_quick_call_is_not_named(begin: Begin) -> None:
    assert await slow_lines(begin, 1100, 0.1) == []
    assert await slow_lines(begin, 1100, 0.05, began=100.0) == []


async def test_the_clock_is_not_asked_while_few_events_wait(begin: Begin) -> None:
    asked: list[float] = []

    def clock() -> float:
        asked.append(0.0)
        return 0.0

    mine = registration(Told(), clock=clock)
    mine.put_replay([record("a"), record("b")], initial=True)
    mine.end_initial_set()
    begin(mine)
    await mine.wait_synced()
    assert asked == []


async def test_a_call_just_over_100_ms_is_named(begin: Begin) -> None:
    assert len(await slow_lines(begin, 1030, 0.101)) == 5


async def test_every_change_of_an_object_waits_unless_it_asks_for_the_last_alone() -> None:
    changes = [added(record("a")), updated(record("a"), record("a", 2))]
    every, last = registration(Told()), registration(Told(), coalesce=True)
    for each in (every, last):
        each.put(changes)
    assert (every.pending, last.pending) == (2, 1)
    assert (every.coalesce, last.coalesce) == (False, True)


async def test_its_statistics_are_counts_and_state(begin: Begin) -> None:
    mine = registration(Told(), resync_s=5.0, coalesce=True)
    mine.put_replay([record("a"), record("b")], initial=True)
    mine.put([updated(record("a"), record("a", 2))])
    mine.end_initial_set()
    waiting = {
        "name": "mine",
        "pending": 2,
        "high_water": 2,
        "handled": 0,
        "errors": 0,
        "synced": False,
        "degraded": False,
        "coalesce": True,
        "resync_s": 5.0,
    }
    assert mine.statistics() == waiting
    begin(mine)
    await mine.wait_synced()
    assert mine.statistics() == waiting | {"pending": 0, "handled": 2, "synced": True}


async def test_a_long_backlog_leaves_the_loop_time_for_others(begin: Begin) -> None:
    mine = registration(Told())
    mine.put_replay([record(f"o{number}") for number in range(2000)], initial=True)
    mine.end_initial_set()
    begin(mine)
    turns = 0
    while not mine.has_synced:
        turns += 1
        await asyncio.sleep(0)
    assert turns > 9


# --- resync ---


async def test_a_replay_is_due_a_period_after_it_was_scheduled() -> None:
    mine = registration(Told(), resync_s=3.0)
    mine.schedule(10.0)
    assert [mine.is_due(now) for now in (10.0, 12.99, 12.9995, 13.1, 15.99, 16.0)] == [
        *(False, False, True, False, False, True)
    ]


async def test_a_replay_is_due_from_a_millisecond_before_its_time() -> None:
    mine = registration(Told(), resync_s=1.0)
    mine.schedule(0.0)
    assert [mine.is_due(now) for now in (0.9989, 0.999)] == [False, True]


async def test_no_replay_is_due_before_it_was_scheduled() -> None:
    assert not registration(Told(), resync_s=1.0).is_due(1e9)


async def test_without_a_period_none_is_ever_due() -> None:
    mine = registration(Told())
    mine.schedule(0.0)
    assert not mine.is_due(1e9)
