"""Where keys come from, and when a source is synced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.resource import ObjectKey
from omectl.kube.errors import Forbidden
from omectl.manager import (
    ChannelSource,
    KeyOnly,
    KindSource,
    PollingSource,
    annotations_changed,
    deletion_started,
    enqueue_mapped,
    enqueue_object,
    enqueue_owner,
    generation_changed,
    in_namespace,
    labels_changed,
    on,
    resource_version_changed,
)
from omectl.metrics import REGISTRY
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
    async with running(KindSource(informer, enqueue_object()), PriorityQueue("its-controller")):
        assert not informer.registrations[0].removed
        assert informer.registrations[0].name == "its-controller"
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


async def test_the_low_priority_of_the_backlog_holds_for_every_handler(informer: Any, told: Any) -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    async with running(KindSource(informer, enqueue_mapped(lambda event: ["mapped"])), queue):
        informer.emit(told.added(initial=True))
        assert await taken(queue) == [("mapped", LOW_PRIORITY)]
        informer.emit(told.added(initial=True), told.added())
        assert await taken(queue) == [("mapped", 0)]


async def test_the_same_key_from_one_event_is_queued_once(informer: Any, told: Any) -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    handler = enqueue_mapped(lambda event: [event.header.resource_version, "same"], also_before=True)
    async with running(KindSource(informer, handler), queue):
        informer.emit(told.updated(told.record(version="1"), told.record(version="2")))
        assert queue.statistics().adds == 3
        assert [key for key, _ in await taken(queue)] == ["2", "same", "1"]


async def test_a_key_that_is_worked_on_is_queued_once_by_one_event(informer: Any, told: Any) -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    async with running(KindSource(informer, enqueue_mapped(lambda event: ["x", "x"])), queue):
        informer.emit(told.added())
        await queue.get()
        informer.emit(told.added())
        assert len(queue) == 1
        queue.done("x")


async def test_a_delete_that_was_not_seen_queues_its_key(informer: Any, told: Any) -> None:
    queue: PriorityQueue[ObjectKey] = PriorityQueue()
    async with running(KindSource(informer, enqueue_object(), [generation_changed]), queue):
        gone = told.deleted("gone")
        informer.emit(type(gone)(gone.type, gone.record, tombstone=True))
        assert await taken(queue) == [(ObjectKey("ns", "gone"), 0)]


def failing(event: Any) -> Any:
    raise ValueError(f"no {event.key.name}")


async def test_a_handler_that_raises_loses_one_event_and_is_named_once(informer: Any, told: Any) -> None:
    def mapped(event: Any) -> list[str]:
        if event.key.name.startswith("bad"):
            raise KeyError(event.key.name)
        return [event.key.name]

    queue: PriorityQueue[str] = PriorityQueue("isolated")
    source = KindSource(informer, enqueue_mapped(mapped))
    with capture_logs() as logs:
        async with running(source, queue):
            informer.emit(*(told.added(name) for name in ("bad-1", "good-1", "bad-2", "good-2")))
            assert [key for key, _ in await taken(queue)] == ["good-1", "good-2"]
    (line,) = logs
    assert (line["event"], line["log_level"], line["controller"]) == ("handler_failed", "error", "isolated")
    assert (line["source"], line["object"], line["event_type"]) == ("ConfigMap", "ns/bad-1", "added")
    assert line["function"].endswith("mapped")
    assert line["error"] == "KeyError: 'bad-1'"
    assert isinstance(line["exc_info"], KeyError)
    assert line["next_step"] == "later failures of this kind are only counted"
    assert source.errors == 2
    labels = {"controller": "isolated", "source": "ConfigMap"}
    assert REGISTRY.get_sample_value("omectl_source_errors_total", labels) == 2


async def test_a_predicate_that_raises_keeps_the_event_and_the_others_still_count(informer: Any, told: Any) -> None:
    queue: PriorityQueue[ObjectKey] = PriorityQueue("predicates")
    source = KindSource(informer, enqueue_object(), [failing, in_namespace("ns")])
    with capture_logs() as logs:
        async with running(source, queue):
            informer.emit(told.added("a"), told.added("b"), told.added("c", namespace="other"))
            assert [key.name for key, _ in await taken(queue)] == ["a", "b"]
    (line,) = logs
    assert (line["event"], line["function"], line["error"]) == ("predicate_failed", "failing", "ValueError: no a")
    assert line["controller"] == "predicates"
    assert source.errors == 3


async def test_each_function_and_type_of_exception_is_named_once(informer: Any, told: Any) -> None:
    errors = iter([ValueError("1"), KeyError("2"), ValueError("3"), KeyError("4")])

    def mapped(event: Any) -> list[str]:
        raise next(errors)

    class Callable:
        def __call__(self, event: Any) -> bool:
            raise ValueError("odd")

    with capture_logs() as logs:
        async with running(KindSource(informer, KeyOnly(mapped), [Callable()]), PriorityQueue("types")):
            informer.emit(*(told.added() for _ in range(4)))
    assert [(line["function"].rsplit(".")[-1], line["error"].split(":")[0]) for line in logs] == [
        ("Callable", "ValueError"),
        ("mapped", "ValueError"),
        ("mapped", "KeyError"),
    ]


async def test_handlers_that_only_need_keys_let_the_informer_coalesce(make_informer: Any) -> None:
    def mapped(event: Any) -> list[ObjectKey]:
        return []

    cases: list[tuple[KindSource[ObjectKey], bool]] = [
        (KindSource(make_informer(), enqueue_object()), True),
        (KindSource(make_informer(), enqueue_owner(INFERENCE_SERVICES)), True),
        (KindSource(make_informer(), KeyOnly(mapped)), True),
        (KindSource(make_informer(), enqueue_mapped(mapped)), False),
        (KindSource(make_informer(), enqueue_mapped(mapped), coalesce=True), True),
        (KindSource(make_informer(), enqueue_object(), coalesce=False), False),
        (KindSource(make_informer(), enqueue_object(), [on(created=False)]), False),
        (KindSource(make_informer(), enqueue_object(), [generation_changed, on(created=False)]), False),
        *(
            (KindSource(make_informer(), enqueue_object(), [predicate]), True)
            for predicate in (
                generation_changed,
                resource_version_changed,
                labels_changed,
                annotations_changed,
                deletion_started,
            )
        ),
    ]
    for source, coalesced in cases:
        async with running(source, PriorityQueue()):
            (registration,) = source.informer.registrations
            assert registration.coalesce is coalesced  # pyright: ignore[reportAttributeAccessIssue]


async def test_a_channel_that_no_controller_runs_says_so_and_stops_with_it() -> None:
    channel: ChannelSource[str] = ChannelSource("settings")
    assert channel.waiting_for() == "settings (not started)"
    queue: PriorityQueue[str] = PriorityQueue()
    async with running(channel, queue):
        channel.put("a")
        assert await taken(queue) == [("a", 0)]
    channel.put("b", priority=-3)
    channel.put("b", priority=-5)
    again: PriorityQueue[str] = PriorityQueue()
    async with running(channel, again):
        assert await taken(again) == [("b", -3)]


async def test_a_channel_holds_one_entry_per_key_however_much_is_put() -> None:
    channel: ChannelSource[int] = ChannelSource("flood")
    for number in range(10_000):
        channel.put(number % 7)
    queue: PriorityQueue[int] = PriorityQueue()
    async with running(channel, queue):
        for number in range(10_000):
            channel.put(number % 7)
        assert [key for key, _ in await taken(queue)] == list(range(7))


async def test_a_poll_forgets_its_failures_when_it_succeeds() -> None:
    asked: list[float] = []
    failing_polls = {1, 2, 4}

    async def poll() -> list[str]:
        asked.append(asyncio.get_running_loop().time())
        if len(asked) in failing_polls:
            raise OSError
        return []

    source: PollingSource[str] = PollingSource("kinds", 30.0, poll, priority=5)
    with capture_logs() as logs:
        async with running(source, PriorityQueue()):
            await asyncio.sleep(40.0)
    assert asked == [0.0, 1.0, 3.0, 33.0, 34.0]
    assert [(log["event"], log["source"], log["error"]) for log in logs] == [("poll_failed", "kinds", "OSError")] * 3


async def test_a_poll_gives_its_keys_the_priority_that_was_asked_for() -> None:
    async def poll() -> list[str]:
        return ["a"]

    queue: PriorityQueue[str] = PriorityQueue()
    async with running(PollingSource("kinds", 30.0, poll, priority=5), queue):
        await asyncio.sleep(0.001)
        assert await taken(queue) == [("a", 5)]


async def test_a_short_interval_bounds_the_back_off_and_the_time_of_a_poll() -> None:
    asked: list[float] = []

    async def poll() -> list[str]:
        asked.append(round(asyncio.get_running_loop().time(), 3))
        await asyncio.sleep(3600.0)
        return []

    async with running(PollingSource("kinds", 0.5, poll), PriorityQueue[str]()):
        await asyncio.sleep(2.6)
    assert asked == [0.0, 1.0, 2.0]
