"""Where keys come from, and when a source is synced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from omectl.api.resource import ObjectKey
from omectl.kube.errors import Forbidden
from omectl.manager import ChannelSource, KindSource, PollingSource, enqueue_object, generation_changed, labels_changed
from omectl.workqueue import LOW_PRIORITY, PriorityQueue

pytestmark = pytest.mark.looptime


@asynccontextmanager
async def running(source: Any, queue: PriorityQueue[Any]) -> AsyncIterator[asyncio.Event]:
    synced = asyncio.Event()
    task = asyncio.ensure_future(source.run(queue, synced))
    await asyncio.sleep(0)
    try:
        yield synced
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        queue.shut_down()


async def taken(queue: PriorityQueue[Any]) -> list[tuple[Any, int]]:
    found: list[tuple[Any, int]] = []
    while len(queue):
        key, priority = await queue.get()
        found.append((key, priority))
        queue.done(key)
    return found


async def test_what_nobody_waits_for_is_queued_low(informer: Any, told: Any) -> None:
    queue: PriorityQueue[ObjectKey] = PriorityQueue()
    async with running(KindSource(informer, enqueue_object()), queue):
        informer.emit(
            told.added("listed", initial=True),
            told.updated(told.record("replayed"), told.record("replayed"), resync=True),
            told.added("new"),
            told.updated(told.record("changed"), told.record("changed", version="2")),
            told.deleted("deleted"),
        )
        by_name = {key.name: priority for key, priority in await taken(queue)}
    assert by_name == {"listed": LOW_PRIORITY, "replayed": LOW_PRIORITY, "new": 0, "changed": 0, "deleted": 0}


async def test_every_predicate_must_keep_an_event(informer: Any, told: Any) -> None:
    queue: PriorityQueue[ObjectKey] = PriorityQueue()
    source = KindSource(informer, enqueue_object(), [generation_changed, labels_changed])
    async with running(source, queue):
        informer.emit(told.updated(told.record(), told.record(generation=2)))
        informer.emit(told.updated(told.record(), told.record(labels={"x": "y"})))
        assert len(queue) == 0
        informer.emit(told.updated(told.record(), told.record(generation=2, labels={"x": "y"})))
        assert len(queue) == 1


async def test_a_kind_is_synced_when_its_handler_has_seen_the_initial_set(informer: Any) -> None:
    async with running(KindSource(informer, enqueue_object()), PriorityQueue()) as synced:
        await asyncio.sleep(60.0)
        assert not synced.is_set()
        informer.sync()
        await asyncio.sleep(0.001)
        assert synced.is_set()


async def test_a_required_kind_that_is_absent_is_waited_for(informer: Any) -> None:
    async with running(KindSource(informer, enqueue_object()), PriorityQueue()) as synced:
        informer.be_absent()
        await asyncio.sleep(60.0)
        assert not synced.is_set()


async def test_an_optional_kind_may_be_absent_and_still_be_heard_of_later(informer: Any, told: Any) -> None:
    queue: PriorityQueue[ObjectKey] = PriorityQueue()
    async with running(KindSource(informer, enqueue_object(), optional=True), queue) as synced:
        await asyncio.sleep(60.0)
        assert not synced.is_set()
        informer.be_absent()
        await asyncio.sleep(0.001)
        assert synced.is_set()
        informer.sync()
        informer.emit(told.added("late", initial=True))
        assert await taken(queue) == [(ObjectKey("ns", "late"), LOW_PRIORITY)]


async def test_a_kind_says_where_its_informer_is_and_what_went_wrong(informer: Any) -> None:
    source = KindSource(informer, enqueue_object())
    assert source.waiting_for() == "configmaps (listing)"
    informer.last_error = Forbidden(403, "Forbidden", "configmaps is forbidden")
    assert "configmaps (listing: the API server answered 403 Forbidden" in source.waiting_for()


async def test_a_stopped_source_hears_nothing_more(informer: Any) -> None:
    async with running(KindSource(informer, enqueue_object()), PriorityQueue()):
        assert not informer.registrations[0].removed
    assert informer.registrations[0].removed


async def test_a_channel_keeps_early_keys_at_their_highest_priority() -> None:
    channel: ChannelSource[str] = ChannelSource("settings")
    channel.put("a", priority=LOW_PRIORITY)
    channel.put("a", priority=3)
    channel.put("a", priority=0)
    queue: PriorityQueue[str] = PriorityQueue()
    async with running(channel, queue) as synced:
        assert synced.is_set()
        assert await taken(queue) == [("a", 3)]


async def test_a_channel_feeds_every_controller_that_runs() -> None:
    channel: ChannelSource[str] = ChannelSource("settings")
    first: PriorityQueue[str] = PriorityQueue()
    second: PriorityQueue[str] = PriorityQueue()
    async with running(channel, first):
        async with running(channel, second):
            channel.put("a")
            assert (len(first), len(second)) == (1, 1)
        channel.put("b")
        assert len(first) == 2


async def test_a_poll_is_asked_at_its_interval() -> None:
    asked: list[float] = []

    async def poll() -> list[str]:
        asked.append(asyncio.get_running_loop().time())
        return [f"key-{len(asked)}"]

    queue: PriorityQueue[str] = PriorityQueue()
    async with running(PollingSource("kinds", 30.0, poll), queue) as synced:
        await asyncio.sleep(61.0)
        assert synced.is_set()
        assert asked == [0.0, 30.0, 60.0]
        assert await taken(queue) == [(f"key-{number}", LOW_PRIORITY) for number in (1, 2, 3)]


async def test_a_poll_that_fails_is_asked_again_with_back_off_and_says_why() -> None:
    asked: list[float] = []

    async def poll() -> list[str]:
        asked.append(asyncio.get_running_loop().time())
        if len(asked) < 4:
            raise OSError("no route to host")
        return []

    source: PollingSource[str] = PollingSource("kinds", 30.0, poll)
    assert source.waiting_for() == "kinds (first poll not done)"
    async with running(source, PriorityQueue()) as synced:
        await asyncio.sleep(2.0)
        assert source.waiting_for() == "kinds (no route to host)"
        assert not synced.is_set()
        await asyncio.sleep(6.0)
        assert synced.is_set()
    assert asked == [0.0, 1.0, 3.0, 7.0]


async def test_a_poll_that_hangs_is_cut_off() -> None:
    calls = 0

    async def poll() -> list[str]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(3600.0)
        return []

    async with running(PollingSource("kinds", 30.0, poll, timeout_s=5.0), PriorityQueue[str]()):
        await asyncio.sleep(7.0)
    assert calls == 2
