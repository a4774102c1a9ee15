"""Code that blocks the loop is found and named. Where a thread is needed the time is real, and kept short."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from queue import SimpleQueue
from typing import Any

import pytest
from structlog.testing import capture_logs

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import HeaderIndex, InformerFactory
from omectl.kube.listing import RawPage
from omectl.kube.resources import CONFIG_MAPS
from omectl.manager import ChannelSource, Controller, KindSource, Result
from omectl.manager import watchdog as watchdog_module
from omectl.manager.watchdog import LoopStatistics, LoopWatchdog, Stall, guilty, stack_of, task_of
from omectl.metrics import REGISTRY

HERE = __file__
STALL_S = 0.05


class Look:
    """Notices when the watchdog looks at code that blocks the loop: a function whose name begins with `slow_`.

    Such a function waits for `next`, and so blocks for just as long as it takes to be found.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._looks: SimpleQueue[None] = SimpleQueue()
        monkeypatch.setattr(watchdog_module, "_INTERVAL_S", 0.01)
        monkeypatch.setattr(watchdog_module, "stack_of", self._stack_of)
        self.next: Callable[..., None] = self._looks.get  # no Python function, so it is in no stack

    def _stack_of(self, thread: int) -> tuple[str, ...]:
        stack = stack_of(thread)
        if any(" slow_" in line for line in stack):
            self._looks.put(None)
        return stack


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Look:
    return Look(monkeypatch)


@asynccontextmanager
async def watching(watchdog: LoopWatchdog, *others: Any) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(watchdog.run()), *(asyncio.ensure_future(other) for other in others)]
    await asyncio.sleep(0.01)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def stall_by(watchdog: LoopWatchdog, name: str) -> Stall:
    """The stall by the function of that name; others, of a busy machine, do not count."""
    async with asyncio.timeout(5.0):
        while watchdog.last_stall is None or not watchdog.last_stall.code.endswith(f" {name}"):
            await asyncio.sleep(0.01)
    return watchdog.last_stall


def line_of(function: Callable[..., object]) -> str:
    """The start of what a stack says about the first line inside a function."""
    return f"{HERE}:{function.__code__.co_firstlineno + 1} "


async def test_a_blocking_call_is_named_with_its_length(look: Look) -> None:
    def slow_call() -> None:
        look.next(timeout=5.0)

    watchdog = LoopWatchdog(STALL_S)
    lags = REGISTRY.get_sample_value("omectl_event_loop_lag_seconds_count") or 0.0
    async with watching(watchdog):
        slow_call()
        stall = await stall_by(watchdog, "slow_call")
        task = asyncio.current_task()
    assert task is not None
    assert STALL_S < stall.seconds < 5.0
    assert stall.task == task.get_name()
    assert stall.code == f"{line_of(slow_call)}slow_call"
    assert stall.stack[-1] == stall.code
    assert len(stall.stack) == 12
    assert (REGISTRY.get_sample_value("omectl_event_loop_lag_seconds_count") or 0.0) >= lags + 1


def test_a_stall_is_counted_and_told() -> None:
    watchdog = LoopWatchdog(0.05)
    before = REGISTRY.get_sample_value("omectl_event_loop_stalls_total") or 0.0
    stall = Stall(0.41239, "worker/x/0", "x.py:3 reconcile", ("y.py:1 main", "x.py:3 reconcile"))
    with capture_logs() as logs:
        watchdog._note(stall)
    assert logs == [
        {
            "event": "event_loop_stalled",
            "log_level": "warning",
            "seconds": 0.412,
            "task": "worker/x/0",
            "code": "x.py:3 reconcile",
            "blocked_at": ["y.py:1 main", "x.py:3 reconcile"],
            "next_step": "move blocking work to a thread, or let long work pause",
        }
    ]
    assert watchdog.statistics() == LoopStatistics(stalls=1, last_stall=stall)
    watchdog._note(stall)
    assert watchdog.statistics() == LoopStatistics(stalls=2, last_stall=stall)
    assert REGISTRY.get_sample_value("omectl_event_loop_stalls_total") == before + 2


