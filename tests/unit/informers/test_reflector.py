"""The reflector against a scripted collection, in virtual time."""

import asyncio
from itertools import pairwise

import pytest

from omectl.informers import ReflectorOptions, ReflectorState
from omectl.kube.errors import (
    Cause,
    ConnectionFailed,
    Details,
    Forbidden,
    InternalError,
    Invalid,
    InvalidResponse,
    KubeError,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
    WatchIdle,
)

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]

REFUSED = ConnectionFailed("https://server", ConnectionRefusedError())
CUT = ConnectionFailed("https://server", "connection reset")
BUSY = TooManyRequests(429, "TooManyRequests", "storage is (re)initializing")
TOO_LARGE = ServerTimeout(
    504, "Timeout", "Too large resource version", Details(causes=(Cause("ResourceVersionTooLarge", "", ""),))
)


async def test_a_streaming_list_fills_the_sink_and_its_stream_goes_on_as_the_watch(source, start) -> None:
    source.put("a")
    source.put("b")
    running = start()
    await running.settle()
    source.put("c")
    source.delete("a")
    await running.settle()
    assert running.agrees()
    assert source.requests == [("stream", "")]
    assert running.sink.log == ["replace a,b", "ADDED c", "DELETED a"]
    assert running.reflector.state is ReflectorState.WATCHING


async def test_changes_before_the_marker_are_part_of_the_list(source, start) -> None:
    source.put("a")
    source.put("b")
    source.marker = False
    running = start()
    await running.settle()
    source.put("a", x="2")
    source.delete("b")
    assert running.sink.log == []
    source.send(source._bookmark({"k8s.io/initial-events-end": "false"}))
    await running.settle()
    assert running.sink.log == []
    source.send(source._bookmark({"k8s.io/initial-events-end": "true"}))
    await running.settle()
    assert running.sink.log == ["replace a"]
    assert running.agrees()


async def test_a_source_without_streaming_is_listed_then_watched_from_the_lists_version(source, start) -> None:
    source.streaming_list = False
    version = source.put("a")
    running = start()
    await running.settle()
    assert source.requests == [("list", "0"), ("watch", version)]
    assert running.agrees()


