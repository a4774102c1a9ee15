"""Every end of a reconcile: what the metrics count, what the log says, and what becomes of the key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.resource import ObjectKey
from omectl.kube.errors import Conflict
from omectl.manager import ChannelSource, Controller, ControllerFailed, NotLeading, Result, TerminalError
from omectl.metrics import REGISTRY
from omectl.workqueue import ExponentialLimiter

pytestmark = pytest.mark.looptime

CONFLICT = Conflict(409, "Conflict", "the object has been modified")


def now() -> float:
    return asyncio.get_running_loop().time()


async def hang(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def time_out_inside(seconds: float) -> None:
    async with asyncio.timeout(seconds):
        await asyncio.sleep(3600.0)


async def await_something_cancelled() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


class Bench:
    """A controller whose reconciles do `script`, one entry each: an exception, a Result, or something to await first.

    The last entry is repeated. A name of its own keeps the metrics apart.
    """

    numbers = iter(range(10_000))

    def __init__(self, *script: Any, **options: Any) -> None:
        self.channel: ChannelSource[Any] = ChannelSource("test")
        self.name = f"outcome-{next(self.numbers)}"
        self.moments: list[float] = []
        self.contexts: list[dict[str, Any]] = []
        self._script = list(script)
        options.setdefault("limiter", ExponentialLimiter[Any](1.0, 1000.0))
        self.controller: Controller[Any] = Controller(self.name, self._reconcile, [self.channel], **options)

    async def _reconcile(self, key: Any) -> Result:
        self.moments.append(round(now(), 3))
        self.contexts.append(dict(get_contextvars()))
        entry = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(entry, BaseException):
            raise entry
        if isinstance(entry, Result):
            return entry
        await entry()
        return Result()

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

    def counted(self) -> dict[str, float]:
        """All series that are not zero, without the prefix; results under their label."""
        found: dict[str, float] = {}
        for family in REGISTRY.collect():
            for sample in family.samples:
                if sample.labels.get("controller") != self.name or not sample.name.startswith("controller_runtime_"):
                    continue
                if sample.value and not sample.name.endswith(("_bucket", "_sum", "max_concurrent_reconciles")):
                    name = sample.name.removeprefix("controller_runtime_").removeprefix("reconcile_")
                    found[sample.labels.get("result", name.removesuffix("_total"))] = sample.value
        return found


@pytest.mark.parametrize(
    ("entry", "timeout_s", "counted"),
    [
        (Result(), None, {"success": 1}),
        (Result(requeue_after_s=60.0), None, {"requeue_after": 1}),
        (CONFLICT, None, {"requeue": 1}),
        (NotLeading("patch", "another one leads"), None, {"requeue": 1}),
        (OSError("x"), None, {"error": 1, "errors": 1}),
        (TerminalError("x"), None, {"error": 1, "errors": 1, "terminal_reconcile_errors": 1}),
        (TerminalError(), None, {"error": 1, "errors": 1, "terminal_reconcile_errors": 1}),
        (KeyError("x"), None, {"error": 1, "errors": 1, "panics": 1}),
        (await_something_cancelled, None, {"error": 1, "errors": 1}),
        (await_something_cancelled, 5.0, {"error": 1, "errors": 1}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
async def test_each_outcome_counts_exactly_what_it_is(
    entry: Any, timeout_s: float | None, counted: dict[str, float]
) -> None:
    bench = Bench(entry, reconcile_timeout_s=timeout_s)
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(0.5)
        assert bench.counted() == {**counted, "time_seconds_count": 1}


@pytest.mark.parametrize(
    ("entry", "counted"),
    [
        (TerminalError("x"), {"terminal_reconcile_errors": 2}),
        (KeyError("x"), {"panics": 2}),
        (lambda: hang(3.0), {"timeouts": 2}),
    ],
    ids=["terminal", "panic", "time-out"],
)
async def test_the_second_failure_counts_like_the_first(entry: Any, counted: dict[str, float]) -> None:
    bench = Bench(entry, reconcile_timeout_s=2.0, limiter=ExponentialLimiter[Any](100.0, 1000.0))
    async with bench.running():
        bench.channel.put("a")
        bench.channel.put("b")
        await asyncio.sleep(10.0)
        assert bench.counted() == {"error": 2, "errors": 2, "time_seconds_count": 2, **counted}


@pytest.mark.parametrize(
    ("entry", "timeout_s", "counted"),
    [
        (lambda: hang(1.0), None, {"success": 1}),
        (lambda: hang(1.0), 2.0, {"success": 1}),
        (lambda: hang(3.0), 2.0, {"error": 1, "errors": 1, "timeouts": 1}),
        (lambda: time_out_inside(1.0), None, {"error": 1, "errors": 1}),
        (lambda: time_out_inside(1.0), 2.0, {"error": 1, "errors": 1}),
        (lambda: time_out_inside(3.0), 2.0, {"error": 1, "errors": 1, "timeouts": 1}),
    ],
    ids=["no limit", "in time", "too late", "inner alone", "inner first", "ours first"],
)
async def test_only_our_own_time_out_counts_as_one(
    entry: Any, timeout_s: float | None, counted: dict[str, float]
) -> None:
    bench = Bench(entry, Result(), reconcile_timeout_s=timeout_s, limiter=ExponentialLimiter[Any](100.0, 1000.0))
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(10.0)
        assert bench.counted() == {**counted, "time_seconds_count": 1}


async def test_a_reconcile_that_is_cut_off_by_the_stop_is_no_error() -> None:
    bench = Bench(lambda: hang(3600.0))
    async with bench.running() as task:
        bench.channel.put("a")
        await asyncio.sleep(1.0)
        assert bench.counted() == {"active_workers": 1}
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.001)
    assert bench.counted() == {"time_seconds_count": 1}


async def test_the_length_of_a_reconcile_is_measured() -> None:
    bench = Bench(lambda: hang(1.2))
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(2.0)
    labels = {"controller": bench.name}
    assert REGISTRY.get_sample_value("controller_runtime_reconcile_time_seconds_sum", labels) == pytest.approx(1.2)
    for bound, count in (("1.0", 0), ("1.25", 1)):
        read = REGISTRY.get_sample_value("controller_runtime_reconcile_time_seconds_bucket", {**labels, "le": bound})
        assert read == count


@pytest.mark.parametrize(
    ("entry", "event", "text"),
    [
        (OSError("disk full"), "reconcile_failed", "disk full"),
        (OSError(), "reconcile_failed", "OSError"),
        (TerminalError("spec.size is negative"), "reconcile_failed_for_good", "spec.size is negative"),
        (KeyError("spec"), "reconcile_crashed", "panic: KeyError: 'spec' [recovered]"),
    ],
    ids=["error", "silent error", "terminal", "panic"],
)
async def test_each_failure_says_what_it_was(entry: Any, event: str, text: str) -> None:
    bench = Bench(entry, Result())
    with capture_logs() as logs:
        async with bench.running():
            bench.channel.put("a")
            await asyncio.sleep(0.5)
    (line,) = [log for log in logs if log["event"].startswith("reconcile_")]
    assert (line["event"], line["log_level"], line["error"]) == (event, "error", text)
    assert (line.get("exc_info") is entry) is (event == "reconcile_crashed")
    assert line.get("error_type") == ("OSError" if event == "reconcile_failed" else None)


@pytest.mark.parametrize(
    ("entry", "event"),
    [(CONFLICT, "reconcile_conflicted"), (NotLeading("patch", "another one leads"), "reconcile_fenced_off")],
    ids=["conflict", "fence"],
)
async def test_what_solves_itself_is_told_to_those_who_debug_only(
    entry: Exception, event: str, debug_logs: list[dict[str, Any]]
) -> None:
    bench = Bench(entry, Result())
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(5.0)
    assert [log for log in debug_logs if log["event"] != "controller_state"] == [
        {"event": event, "error": str(entry), "log_level": "debug"}
    ]
    assert bench.moments == [0.001, 1.001]


async def test_every_change_of_state_is_told(debug_logs: list[dict[str, Any]]) -> None:
    bench = Bench(Result())
    async with bench.running():
        pass
    states = ["created", "syncing", "running", "stopping", "stopped"]
    assert debug_logs == [
        {"event": "controller_state", "controller": bench.name, "old": old, "new": new, "log_level": "debug"}
        for old, new in pairwise(states)
    ]


async def test_a_time_out_says_how_long_it_was() -> None:
    bench = Bench(lambda: hang(10.0), Result(), reconcile_timeout_s=2.5)
    with capture_logs() as logs:
        async with bench.running():
            bench.channel.put("a")
            await asyncio.sleep(3.0)
    (line,) = [log for log in logs if log["event"].startswith("reconcile_")]
    assert (line["event"], line["log_level"], line["timeout_s"]) == ("reconcile_timed_out", "error", 2.5)


async def test_a_worker_survives_a_cancellation_that_was_not_for_it() -> None:
    bench = Bench(await_something_cancelled, Result())
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(5.0)
    assert bench.moments == [0.001, 1.001]


@pytest.mark.parametrize("entry", [OSError("x"), CONFLICT], ids=["error", "conflict"])
async def test_what_is_tried_again_keeps_its_priority_and_waits_longer(entry: Any) -> None:
    bench = Bench(entry)
    async with bench.running():
        bench.channel.put("a", priority=-7)
        await asyncio.sleep(2.0)
        assert bench.moments == [0.001, 1.001]
        bench.controller.queue.shut_down(drain=True)
    bench = Bench(entry, lambda: hang(50.0))
    async with bench.running():
        bench.channel.put("a", priority=-7)
        await asyncio.sleep(0.5)
        bench.channel.put("other", priority=0)
        await asyncio.sleep(10.0)
        assert {level: depth for level, depth in bench.controller.queue.statistics().depth.items() if depth} == {-7: 1}


async def test_a_success_ignores_a_priority_without_a_time() -> None:
    bench = Bench(Result(priority=9))
    async with bench.running():
        bench.channel.put("a")
        await asyncio.sleep(100.0)
    assert bench.moments == [0.001]


@pytest.mark.parametrize("recover", [True, None])
async def test_a_panic_is_survived_by_default(recover: bool | None) -> None:
    bench = Bench(KeyError("x"), Result(), recover=recover)
    async with bench.running() as task:
        bench.channel.put("a")
        await asyncio.sleep(5.0)
        assert not task.done()
    assert bench.counted()["success"] == 1


async def test_without_recovery_a_panic_ends_the_controller_and_is_counted() -> None:
    bench = Bench(KeyError("spec"), recover=False)
    with capture_logs() as logs:
        async with bench.running() as task:
            bench.channel.put("a")
            await asyncio.wait({task}, timeout=5.0)
            with pytest.raises(ControllerFailed, match=f"^controller {bench.name} ended: KeyError: 'spec'$"):
                task.result()
    assert bench.counted() == {"errors": 1, "panics": 1, "time_seconds_count": 1}
    (line,) = [log for log in logs if log["event"] == "reconcile_crashed"]
    assert line["error"] == "panic: KeyError: 'spec'"


@pytest.mark.parametrize("entry", [OSError("x"), TerminalError("x"), CONFLICT], ids=["error", "terminal", "conflict"])
async def test_without_recovery_a_designed_error_is_still_survived(entry: Any) -> None:
    bench = Bench(entry, Result(), recover=False)
    async with bench.running() as task:
        bench.channel.put("a")
        await asyncio.sleep(5.0)
        assert not task.done()


async def test_the_log_knows_controller_kind_namespace_name_and_run() -> None:
    bench = Bench(Result(), kind=INFERENCE_SERVICES)
    async with bench.running():
        bench.channel.put(ObjectKey("ns", "svc"))
        await asyncio.sleep(0.1)
        bench.channel.put(ObjectKey("", "cluster-wide"))
        await asyncio.sleep(0.1)
    first, second = bench.contexts
    ids = [context.pop("reconcile_id") for context in (first, second)]
    assert first == {
        "controller": bench.name,
        "kind": "InferenceService.ome.io",
        "key": "ns/svc",
        "namespace": "ns",
        "name": "svc",
    }
    assert (second["namespace"], second["name"], second["key"]) == ("", "cluster-wide", "cluster-wide")
    assert [len(one) for one in ids] == [16, 16]
    assert int(ids[0], 16) != int(ids[1], 16)


async def test_a_key_that_is_no_object_and_a_controller_without_a_kind_log_what_there_is() -> None:
    bench = Bench(Result())
    async with bench.running():
        bench.channel.put(7)
        await asyncio.sleep(0.1)
    assert {name: value for name, value in bench.contexts[0].items() if name != "reconcile_id"} == {
        "controller": bench.name,
        "key": "7",
    }


@pytest.mark.parametrize(("drain", "served"), [(False, 1), (True, 3)])
async def test_a_stop_drops_the_queue_or_works_it_off(drain: bool, served: int) -> None:
    bench = Bench(lambda: hang(10.0), drain=drain)
    async with bench.running() as task:
        for key in "abc":
            bench.channel.put(key)
        bench.controller.queue.add("delayed", after_s=1.0)
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait({task})
        assert now() == pytest.approx(0.001 + 10.0 * served)
    assert len(bench.moments) == served
    assert bench.controller.statistics().queue.phase == "closed"


async def test_a_key_met_past_the_fence_is_looked_at_again_a_second_later() -> None:
    bench = Bench(Result())
    leads = False
    bench.controller.may_work = lambda: leads
    async with bench.running():
        bench.channel.put("a", priority=3)
        await asyncio.sleep(2.5)
        assert bench.moments == []
        leads = True
        await asyncio.sleep(10.0)
    assert bench.moments == [3.001]


async def test_a_key_that_its_gate_puts_off_keeps_its_priority() -> None:
    asked: list[tuple[Any, int]] = []

    class OnceClosed:
        name = "gate"

        def park(self, key: Any, priority: int) -> float:
            asked.append((key, priority))
            return 1.0 if len(asked) == 1 else 0.0

        async def run(self, queue: Any, synced: asyncio.Event) -> None:
            synced.set()

        def waiting_for(self) -> str:
            return self.name

    bench = Bench(Result(), gate=OnceClosed())
    async with bench.running():
        bench.channel.put("a", priority=3)
        await asyncio.sleep(5.0)
    assert asked == [("a", 3), ("a", 3)]
    assert bench.moments == [1.001]


async def test_a_key_that_nobody_waits_for_starves_for_no_longer_than_it_may() -> None:
    numbers = iter(range(100))

    async def bring_another() -> None:
        bench.channel.put(f"urgent-{next(numbers)}")
        await hang(1.0)

    bench = Bench(bring_another, max_starvation_s=2.5)
    async with bench.running():
        bench.channel.put("first")
        bench.channel.put("patient", priority=-1)
        await asyncio.sleep(5.5)
    # After 3 s the patient one is as urgent as the rest, and stands at the end of their line.
    assert [context["key"] for context in bench.contexts] == [
        *("first", "urgent-0", "urgent-1", "urgent-2", "patient", "urgent-3")
    ]


async def test_every_task_of_a_controller_says_what_it_is() -> None:
    bench = Bench(Result(), workers=2)
    async with bench.running():
        named = {task.get_name() for task in asyncio.all_tasks() if bench.name in task.get_name()}
    assert named == {
        f"controller/{bench.name}",
        f"feed/{bench.name}",
        f"source/{bench.name}/test",
        f"worker/{bench.name}/0",
        f"worker/{bench.name}/1",
    }


async def test_the_queue_has_the_name_of_its_controller() -> None:
    bench = Bench(Result())
    assert bench.controller.statistics().queue.name == bench.name


def test_a_controller_needs_leadership_unless_it_is_told_otherwise() -> None:
    assert Bench(Result()).controller.needs_leader is True
    assert Bench(Result(), needs_leader=False).controller.needs_leader is False


async def test_statistics_tell_where_a_controller_is() -> None:
    bench = Bench(lambda: hang(1.0), workers=2)
    told = bench.controller.statistics()
    assert (told.name, told.state, told.workers, told.active, told.reconciles) == (bench.name, "created", 2, 0, 0)
    assert told.waiting_for == ("test (not started)",)
    async with bench.running() as task:
        bench.channel.put("a")
        bench.channel.put("b")
        await asyncio.sleep(0.5)
        told = bench.controller.statistics()
        assert (told.state, told.active, told.reconciles, told.queue.processing) == ("running", 2, 0, 2)
        task.cancel()
        await asyncio.sleep(0)
        assert bench.controller.statistics().state == "stopping"
        await asyncio.wait({task})
        told = bench.controller.statistics()
        assert (told.state, told.active, told.reconciles, told.waiting_for) == ("stopped", 0, 2, ())
