"""What a controller does with keys, errors, time-outs and its own end; in virtual time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
import structlog
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from omectl.kube.errors import Cause, Conflict, Details
from omectl.manager import (
    ChannelSource,
    Controller,
    ControllerFailed,
    KindSource,
    Result,
    TerminalError,
    enqueue_object,
)
from omectl.metrics import REGISTRY
from omectl.workqueue import LOW_PRIORITY, ExponentialLimiter

pytestmark = pytest.mark.looptime

Reconcile = Callable[[str], Awaitable[Result]]


def now() -> float:
    return asyncio.get_running_loop().time()


def metric(name: str, controller: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"controller_runtime_{name}", {"controller": controller, **labels})


class Bench:
    """A running controller, the channel that feeds it, and a name of its own for the metrics."""

    numbers = iter(range(10_000))

    def __init__(self, reconcile: Reconcile, **options: Any) -> None:
        self.channel: ChannelSource[str] = ChannelSource("test")
        self.name = f"bench-{next(self.numbers)}"
        options.setdefault("limiter", ExponentialLimiter[str](1.0, 1000.0))
        self.controller: Controller[str] = Controller(self.name, reconcile, [self.channel], **options)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.ensure_future(self.controller.run())
        await asyncio.sleep(0.001)
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()

    def results(self) -> dict[str, float | None]:
        return {
            label: metric("reconcile_total", self.name, result=label)
            for label in ("success", "error", "requeue", "requeue_after")
        }


async def test_a_key_is_reconciled_once_and_forgotten() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> Result:
        seen.append(key)
        return Result()

    bench = Bench(reconcile)
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(100.0)
    assert seen == ["a"]
    assert bench.results() == {"success": 1, "error": 0, "requeue": 0, "requeue_after": 0}
    assert metric("reconcile_time_seconds_count", bench.name) == 1


async def test_every_series_shows_zero_from_the_start() -> None:
    async def reconcile(key: str) -> Result:
        return Result()

    bench = Bench(reconcile, workers=3)
    assert bench.results() == {"success": 0, "error": 0, "requeue": 0, "requeue_after": 0}
    names = ("errors_total", "terminal_reconcile_errors_total", "panics_total", "timeouts_total")
    for name in ("reconcile_" + name if not name.startswith("terminal") else name for name in names):
        assert metric(name, bench.name) == 0
    assert metric("active_workers", bench.name) == 0
    assert metric("max_concurrent_reconciles", bench.name) == 3


async def test_an_error_brings_the_key_back_later_each_time_with_its_priority() -> None:
    moments: list[float] = []

    async def reconcile(key: str) -> Result:
        moments.append(now())
        if len(moments) < 4:
            raise OSError("not yet")
        return Result()

    bench = Bench(reconcile)
    async with bench.running():
        started = now()
        bench.channel.put("a", priority=LOW_PRIORITY)
        await asyncio.sleep(2.5)
        assert bench.controller.queue.num_requeues("a") == 2
        await asyncio.sleep(60.0)
    assert [round(moment - started, 3) for moment in moments] == [0.0, 1.0, 3.0, 7.0]
    assert bench.controller.queue.num_requeues("a") == 0
    assert bench.results() == {"success": 1, "error": 3, "requeue": 0, "requeue_after": 0}
    assert metric("reconcile_errors_total", bench.name) == 3
    assert metric("reconcile_panics_total", bench.name) == 0


@pytest.mark.parametrize(
    ("answer", "priority"),
    [(OSError("x"), 5), (Result(requeue_after_s=3.0), 5), (Result(requeue_after_s=3.0, priority=-7), -7)],
)
async def test_the_priority_is_kept_unless_the_result_overrides_it(answer: Any, priority: int) -> None:
    release = asyncio.Event()

    async def reconcile(key: str) -> Result:
        if key == "blocker":
            await release.wait()
            return Result()
        if isinstance(answer, Exception):
            raise answer
        return answer

    bench = Bench(reconcile)
    async with bench.running():
        bench.channel.put("a", priority=5)
        await asyncio.sleep(0.5)
        bench.channel.put("blocker")
        await asyncio.sleep(10.0)
        assert {level for level, depth in bench.controller.queue.statistics().depth.items() if depth} == {priority}
        release.set()


async def test_requeue_after_forgets_failures_and_comes_back_in_time() -> None:
    moments: list[float] = []

    async def reconcile(key: str) -> Result:
        moments.append(now())
        if len(moments) == 1:
            raise OSError("once")
        return Result(requeue_after_s=30.0)

    bench = Bench(reconcile)
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(40.0)
        assert bench.controller.queue.num_requeues("a") == 0
    assert [round(later - earlier, 3) for earlier, later in pairwise(moments)] == [1.0, 30.0]
    assert bench.results()["requeue_after"] == 2


async def test_a_change_overtakes_a_requeue_after() -> None:
    moments: list[float] = []

    async def reconcile(key: str) -> Result:
        moments.append(round(now(), 3))
        return Result(requeue_after_s=30.0)

    bench = Bench(reconcile)
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(10.0)
        bench.channel.put("a")
        await asyncio.sleep(25.0)
    assert moments == [0.001, 10.001]


async def test_a_terminal_error_is_not_tried_again_and_keeps_the_failures() -> None:
    calls = 0

    async def reconcile(key: str) -> Result:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("first")
        raise TerminalError("spec.size must be positive")

    bench = Bench(reconcile)
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(10_000.0)
    assert calls == 2
    assert bench.controller.queue.num_requeues("a") == 1
    assert metric("terminal_reconcile_errors_total", bench.name) == 1
    assert bench.results()["error"] == 2


async def test_a_bug_is_recovered_counted_and_logged_with_its_stack() -> None:
    calls = 0

    async def reconcile(key: str) -> Result:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("spec")
        return Result()

    bench = Bench(reconcile)
    with capture_logs() as logs:
        async with bench.running():
            bench.channel.put("a")
            await asyncio.sleep(5.0)
    assert calls == 2
    assert metric("reconcile_panics_total", bench.name) == 1
    (crash,) = [log for log in logs if log["event"] == "reconcile_crashed"]
    assert isinstance(crash["exc_info"], KeyError)


async def test_without_recovery_an_exception_ends_the_controller() -> None:
    async def reconcile(key: str) -> Result:
        raise KeyError("spec")

    bench = Bench(reconcile, recover=False, workers=4)
    async with bench.running() as task:
        bench.channel.put("a")
        await asyncio.wait({task}, timeout=5.0)
        with pytest.raises(ControllerFailed, match="KeyError: 'spec'"):
            task.result()


async def test_a_conflict_is_tried_again_quietly() -> None:
    calls = 0

    async def reconcile(key: str) -> Result:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Conflict(409, "Conflict", "the object has been modified")
        return Result()

    bench = Bench(reconcile)
    with capture_logs() as logs:
        async with bench.running():
            bench.channel.put("a")
            await asyncio.sleep(5.0)
    assert bench.results() == {"success": 1, "error": 0, "requeue": 1, "requeue_after": 0}
    assert not [log for log in logs if log["log_level"] in ("error", "warning")]


async def test_an_apply_that_meets_a_foreign_field_is_an_error_and_not_a_quiet_conflict() -> None:
    cause = Cause("FieldManagerConflict", ".data.text", 'conflict with "kubectl"')

    async def reconcile(key: str) -> Result:
        raise Conflict(409, "Conflict", "Apply failed with 1 conflict", Details(causes=(cause,)))

    bench = Bench(reconcile)
    with capture_logs() as logs:
        async with bench.running():
            bench.channel.put("a")
            await asyncio.sleep(0.001)
    assert bench.results() == {"success": 0, "error": 1, "requeue": 0, "requeue_after": 0}
    [failed] = [log for log in logs if log["event"] == "reconcile_failed"]
    assert "apply with force to take .data.text over" in failed["error"]


async def test_a_reconcile_that_takes_too_long_is_cancelled_and_tried_again() -> None:
    started: list[float] = []

    async def reconcile(key: str) -> Result:
        started.append(round(now(), 3))
        await asyncio.sleep(60.0 if len(started) == 1 else 0.0)
        return Result()

    bench = Bench(reconcile, reconcile_timeout_s=10.0)
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(30.0)
    assert started == [0.001, 11.001]
    assert metric("reconcile_timeouts_total", bench.name) == 1
    assert metric("reconcile_errors_total", bench.name) == 1


async def test_a_timeout_inside_the_reconciler_is_an_error_of_its_own() -> None:
    async def reconcile(key: str) -> Result:
        async with asyncio.timeout(1.0):
            await asyncio.sleep(5.0)
        return Result()

    bench = Bench(reconcile, reconcile_timeout_s=10.0)
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(1.5)
    assert metric("reconcile_timeouts_total", bench.name) == 0
    assert metric("reconcile_errors_total", bench.name) == 1


async def test_one_key_is_never_reconciled_twice_at_once() -> None:
    holders: set[str] = set()
    runs: Counter[str] = Counter()

    async def reconcile(key: str) -> Result:
        assert key not in holders
        holders.add(key)
        await asyncio.sleep(0.01)
        holders.remove(key)
        runs[key] += 1
        return Result()

    bench = Bench(reconcile, workers=8)
    async with bench.running():
        for step in range(1000):
            bench.channel.put(f"key-{step % 10}")
            await asyncio.sleep(0.001)
        await asyncio.sleep(1.0)
    assert set(runs) == {f"key-{number}" for number in range(10)}
    assert metric("reconcile_panics_total", bench.name) == 0


async def test_all_workers_work_at_once() -> None:
    async def reconcile(key: str) -> Result:
        await asyncio.sleep(10.0)
        return Result()

    bench = Bench(reconcile, workers=4)
    async with bench.running():
        for number in range(10):
            bench.channel.put(f"key-{number}")
        await asyncio.sleep(5.0)
        assert metric("active_workers", bench.name) == 4
        assert bench.controller.statistics().active == 4
        await asyncio.sleep(26.0)
        assert metric("active_workers", bench.name) == 0


async def test_reconciles_that_never_wait_leave_the_loop_to_others() -> None:
    async def reconcile(key: str) -> Result:
        bench.channel.put(key)
        return Result()

    bench = Bench(reconcile)
    beats = 0
    async with bench.running():
        bench.channel.put("a")
        for _ in range(5):
            await asyncio.sleep(0)
            beats += 1
    assert beats == 5


async def test_each_reconcile_has_its_own_id_in_the_log_context() -> None:
    contexts: list[dict[str, Any]] = []

    async def reconcile(key: str) -> Result:
        contexts.append(dict(get_contextvars()))
        return Result()

    bench = Bench(reconcile)
    async with bench.running():
        bench.channel.put("a")
        bench.channel.put("b")
        await asyncio.sleep(1.0)
    assert [(context["controller"], context["key"]) for context in contexts] == [(bench.name, "a"), (bench.name, "b")]
    assert contexts[0]["reconcile_id"] != contexts[1]["reconcile_id"]
    assert not structlog.contextvars.get_contextvars()


async def test_nothing_is_reconciled_before_every_source_is_synced(informer: Any, told: Any) -> None:
    seen: list[str] = []

    async def reconcile(key: Any) -> Result:
        seen.append(str(key))
        return Result()

    controller = Controller("synced-first", reconcile, [KindSource(informer, enqueue_object())], sync_timeout_s=60.0)
    task = asyncio.ensure_future(controller.run())
    await asyncio.sleep(0.001)
    informer.emit(told.added("a", initial=True))
    await asyncio.sleep(30.0)
    assert seen == []
    assert controller.waiting_for() == ["configmaps (listing)"]
    informer.sync()
    await asyncio.sleep(0.001)
    assert seen == ["ns/a"]
    assert controller.waiting_for() == []
    task.cancel()
    await asyncio.wait({task})


async def test_past_the_sync_timeout_the_missing_source_is_named_and_waited_for(informer: Any) -> None:
    seen: list[str] = []

    async def reconcile(key: Any) -> Result:
        seen.append(str(key))
        return Result()

    controller = Controller("late", reconcile, [KindSource(informer, enqueue_object())], sync_timeout_s=60.0)
    informer.last_error = OSError("connection refused")
    with capture_logs() as logs:
        task = asyncio.ensure_future(controller.run())
        await asyncio.sleep(61.0)
        assert [log["waiting_for"] for log in logs if log["event"] == "sources_not_synced"] == [
            ["configmaps (listing: connection refused)"]
        ]
        informer.sync()
        await asyncio.sleep(1.0)
    assert controller.statistics().state == "running"
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.parametrize("when", ["at its start", "before it is synced", "later"])
async def test_a_source_that_fails_ends_the_controller(when: str) -> None:
    class Broken:
        name = "broken"

        async def run(self, queue: Any, synced: asyncio.Event) -> None:
            if when == "later":
                synced.set()
            if when != "at its start":
                await asyncio.sleep(1.0)
            raise RuntimeError("no such thing")

        def waiting_for(self) -> str:
            return self.name

    async def reconcile(key: str) -> Result:
        return Result()

    controller: Controller[str] = Controller("broken-source", reconcile, [Broken()])
    with pytest.raises(ControllerFailed, match="no such thing"):
        await controller.run()


async def test_a_stop_before_sync_ends_at_once(informer: Any) -> None:
    async def reconcile(key: Any) -> Result:
        return Result()

    controller = Controller("stopped-early", reconcile, [KindSource(informer, enqueue_object())])
    task = asyncio.ensure_future(controller.run())
    await asyncio.sleep(1.0)
    task.cancel()
    await asyncio.wait({task}, timeout=1.0)
    assert task.cancelled()
    assert controller.statistics().state == "stopped"


async def test_a_stop_lets_running_reconciles_finish_and_drops_the_rest() -> None:
    finished: list[str] = []

    async def reconcile(key: str) -> Result:
        await asyncio.sleep(10.0)
        finished.append(key)
        return Result()

    bench = Bench(reconcile, workers=2)
    async with bench.running() as task:
        for key in "abc":
            bench.channel.put(key)
        await asyncio.sleep(1.0)
        stopped_at = now()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert now() - stopped_at == pytest.approx(9.0)
    assert sorted(finished) == ["a", "b"]
    assert bench.results()["success"] == 2


async def test_a_second_cancellation_ends_running_reconciles() -> None:
    ended: list[str] = []

    async def reconcile(key: str) -> Result:
        try:
            await asyncio.sleep(3600.0)
        except asyncio.CancelledError:
            ended.append(key)
            raise
        return Result()

    bench = Bench(reconcile)
    async with bench.running() as task:
        bench.channel.put("a")
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.sleep(5.0)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
        assert task.cancelled()
    assert ended == ["a"]
    assert bench.results()["error"] == 0
    assert metric("active_workers", bench.name) == 0


async def test_past_the_fence_no_reconcile_begins() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> Result:
        seen.append(key)
        return Result()

    bench = Bench(reconcile)
    leads = True
    bench.controller.may_work = lambda: leads
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(1.0)
        leads = False
        bench.channel.put("b")
        await asyncio.sleep(1.0)
    assert seen == ["a"]


async def test_a_controller_runs_once() -> None:
    async def reconcile(key: str) -> Result:
        return Result()

    bench = Bench(reconcile)
    async with bench.running():
        with pytest.raises(RuntimeError, match="started already"):
            await bench.controller.run()


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"sources": []}, {"workers": 0}], ids=["no name", "no sources", "no workers"]
)
def test_a_controller_without_name_source_or_worker_is_refused(wrong: dict[str, Any]) -> None:
    async def reconcile(key: str) -> Result:
        return Result()

    given: dict[str, Any] = {"name": "x", "sources": [ChannelSource[str]("c")], "workers": 1, **wrong}
    with pytest.raises(ValueError, match="wanted a name, at least one source and one worker"):
        Controller(given["name"], reconcile, given["sources"], workers=given["workers"])