@pytest.mark.parametrize(
    "error",
    [
        InternalError(500, "InternalError", "boom"),
        Invalid(422, "Invalid", "sendInitialEvents: Forbidden: not supported"),
        CUT,
        Forbidden(403, "Forbidden", "no watch"),
        InvalidResponse("https://server", "events", "<html>"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_server_that_refuses_the_stream_is_listed_for_this_round_only(source, start, error: KubeError) -> None:
    source.failures["stream"].append(error)
    running = start()
    await running.settle()
    assert [request for request, _ in source.requests] == ["stream", "list", "watch"]
    source.send(InternalError(500, "InternalError", "boom"))
    await running.settle(5)
    assert [request for request, _ in source.requests] == ["stream", "list", "watch", "stream"]


async def test_a_stream_that_never_marks_its_end_is_given_up_after_a_minute(source, start) -> None:
    source.put("a")
    source.marker = False
    running = start()
    await running.settle(59)
    assert source.requests == [("stream", "")]
    await running.settle(2)
    assert [request for request, _ in source.requests] == ["stream", "list", "watch"]
    assert running.agrees()


async def test_two_streams_that_end_without_their_marker_are_enough(source, start) -> None:
    source.marker = False
    running = start()
    await running.settle()
    source.drop()
    await running.settle()
    source.drop()
    await running.settle()
    assert [request for request, _ in source.requests] == ["stream", "stream", "list", "watch"]


async def test_bookmarks_alone_do_not_prolong_the_patience(source, start) -> None:
    source.marker = False
    running = start()
    for _ in range(7):
        await running.settle(10)
        source.bookmark()
    assert "list" in [request for request, _ in source.requests]


async def test_a_busy_server_costs_the_stream_one_pause_each_and_no_list(source, start) -> None:
    source.failures["stream"] += [BUSY, BUSY, REFUSED]
    running = start()
    await running.settle(30)
    assert [request for request, _ in source.requests] == ["stream"] * 4
    gaps = [later - earlier for earlier, later in pairwise(source.times)]
    assert gaps == pytest.approx([0.8, 1.6, 3.2], abs=0.01)


async def test_a_stream_that_dies_after_its_marker_is_resumed_as_a_watch(source, start) -> None:
    source.put("a")
    running = start()
    await running.settle()
    source.put("b")
    await running.settle()
    source.send(CUT)
    source.open.clear()
    version = source.put("c")
    await running.settle()
    assert source.requests == [("stream", ""), ("watch", str(int(version) - 1))]
    assert running.agrees()


async def test_a_watch_that_ends_after_a_while_is_resumed_at_once_without_a_list(source, start) -> None:
    running = start()
    for _ in range(3):
        await running.settle(10)
        source.drop()
    await running.settle()
    assert [request for request, _ in source.requests] == ["stream", "watch", "watch", "watch"]
    assert source.times[1:] == pytest.approx([10, 20, 30], abs=0.1)


async def test_a_watch_that_ends_at_once_and_empty_leads_to_a_list_after_a_pause(source, start) -> None:
    running = start()
    await running.settle(10)
    source.drop()
    await running.settle(0.5)
    source.drop()
    await running.settle(0.5)
    assert running.reflector.state is ReflectorState.BACKOFF
    await running.settle(1)
    assert [request for request, _ in source.requests] == ["stream", "watch", "stream"]
    assert running.reflector.statistics.short_watches == 1


async def test_a_forgotten_version_leads_to_a_relist_that_loses_no_delete(source, start) -> None:
    source.streaming_list = False
    for name in "abc":
        source.put(name)
    running = start()
    await running.settle(10)
    source.drop()
    source.delete("b")
    source.put("d")
    source.forget()
    # The watch was resumed by now or is; either way the collection changed while nobody listened.
    await running.settle(10)
    assert running.agrees()


async def test_an_expired_event_ends_the_round_and_the_relist_asks_for_what_was_seen(
    source, start, make_status
) -> None:
    source.streaming_list = False
    seen = source.put("a")
    running = start()
    await running.settle(10)
    source.send(make_status(410, "Expired", "too old"))
    await running.settle(5)
    assert [request for request in source.requests if request[0] == "list"] == [("list", "0"), ("list", seen)]


async def test_an_expired_list_is_repeated_at_once_at_the_newest_version(source, start, make_status, expired) -> None:
    source.streaming_list = False
    seen = source.put("a")
    running = start()
    await running.settle(10)
    source.failures["list"].append(expired)
    source.send(make_status(410, "Expired"))
    await running.settle(5)
    assert [v for request, v in source.requests if request == "list"] == ["0", seen, ""]
    source.send(make_status(410, "Expired"))
    await running.settle(10)
    assert [v for request, v in source.requests if request == "list"] == ["0", seen, "", seen]


async def test_a_version_that_is_too_large_for_the_server_is_dropped(source, start, make_status) -> None:
    source.streaming_list = False
    seen = source.put("a")
    running = start()
    await running.settle(10)
    source.failures["list"].append(TOO_LARGE)
    source.send(make_status(500, "InternalError"))
    await running.settle(5)
    assert [v for request, v in source.requests if request == "list"] == ["0", seen, ""]


async def test_a_busy_server_costs_a_watch_one_pause_and_no_list(source, start, make_status) -> None:
    running = start()
    await running.settle(10)
    source.failures["watch"] += [BUSY, BUSY]
    source.send(make_status(429, "TooManyRequests"))
    await running.settle(30)
    assert [request for request, _ in source.requests] == ["stream", "watch", "watch", "watch"]


async def test_a_pause_is_at_least_as_long_as_the_server_asks(source, start) -> None:
    source.failures["stream"].append(TooManyRequests(429, "TooManyRequests", "", retry_after_s=7.0))
    running = start()
    await running.settle(30)
    assert source.times == pytest.approx([0, 7], abs=0.01)


async def test_a_refused_connection_at_the_start_of_a_watch_costs_no_list(source, start) -> None:
    running = start()
    await running.settle(10)
    source.failures["watch"] += [REFUSED, REFUSED]
    source.drop()
    await running.settle(10)
    assert [request for request, _ in source.requests] == ["stream", "watch", "watch", "watch"]
    assert running.reflector.last_error is None


async def test_any_other_refusal_of_a_watch_leads_to_a_list(source, start) -> None:
    running = start()
    await running.settle(10)
    source.failures["watch"].append(ServiceUnavailable(503, "ServiceUnavailable", "later"))
    source.drop()
    await running.settle(5)
    assert [request for request, _ in source.requests] == ["stream", "watch", "stream"]


async def test_a_silent_watch_is_opened_again_at_the_same_version_without_pause_or_list(source, start) -> None:
    source.put("a")
    running = start()
    await running.settle(10)
    source.send(WatchIdle("https://server", "silent for 150 s"))
    await running.settle()
    assert [request for request, _ in source.requests] == ["stream", "watch"]
    assert running.reflector.statistics.idle_watches == 1
    source.send(WatchIdle("https://server", "silent for 150 s"))
    await running.settle(5)
    assert [request for request, _ in source.requests] == ["stream", "watch", "watch"]


async def test_pauses_double_up_to_their_cap(source, start) -> None:
    source.failures["stream"] += [InternalError(500, "InternalError", "")] * 9
    source.failures["list"] += [InternalError(500, "InternalError", "")] * 9
    running = start()
    await running.settle(115)
    lists = [at for (request, _), at in zip(source.requests, source.times, strict=True) if request == "list"]
    gaps = [later - earlier for earlier, later in pairwise(lists)]
    assert gaps[:7] == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0], abs=0.01)


async def test_a_forbidden_collection_is_tried_again_and_says_why(source, start) -> None:
    forbidden = Forbidden(403, "Forbidden", "configmaps is forbidden")
    source.failures["stream"] += [forbidden]
    source.failures["list"] += [forbidden]
    running = start()
    await running.settle(0.5)
    assert running.reflector.last_error is forbidden
    assert running.reflector.state is ReflectorState.BACKOFF
    await running.settle(5)
    assert running.reflector.state is ReflectorState.WATCHING


async def test_garbage_ends_the_round_and_the_relist_mends_the_cache(source, start) -> None:
    source.put("a")
    running = start()
    await running.settle(10)
    source.send(b"<html>502 Bad Gateway</html>")
    source.objects.pop("a")
    await running.settle(5)
    assert running.agrees()
    assert running.reflector.statistics.errors == 1


async def test_strange_events_and_foreign_objects_are_skipped(source, start, make_event) -> None:
    running = start()
    await running.settle()
    source.send(make_event("ADDED", {"kind": "Pod", "metadata": {"name": "p", "resourceVersion": "9"}}))
    source.send(make_event("ADDED", {"kind": "ConfigMap"}))
    source.send(make_event("SURPRISE", {"kind": "ConfigMap", "metadata": {"name": "x"}}))
    source.put("a")
    await running.settle()
    assert running.agrees()


async def test_bookmarks_move_the_version_from_which_a_watch_is_resumed(source, start) -> None:
    running = start()
    await running.settle(10)
    source.version = 500
    source.bookmark()
    await running.settle(1)
    source.drop()
    await running.settle()
    assert source.requests[-1] == ("watch", "501")


@pytest.mark.parametrize(("configured", "uniform", "sent"), [(300, 0.0, 300), (1, 0.5, 450), (1800, 0.999, 3598)])
async def test_watches_ask_to_be_ended_between_once_and_twice_the_least_time(
    source, start, configured: int, uniform: float, sent: int
) -> None:
    running = start(ReflectorOptions(watch_timeout_s=configured), uniform)
    await running.settle()
    assert source.watch_options[0].timeout_s == sent


@pytest.mark.parametrize(
    ("page_size", "sizes"),
    [(None, [500, 0]), (3, [3, 3])],
)
async def test_a_list_at_a_concrete_version_asks_for_no_pages_unless_told(
    source, start, make_status, page_size: int | None, sizes: list[int]
) -> None:
    source.streaming_list = False
    for number in range(7):
        source.put(f"c{number}")
    running = start(ReflectorOptions(page_size=page_size))
    await running.settle(10)
    source.send(make_status(500, "InternalError"))
    await running.settle(5)
    assert [options.page_size for options in source.list_options] == sizes
    assert running.agrees()


async def test_a_server_without_watch_cache_is_always_asked_for_pages(source, start, make_status) -> None:
    source.streaming_list = False
    for number in range(501):
        source.put(f"c{number}")
    running = start()
    await running.settle(10)
    source.send(make_status(500, "InternalError"))
    await running.settle(5)
    assert [options.page_size for options in source.list_options] == [500, 500]


@pytest.mark.parametrize("when", [0.0, 0.5, 10.0])
async def test_cancelling_leaves_no_open_watch(source, start, when: float) -> None:
    source.failures["stream"].append(BUSY)
    running = start()
    await running.settle(when)
    for task in asyncio.all_tasks():
        if task is not asyncio.current_task():
            task.cancel()
    await running.settle()
    assert source.open == []
    assert running.reflector.state is ReflectorState.STOPPED or when == 0.0