async def test_a_loop_that_answers_is_not_told_of(look: Look) -> None:
    watchdog = LoopWatchdog(5.0)
    answers = REGISTRY.get_sample_value("omectl_event_loop_lag_seconds_count") or 0.0
    with capture_logs() as logs:
        async with watching(watchdog), asyncio.timeout(5.0):
            while (REGISTRY.get_sample_value("omectl_event_loop_lag_seconds_count") or 0.0) < answers + 2:
                await asyncio.sleep(0.01)
    assert (logs, watchdog.last_stall, watchdog.problem()) == ([], None, None)
    assert watchdog.statistics() == LoopStatistics(stalls=0, last_stall=None)


class OneList:
    """A collection of one object that never changes."""

    streaming_list = False

    async def pages(self, options: Any) -> AsyncIterator[RawPage]:
        yield RawPage([b'{"metadata":{"namespace":"ns","name":"a","uid":"u","resourceVersion":"1"}}'], "1", "", True)

    @asynccontextmanager
    async def watch(self, options: Any) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        async def never() -> AsyncIterator[list[bytes]]:
            await asyncio.get_running_loop().create_future()
            yield []

        yield never()

    async def is_served(self) -> bool:
        return True


def factory() -> InformerFactory:
    return InformerFactory(None, source=lambda *_, metadata_only: OneList())  # type: ignore[arg-type]


async def test_a_reconciler_that_blocks_is_named(look: Look) -> None:
    async def slow_reconcile(key: str) -> Result:
        look.next(timeout=5.0)
        return Result()

    watchdog, channel = LoopWatchdog(STALL_S), ChannelSource[str]("c")
    channel.put("k")
    controller = Controller("blocking", slow_reconcile, [channel])
    async with watching(watchdog, controller.run()):
        stall = await stall_by(watchdog, "slow_reconcile")
    assert stall.task == "worker/blocking/0"
    assert stall.code == f"{line_of(slow_reconcile)}slow_reconcile"


async def test_a_handler_that_blocks_is_named(look: Look) -> None:
    def slow_handler(event: Any) -> Iterable[ObjectKey]:
        look.next(timeout=5.0)
        return ()

    async def reconcile(key: ObjectKey) -> Result:
        return Result()

    watchdog, informers = LoopWatchdog(STALL_S), factory()
    source = KindSource(informers.informer(CONFIG_MAPS), slow_handler)
    controller = Controller("handling", reconcile, [source])
    async with watching(watchdog, informers.run(), controller.run()):
        stall = await stall_by(watchdog, "slow_handler")
    assert stall.task == "configmaps:handling"
    assert stall.code == f"{line_of(slow_handler)}slow_handler"


async def test_an_index_that_blocks_is_named(look: Look) -> None:
    def slow_index(header: Any) -> Iterable[str]:
        look.next(timeout=5.0)
        return ()

    watchdog, informers = LoopWatchdog(STALL_S), factory()
    informers.informer(CONFIG_MAPS, indexes={"slow": HeaderIndex(slow_index)})
    async with watching(watchdog, informers.run()):
        stall = await stall_by(watchdog, "slow_index")
    assert "configmaps" in stall.task
    assert stall.code == f"{line_of(slow_index)}slow_index"


async def test_a_transform_that_blocks_is_named(look: Look) -> None:
    def slow_transform(obj: JsonObject) -> JsonObject:
        look.next(timeout=5.0)
        return obj

    watchdog, informers = LoopWatchdog(STALL_S), factory()
    informers.informer(CONFIG_MAPS, transform=slow_transform)
    async with watching(watchdog, informers.run()):
        stall = await stall_by(watchdog, "slow_transform")
    assert "configmaps" in stall.task
    assert stall.code == f"{line_of(slow_transform)}slow_transform"


