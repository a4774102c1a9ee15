"""Sources before and under leadership: who starts them, who waits for them, and what their failures end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from omectl.manager import (
    ChannelSource,
    Controller,
    ControllerFailed,
    FunctionSource,
    KindSource,
    Result,
    enqueue_object,
)
from omectl.manager.feed import Feed
from omectl.workqueue import PriorityQueue

pytestmark = pytest.mark.looptime


class Tap:
    """A source that says how often it was started, is synced on command, and fails on command."""

    def __init__(self, name: str = "tap", *, synced: bool = True, key: str = "") -> None:
        self.name = name
        self.starts = 0
        self.running = 0
        self.open = asyncio.Event()
        self.failure: asyncio.Future[None] | None = None
        self._key = key
        if synced:
            self.open.set()

    async def run(self, queue: PriorityQueue[str], synced: asyncio.Event) -> None:
        self.starts += 1
        self.running += 1
        self.failure = asyncio.get_running_loop().create_future()
        try:
            if self._key:
                queue.add(self._key)
            await self.open.wait()
            synced.set()
            await self.failure
        finally:
            self.running -= 1

    def fail(self, error: Exception) -> None:
        assert self.failure is not None
        self.failure.set_exception(error)

    def waiting_for(self) -> str:
        return f"{self.name} (closed)"


class Bench:
    """A controller with its warm-up; both are runnables of the test."""

    def __init__(self, *taps: Any, **options: Any) -> None:
        self.seen: list[str] = []
        self.controller: Controller[str] = Controller("warm", self._reconcile, taps, warm_up=True, **options)
        self._tasks: list[asyncio.Task[None]] = []

    async def _reconcile(self, key: str) -> Result:
        self.seen.append(key)
        return Result()

    async def warm(self) -> "asyncio.Task[None]":
        assert self.controller.warm_up is not None
        return await self._start(self.controller.warm_up)

    async def lead(self) -> "asyncio.Task[None]":
        return await self._start(self.controller)

    async def _start(self, runnable: Any) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(runnable.run())
        self._tasks.append(task)
        await asyncio.sleep(0.001)
        return task

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for end in await asyncio.gather(*self._tasks, return_exceptions=True):
            assert isinstance(end, asyncio.CancelledError | ControllerFailed) or end is None


@asynccontextmanager
async def bench_of(*taps: Any, **options: Any) -> AsyncIterator[Bench]:
    bench = Bench(*taps, **options)
    try:
        yield bench
    finally:
        await bench.stop()


async def test_a_source_that_is_added_later_is_waited_for_and_synced_like_the_others() -> None:
    late = Tap("late", synced=False)
    async with bench_of(Tap()) as bench:
        task = await bench.lead()
        bench.controller.watch(late)
        await asyncio.sleep(1.0)
        assert bench.controller.waiting_for() == ["late (closed)"]
        late.open.set()
        await asyncio.sleep(1.0)
        assert bench.controller.waiting_for() == []
        assert not task.done()


def test_a_controller_warms_up_only_when_asked_to() -> None:
    async def reconcile(key: str) -> Result:
        return Result()

    assert Controller[str]("cold", reconcile, [Tap()]).warm_up is None
    warm_up = Controller[str]("warm", reconcile, [Tap()], warm_up=True).warm_up
    assert warm_up is not None
    assert (warm_up.name, warm_up.needs_leader) == ("warm/warm-up", False)


async def test_a_warm_up_fills_the_queue_and_reconciles_nothing() -> None:
    tap = Tap(key="a")
    async with bench_of(tap) as bench:
        await bench.warm()
        await asyncio.sleep(100.0)
        assert (tap.starts, bench.seen, len(bench.controller.queue)) == (1, [], 1)
        assert bench.controller.statistics().state == "created"
        assert bench.controller.waiting_for() == []


async def test_a_warm_controller_begins_at_once_with_the_same_sources() -> None:
    tap = Tap(key="a")
    async with bench_of(tap) as bench:
        await bench.warm()
        await asyncio.sleep(100.0)
        await bench.lead()
        assert (tap.starts, tap.running, bench.seen) == (1, 1, ["a"])
        assert bench.controller.statistics().state == "running"


async def test_a_controller_that_leads_before_its_warm_up_starts_its_sources_itself() -> None:
    tap = Tap(key="a")
    async with bench_of(tap) as bench:
        await bench.lead()
        assert (tap.starts, bench.seen) == (1, ["a"])
        warm_up = await bench.warm()
        await asyncio.sleep(10.0)
        assert tap.starts == 1
        assert not warm_up.done()


async def test_starting_both_at_once_starts_the_sources_once() -> None:
    tap = Tap(key="a")
    async with bench_of(tap) as bench:
        assert bench.controller.warm_up is not None
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bench.controller.run()), group.create_task(bench.controller.warm_up.run())]
            await asyncio.sleep(1.0)
            assert (tap.starts, bench.seen) == (1, ["a"])
            for task in tasks:
                task.cancel()
    assert tap.running == 0


async def test_a_controller_that_leads_during_its_warm_up_waits_for_the_rest_of_it() -> None:
    tap = Tap(synced=False, key="a")
    async with bench_of(tap) as bench:
        await bench.warm()
        await bench.lead()
        await asyncio.sleep(10.0)
        assert (bench.seen, bench.controller.waiting_for()) == ([], ["tap (closed)"])
        assert bench.controller.statistics().state == "syncing"
        tap.open.set()
        await asyncio.sleep(0.001)
        assert bench.seen == ["a"]


async def test_without_a_leader_a_source_that_does_not_sync_is_no_failure() -> None:
    tap = Tap(synced=False)
    async with bench_of(tap, sync_timeout_s=5.0) as bench:
        warm_up = await bench.warm()
        await asyncio.sleep(100.0)
        assert not warm_up.done()


async def test_past_the_time_out_a_leader_names_the_cold_source_each_time_and_waits_on() -> None:
    tap, other = Tap("first", synced=False), Tap("second")
    async with bench_of(tap, other, sync_timeout_s=5.0) as bench:
        await bench.warm()
        with capture_logs() as logs:
            await bench.lead()
            await asyncio.sleep(10.0)
        lines = [log for log in logs if log["event"] == "sources_not_synced"]
        missing = {
            "event": "sources_not_synced",
            "controller": "warm",
            "after_s": 5.0,
            "waiting_for": ["first (closed)"],
            "next_step": "the controller starts as soon as they are synced; see their errors",
            "log_level": "error",
        }
        assert lines == [missing, missing]
        tap.open.set()
        await asyncio.sleep(0.001)
        assert bench.controller.statistics().state == "running"


async def test_unless_told_otherwise_two_minutes_pass_before_a_cold_source_is_named() -> None:
    async with bench_of(Tap(synced=False)) as bench:
        with capture_logs() as logs:
            await bench.lead()
            await asyncio.sleep(119.9)
            assert logs == []
            await asyncio.sleep(0.2)
        assert [log["after_s"] for log in logs] == [120.0]


async def test_who_no_longer_waits_for_the_sources_leaves_no_task_behind() -> None:
    feed: Feed[str] = Feed("left", PriorityQueue(), [Tap(synced=False)], sync_timeout_s=5.0)
    left: set[asyncio.Task[Any]] = set()

    async def wait() -> None:
        others = asyncio.all_tasks()
        try:
            await feed.until_synced()
        finally:
            left.update(asyncio.all_tasks() - others)

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(1.0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert left == set()


async def test_an_error_in_the_warm_up_ends_it_with_the_controllers_name() -> None:
    broken, healthy = Tap("broken"), Tap("healthy")
    async with bench_of(broken, healthy) as bench:
        warm_up = await bench.warm()
        broken.fail(OSError("no such kind"))
        await asyncio.wait({warm_up}, timeout=1.0)
        with pytest.raises(ControllerFailed, match="controller warm ended: OSError: no such kind") as caught:
            warm_up.result()
        assert isinstance(caught.value.__cause__, OSError)
        assert healthy.running == 0


async def test_an_error_in_the_warm_up_ends_a_controller_that_waits_for_it() -> None:
    broken, cold = Tap("broken"), Tap("cold", synced=False)
    async with bench_of(broken, cold) as bench:
        await bench.warm()
        leading = await bench.lead()
        broken.fail(OSError("no such kind"))
        await asyncio.wait({leading}, timeout=1.0)
        with pytest.raises(ControllerFailed, match=r"^controller warm ended: OSError: no such kind$"):
            leading.result()
        assert bench.controller.statistics().state == "stopped"


async def test_an_error_after_the_warm_up_ends_a_controller_that_works() -> None:
    broken = Tap("broken")
    async with bench_of(broken) as bench:
        await bench.warm()
        leading = await bench.lead()
        broken.fail(OSError("gone"))
        await asyncio.wait({leading}, timeout=1.0)
        with pytest.raises(ControllerFailed, match="gone"):
            leading.result()


async def test_a_controller_that_leads_after_a_failed_warm_up_fails_the_same_way() -> None:
    broken = Tap("broken")
    async with bench_of(broken) as bench:
        await bench.warm()
        broken.fail(OSError("no such kind"))
        await asyncio.sleep(0.001)
        leading = await bench.lead()
        await asyncio.wait({leading}, timeout=1.0)
        with pytest.raises(ControllerFailed, match="no such kind"):
            leading.result()
        assert broken.starts == 1


async def test_a_stop_during_the_warm_up_leaves_nothing() -> None:
    tap = Tap(synced=False)
    async with bench_of(tap) as bench:
        warm_up = await bench.warm()
        warm_up.cancel()
        await asyncio.wait({warm_up}, timeout=1.0)
        assert warm_up.cancelled()
        assert tap.running == 0


async def test_a_stop_of_a_warm_controller_lets_its_reconcile_finish() -> None:
    finished: list[str] = []

    async def reconcile(key: str) -> Result:
        await asyncio.sleep(5.0)
        finished.append(key)
        return Result()

    controller: Controller[str] = Controller("slow", reconcile, [Tap(key="a")], warm_up=True)
    assert controller.warm_up is not None
    tasks = [asyncio.ensure_future(runnable.run()) for runnable in (controller.warm_up, controller)]
    await asyncio.sleep(1.0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert finished == ["a"]
    assert all(task.cancelled() for task in tasks)


async def test_a_stop_of_the_controller_before_its_warm_up_is_done_ends_at_once() -> None:
    tap = Tap(synced=False)
    async with bench_of(tap) as bench:
        await bench.warm()
        leading = await bench.lead()
        leading.cancel()
        await asyncio.wait({leading}, timeout=1.0)
        assert leading.cancelled()
        assert tap.running == 1, "the warm-up owns them"


async def test_the_sources_of_a_warm_controller_are_started_side_by_side() -> None:
    first, second = Tap("first", synced=False), Tap("second")
    async with bench_of(first, second) as bench:
        await bench.warm()
        assert (first.starts, second.starts) == (1, 1)
        assert bench.controller.waiting_for() == ["first (closed)"]


async def test_a_source_that_blocks_at_its_start_keeps_the_controller_waiting_and_is_named() -> None:
    class Stuck:
        name = "stuck"

        async def run(self, queue: Any, synced: asyncio.Event) -> None:
            await asyncio.sleep(10_000.0)

        def waiting_for(self) -> str:
            return "stuck (starting)"

    other = Tap(key="a")
    async with bench_of(Stuck(), other, sync_timeout_s=2.0) as bench:
        with capture_logs() as logs:
            await bench.lead()
            assert other.starts == 1  # side by side: it did not wait for the one that is stuck
            await asyncio.sleep(2.5)
        assert [log["waiting_for"] for log in logs if log["event"] == "sources_not_synced"] == [["stuck (starting)"]]
        assert bench.seen == []


async def test_a_source_added_to_a_running_controller_starts_at_once() -> None:
    late = Tap("late", key="b")
    async with bench_of(Tap(key="a")) as bench:
        await bench.lead()
        bench.controller.watch(late)
        await asyncio.sleep(0.001)
        assert bench.seen == ["a", "b"]
        assert [source.name for source in bench.controller.sources] == ["tap", "late"]
        late.fail(OSError("gone"))
        await asyncio.sleep(0.001)
        assert bench.controller.statistics().state == "stopped"


async def test_a_source_added_before_the_start_is_waited_for() -> None:
    late = Tap("late", synced=False)
    async with bench_of(Tap(key="a")) as bench:
        bench.controller.watch(late)
        await bench.lead()
        assert (late.starts, bench.seen) == (1, [])
        late.open.set()
        await asyncio.sleep(0.001)
        assert bench.seen == ["a"]


async def test_a_late_kind_is_heard_of(informer: Any, told: Any) -> None:
    seen: list[str] = []

    async def reconcile(key: Any) -> Result:
        seen.append(str(key))
        return Result()

    controller = Controller("late-kind", reconcile, [ChannelSource[Any]("c")])
    task = asyncio.ensure_future(controller.run())
    await asyncio.sleep(0.001)
    controller.watch(KindSource(informer, enqueue_object()))
    await asyncio.sleep(0.001)
    informer.sync()
    informer.emit(told.added("a"))
    await asyncio.sleep(0.001)
    assert seen == ["ns/a"]
    task.cancel()
    await asyncio.wait({task})
    assert informer.registrations[0].removed


async def test_a_source_added_after_the_end_is_refused() -> None:
    async with bench_of(Tap()) as bench:
        leading = await bench.lead()
        leading.cancel()
        await asyncio.wait({leading})
        with pytest.raises(RuntimeError, match="wanted to add source late to controller warm, found its sources ended"):
            bench.controller.watch(Tap("late"))


async def test_a_source_that_returns_is_synced() -> None:
    async def feed(queue: PriorityQueue[str], synced: Any) -> None:
        queue.add("a")

    async with bench_of(FunctionSource("once", feed)) as bench:
        await bench.lead()
        assert bench.seen == ["a"]
        await asyncio.sleep(10.0)
        assert bench.controller.statistics().state == "running"


async def test_a_function_feeds_until_it_is_cancelled() -> None:
    ended = False

    async def feed(queue: PriorityQueue[str], synced: Any) -> None:
        nonlocal ended
        await asyncio.sleep(5.0)
        synced()
        try:
            for number in range(1000):
                queue.add(f"key-{number}")
                await asyncio.sleep(10.0)
        finally:
            ended = True

    source = FunctionSource("ticker", feed)
    async with bench_of(source) as bench:
        await bench.lead()
        assert bench.controller.waiting_for() == ["ticker (not synced)"]
        await asyncio.sleep(16.0)
        assert bench.seen == ["key-0", "key-1"]
    assert ended
