"""Functions that block, and functions that are given their object. Real threads, and so real time, for the former."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.contextvars import get_contextvars

from omectl.api.resource import ObjectKey
from omectl.manager import ChannelSource, Controller, Result, blocking, with_fresh_object, with_object
from omectl.metrics import REGISTRY

KEY = ObjectKey("ns", "a")


class Job:
    """A function that blocks until it is released, and knows who is in it."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.started: list[str] = []
        self.ended: list[str] = []
        self.most = 0
        self.threads: set[int] = set()
        self.contexts: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self._inside = 0
        self._lock = threading.Lock()

    def __call__(self, key: str) -> Result:
        with self._lock:
            self.started.append(key)
            self.threads.add(threading.get_ident())
            self.contexts.append(dict(get_contextvars()))
            self._inside += 1
            self.most = max(self.most, self._inside)
        assert self.release.wait(10.0)
        with self._lock:
            self._inside -= 1
            self.ended.append(key)
        if self.error is not None:
            raise self.error
        return Result()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not condition():
            await asyncio.sleep(0.001)


class Bench:
    numbers = iter(range(1000))

    def __init__(self, job: Job, *, threads: int = 4, **options: Any) -> None:
        self.name = f"blocking-{next(self.numbers)}"
        self.channel: ChannelSource[str] = ChannelSource("c")
        self.controller: Controller[str] = Controller(
            self.name, blocking(job, threads=threads), [self.channel], **options
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.ensure_future(self.controller.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    def counted(self, name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(
            f"controller_runtime_reconcile_{name}_total", {"controller": self.name, **labels}
        )


async def test_a_function_that_blocks_leaves_the_loop_free_and_knows_its_run() -> None:
    job = Job()
    bench = Bench(job)
    async with bench.running():
        bench.channel.put("a")
        await until(lambda: job.started == ["a"])
        assert threading.get_ident() not in job.threads
        assert (job.contexts[0]["controller"], job.contexts[0]["key"]) == (bench.name, "a")
        job.release.set()
        await until(lambda: bench.controller.statistics().reconciles == 1)
    assert (
        REGISTRY.get_sample_value("controller_runtime_reconcile_total", {"controller": bench.name, "result": "success"})
        == 1
    )


async def test_no_more_functions_block_at_once_than_there_are_threads() -> None:
    job = Job()
    bench = Bench(job, threads=2, workers=5)
    async with bench.running():
        for key in "abcde":
            bench.channel.put(key)
        await until(lambda: len(job.started) == 2)
        await asyncio.sleep(0.05)
        assert len(job.started) == 2
        job.release.set()
        await until(lambda: len(job.ended) == 5)
    assert job.most == 2


async def test_what_a_blocking_function_raises_is_an_error_like_any_other() -> None:
    job = Job()
    job.error = OSError("disk full")
    job.release.set()
    bench = Bench(job)
    async with bench.running():
        bench.channel.put("a")
        await until(lambda: len(job.ended) >= 2)
    assert (bench.counted("errors") or 0) >= 2


async def test_a_time_out_takes_effect_when_the_function_returns() -> None:
    job = Job()
    bench = Bench(job, reconcile_timeout_s=0.01, workers=2)
    async with bench.running():
        bench.channel.put("a")
        await until(lambda: job.started == ["a"])
        before = bench.counted("timeouts") or 0  # on a busy machine the thread may be late for the first time-out
        bench.channel.put("a")
        await asyncio.sleep(0.05)
        assert (job.started, bench.counted("timeouts")) == (["a"], before), "one key is in one thread only"
        job.error = OSError("too late to matter")
        job.release.set()
        await until(lambda: (bench.counted("timeouts") or 0) == before + 1)
        job.error = None


async def test_what_waits_for_a_thread_is_cancelled_at_once() -> None:
    job = Job()
    reconcile = blocking(job, threads=1)
    first, second = asyncio.ensure_future(reconcile("a")), asyncio.ensure_future(reconcile("b"))
    await until(lambda: job.started == ["a"])
    second.cancel()
    await asyncio.wait({second}, timeout=1.0)
    assert second.cancelled()
    job.release.set()
    assert await first == Result()
    assert job.started == ["a"]


async def test_a_stop_waits_for_the_function() -> None:
    job = Job()
    bench = Bench(job)
    async with bench.running() as task:
        bench.channel.put("a")
        await until(lambda: job.started == ["a"])
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        job.release.set()
        await asyncio.wait({task}, timeout=5.0)
        assert task.cancelled()
    assert job.ended == ["a"]


async def test_nobody_is_told_that_an_error_after_the_stop_was_not_looked_at() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    job = Job()
    job.error = OSError("too late to matter")
    call = asyncio.ensure_future(blocking(job, threads=1)("a"))
    await until(lambda: job.started == ["a"])
    call.cancel()
    await asyncio.sleep(0.01)
    job.release.set()
    await asyncio.wait({call}, timeout=5.0)
    assert call.cancelled()
    assert job.ended == ["a"]
    del call
    gc.collect()  # a task complains when it goes, and the call knew its task
    assert complaints == []


async def test_past_the_grace_the_thread_is_left_to_itself() -> None:
    job = Job()
    reconcile = blocking(job, threads=1)
    call = asyncio.ensure_future(reconcile("a"))
    await until(lambda: job.started == ["a"])
    call.cancel()
    await asyncio.sleep(0.01)
    assert not call.done()
    call.cancel()
    await asyncio.wait({call}, timeout=1.0)
    assert call.cancelled()
    job.release.set()
    await until(lambda: job.ended == ["a"])


async def test_an_object_is_read_and_passed_on() -> None:
    seen: list[Any] = []

    async def reconcile(key: ObjectKey, found: str) -> Result:
        seen.append((key, found))
        return Result(requeue_after_s=5.0)

    assert await with_object(lambda key: f"object {key}", reconcile)(KEY) == Result(requeue_after_s=5.0)
    assert seen == [(KEY, "object ns/a")]


async def test_an_object_that_is_gone_is_a_success() -> None:
    async def reconcile(key: ObjectKey, found: str) -> Result:
        raise AssertionError("must not be called")

    async def nothing(key: ObjectKey) -> None:
        return None

    assert await with_object(lambda key: None, reconcile)(KEY) == Result()
    assert await with_fresh_object(nothing, reconcile)(KEY) == Result()


async def test_an_object_may_be_read_by_waiting() -> None:
    async def read(key: ObjectKey) -> str:
        return f"live {key}"

    async def reconcile(key: ObjectKey, found: str) -> Result:
        assert (key, found) == (KEY, "live ns/a")
        return Result(priority=1)

    assert await with_fresh_object(read, reconcile)(KEY) == Result(priority=1)


@pytest.mark.parametrize("failing", ["read", "reconcile"])
async def test_what_reading_or_reconciling_raises_comes_out(failing: str) -> None:
    def read(key: ObjectKey) -> str:
        if failing == "read":
            raise ValueError("not decodable")
        return "x"

    async def reconcile(key: ObjectKey, found: str) -> Result:
        raise ValueError("not decodable")

    with pytest.raises(ValueError, match="not decodable"):
        await with_object(read, reconcile)(KEY)