async def test_a_callback_of_the_loop_has_no_task() -> None:
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: seen.append(task_of(loop)))
    await asyncio.sleep(0)
    assert seen == ["(no task)"]


async def test_a_stall_that_goes_on_is_told_while_it_lasts(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow_call() -> None:
        for _ in range(3):
            look.next(timeout=5.0)

    monkeypatch.setattr(watchdog_module, "_STILL_S", 0.01)
    watchdog = LoopWatchdog(STALL_S)
    with capture_logs() as logs:
        async with watching(watchdog):
            slow_call()
            await stall_by(watchdog, "slow_call")
    still = [entry for entry in logs if entry["event"] == "event_loop_still_stalled"]
    assert len(still) >= 2
    assert all(entry["blocked_at"][-1].endswith(" slow_call") for entry in still[:2])


class Scripted:
    """Time and a loop for a watch without a thread: the loop answers each question after so many seconds.

    At the last answer the watch is told to end, as it next begins to wait.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, watchdog: LoopWatchdog, *answers_s: float) -> None:
        self.now = 100.0
        self.waits: list[tuple[str, float]] = []
        self.asked_at: list[float] = []
        self._answers_s = list(answers_s)
        self._watchdog = watchdog
        self._answer_at = 0.0
        self._stop, self._alive = watchdog._stop, watchdog._alive
        monkeypatch.setattr(watchdog_module.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(watchdog._stop, "wait", self._wait_for_stop)
        monkeypatch.setattr(watchdog._alive, "wait", self._wait_for_answer)

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        assert callback == self._alive.set
        self.asked_at.append(self.now)
        self._answer_at = self.now + self._answers_s.pop(0)

    def _wait_for_stop(self, seconds: float) -> bool:
        self.waits.append(("stop", seconds))
        self.now += seconds
        return not self._answers_s

    def _wait_for_answer(self, seconds: float) -> bool:
        self.waits.append(("answer", seconds))
        answered = self._answer_at <= self.now + seconds
        self.now = self._answer_at if answered else self.now + seconds
        return answered


def test_the_loop_is_asked_ten_times_a_second_and_a_long_silence_told_every_five(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = tuple(f"/app/a.py:{number} f{number}" for number in range(14))
    watchdog = LoopWatchdog(0.26)
    script = Scripted(monkeypatch, watchdog, 0.03, 0.75, 0.125, 12.5)
    monkeypatch.setattr(watchdog_module, "task_of", lambda loop: "worker/x/0" if loop is script else "?")
    monkeypatch.setattr(watchdog_module, "stack_of", lambda thread: stack if thread == 7 else ("?",))
    before = REGISTRY.get_sample_value("omectl_event_loop_lag_seconds_sum") or 0.0
    with capture_logs() as logs:
        watchdog._watch(script, 7)  # type: ignore[arg-type]
    assert script.asked_at == pytest.approx([100.1, 100.23, 101.08, 101.305])
    assert script.waits == [
        *(("stop", 0.1), ("answer", 0.26)),
        *(("stop", 0.1), ("answer", 0.26), ("answer", 5.0)),
        *(("stop", 0.1), ("answer", 0.26)),
        *(("stop", 0.1), ("answer", 0.26), ("answer", 5.0), ("answer", 5.0), ("answer", 5.0)),
        ("stop", 0.1),
    ]
    still = {"event": "event_loop_still_stalled", "log_level": "error", "task": "worker/x/0", "blocked_at": [*stack]}
    assert [entry for entry in logs if entry["event"] == "event_loop_still_stalled"] == [
        {**still, "seconds": 5.3},
        {**still, "seconds": 10.3},
    ]
    assert [entry["seconds"] for entry in logs if entry["event"] == "event_loop_stalled"] == [0.75, 12.5]
    assert watchdog.last_stall == Stall(pytest.approx(12.5), "worker/x/0", stack[-1], stack[2:])  # type: ignore[arg-type]
    assert watchdog.statistics().stalls == 2
    lags = REGISTRY.get_sample_value("omectl_event_loop_lag_seconds_sum") or 0.0
    assert lags - before == pytest.approx(0.03 + 0.75 + 0.125 + 12.5)


def test_an_end_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    watchdog = LoopWatchdog(0.25)
    script = Scripted(monkeypatch, watchdog, 60.0, 1.0)
    watchdog._alive.wait = lambda seconds: watchdog._stop.set() or True  # type: ignore[method-assign, func-returns-value]
    before = REGISTRY.get_sample_value("omectl_event_loop_lag_seconds_count")
    watchdog._watch(script, 7)  # type: ignore[arg-type]
    assert len(script.asked_at) == 1
    assert REGISTRY.get_sample_value("omectl_event_loop_lag_seconds_count") == before


@pytest.mark.parametrize(
    ("seconds", "age_s", "told"), [(4.99, 0.0, False), (5.0, 0.0, True), (5.0, 30.0, True), (5.0, 30.5, False)]
)
def test_readiness_names_who_blocked_for_long_lately(
    monkeypatch: pytest.MonkeyPatch, seconds: float, age_s: float, told: bool
) -> None:
    clock = [100.0]
    monkeypatch.setattr(watchdog_module.time, "perf_counter", lambda: clock[0])
    watchdog = LoopWatchdog(0.1)
    watchdog._note(Stall(seconds, "worker/x/0", "x.py:3 reconcile", ("x.py:3 reconcile",)))
    clock[0] += age_s
    expected = "worker/x/0 held up the event loop for 5.0 s at x.py:3 reconcile"
    assert watchdog.problem() == (expected if told else None)


def test_the_guilty_line_is_the_innermost_outside_the_standard_library() -> None:
    library = f"{watchdog_module._STANDARD_LIBRARY}/json/decoder.py:1 decode"
    package = f"{watchdog_module._STANDARD_LIBRARY}/site-packages/requests/api.py:2 get"
    debian = f"{watchdog_module._STANDARD_LIBRARY}/dist-packages/requests/api.py:2 get"
    frozen = "<frozen importlib._bootstrap>:100 _find_and_load"
    assert guilty(("/app/a.py:1 f", "/app/b.py:2 g", library, frozen)) == "/app/b.py:2 g"
    assert guilty(("/app/a.py:1 f", package, library)) == package
    assert guilty(("/app/a.py:1 f", debian)) == debian
    assert guilty((frozen, library)) == library
    assert guilty((library, library, frozen)) == frozen


def test_a_thread_that_has_ended_has_no_stack() -> None:
    assert stack_of(-1) == ("(unknown)",)
    assert "stack_of" in stack_of(threading.get_ident())[-1]


async def test_the_thread_ends_with_the_task() -> None:
    watchdog = LoopWatchdog(0.05)
    task = asyncio.ensure_future(watchdog.run())
    await asyncio.sleep(0.01)
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "loop-watchdog"] == [True]
    task.cancel()
    await asyncio.wait({task})
    assert not any(thread.name == "loop-watchdog" for thread in threading.enumerate())


async def test_an_end_that_comes_as_the_thread_asks_is_noticed(look: Look) -> None:
    watchdog = LoopWatchdog(0.05)
    asks = threading.Event()
    forget = watchdog._alive.clear

    def forget_late() -> None:
        asks.set()
        watchdog._stop.wait(5.0)
        while not watchdog._alive.is_set():
            pass
        forget()

    watchdog._alive.clear = forget_late  # type: ignore[method-assign]
    task = asyncio.ensure_future(watchdog.run())
    async with asyncio.timeout(5.0):
        while not asks.is_set():
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.wait({task})
    assert not any(thread.name == "loop-watchdog" for thread in threading.enumerate())
