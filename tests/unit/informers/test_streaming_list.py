"""The list as a stream: its marker, and what happens when the marker does not come."""

import asyncio
from itertools import pairwise

import pytest
import structlog

from omectl import metrics
from omectl.informers import ReflectorOptions, ReflectorState
from omectl.informers.reflector_state import InconsistentStream, NoMarker, StreamCut
from omectl.kube.errors import (
    ConnectionFailed,
    DeadlineExceeded,
    Expired,
    Forbidden,
    InternalError,
    Invalid,
    InvalidResponse,
    KubeError,
    ServerTimeout,
    TooManyRequests,
    WatchIdle,
)
from omectl.kube.listing import ListOptions, WatchOptions

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]

REFUSED = ConnectionFailed("https://server", ConnectionRefusedError())
CUT = ConnectionFailed("https://server", "connection reset")
BUSY = TooManyRequests(429, "TooManyRequests", "storage is (re)initializing")
TOO_LARGE = ServerTimeout(504, "Timeout", "Too large resource version: 9, current: 3", retry_after_s=1.0)


async def test_a_streaming_list_fills_the_sink_and_its_stream_goes_on_as_the_watch(source, start) -> None:
    source.put("a")
    version = source.put("b")
    running = start()
    await running.settle()
    assert running.sink.version == version
    source.put("c")
    source.delete("a")
    await running.settle()
    assert running.agrees()
    assert source.watch_options == [WatchOptions(resource_version="", timeout_s=300, send_initial_events=True)]
    assert source.watch_options[0].bookmarks
    assert running.sink.log == ["replace a,b", "ADDED c", "DELETED a"]
    assert running.reflector.state is ReflectorState.WATCHING
    statistics = running.reflector.statistics
    assert (statistics.streaming_lists, statistics.lists, statistics.watches, statistics.events) == (1, 0, 1, 2)
    assert (statistics.errors, statistics.fallbacks) == (0, 0)


async def test_nothing_is_delivered_without_the_marker(source, start) -> None:
    source.put("a")
    source.marker = False
    running = start()
    await running.settle(59)
    assert running.sink.log == []
    assert running.reflector.state is ReflectorState.STREAMING


async def test_changes_before_the_marker_are_part_of_the_list(source, start) -> None:
    source.put("a")
    source.put("b")
    source.marker = False
    running = start()
    await running.settle()
    source.put("a", x="2")
    source.delete("b")
    source.mark("false")
    source.mark("True")
    await running.settle()
    assert running.sink.log == []
    source.mark("true")
    await running.settle()
    assert running.sink.log == ["replace a"]
    assert running.agrees()


async def test_a_delete_of_what_the_stream_did_not_bring_is_harmless(source, start, make_event) -> None:
    source.marker = False
    running = start()
    await running.settle()
    source.send(make_event("DELETED", {"kind": "ConfigMap", "metadata": {"name": "x", "resourceVersion": "9"}}))
    source.mark()
    await running.settle()
    assert running.sink.log == ["replace "]


async def test_what_came_in_one_batch_with_the_marker_follows_the_list(source, start, make_event) -> None:
    source.marker = False
    running = start()
    await running.settle()
    added = [
        make_event("ADDED", {"kind": "ConfigMap", "metadata": {"name": name, "resourceVersion": version}})
        for name, version in (("a", "5"), ("b", "7"))
    ]
    source.version = 6
    marker = source.bookmark_line({"k8s.io/initial-events-end": "true"})
    source.send([added[0], marker, added[1]])
    await running.settle()
    assert running.sink.log == ["replace a", "ADDED b"]
    assert running.reflector.last_sync_resource_version == "7"
    assert running.reflector.statistics.events == 1


@pytest.mark.parametrize(
    "error",
    [
        InternalError(500, "InternalError", "boom"),
        Invalid(422, "Invalid", "sendInitialEvents: Forbidden: not supported"),
        CUT,
        DeadlineExceeded("https://server", 30),
        Forbidden(403, "Forbidden", "no watch"),
        InvalidResponse("https://server", "events", "<html>"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_server_that_refuses_the_stream_is_listed_for_this_round_only(source, start, error: KubeError) -> None:
    source.failures["stream"].append(error)
    running = start()
    await running.settle()
    assert source.kinds() == ["stream", "list", "watch"]
    assert source.times == pytest.approx([0, 0, 0])
    source.send(InternalError(500, "InternalError", "boom"))
    await running.settle(5)
    assert source.kinds() == ["stream", "list", "watch", "stream"]
    assert running.reflector.statistics.fallbacks == 0


async def test_a_source_that_has_no_streaming_list_is_never_asked_for_one(source, start, make_status) -> None:
    source.streaming_list = False
    running = start()
    await running.settle(10)
    source.send(make_status(500, "InternalError"))
    await running.settle(10)
    assert source.kinds() == ["list", "watch"] * 2


async def test_a_stream_that_never_marks_its_end_is_given_up_for_good_after_a_minute(
    source, start, make_status
) -> None:
    source.put("a")
    source.marker = False
    with structlog.testing.capture_logs() as logs:
        running = start(name="markerless")
        await running.settle(59.9)
        assert source.requests == [("stream", "")]
        await running.settle(0.2)
        assert source.kinds() == ["stream", "list", "watch"]
        assert running.agrees()
        source.send(make_status(500, "InternalError"))
        await running.settle(10)
    assert source.kinds() == ["stream", "list", "watch", "list", "watch"]
    assert running.reflector.statistics.fallbacks == 1
    given_up = [entry for entry in logs if entry["event"] == "reflector_gives_up_streaming"]
    assert [(entry["reflector"], entry["log_level"]) for entry in given_up] == [("markerless", "warning")]
    assert "stayed silent in it without marking the list's end" in str(given_up[0]["error"])
    counted = metrics.REGISTRY.get_sample_value("omectl_reflector_streaming_fallbacks_total", {"name": "markerless"})
    assert counted == 1.0


async def test_two_streams_that_end_without_their_marker_are_enough(source, start) -> None:
    source.marker = False
    running = start()
    await running.settle()
    source.drop()
    await running.settle()
    assert source.kinds() == ["stream", "stream"]
    assert running.reflector.state is ReflectorState.STREAMING
    assert isinstance(running.reflector.last_error, NoMarker)
    assert running.reflector.last_error.waited is False
    assert "ended it without marking the list's end" in str(running.reflector.last_error)
    source.drop()
    await running.settle()
    assert source.kinds() == ["stream", "stream", "list", "watch"]
    assert running.reflector.statistics.fallbacks == 1


async def test_a_stream_that_is_marked_forgives_the_one_before(source, start, make_status) -> None:
    source.marker = False
    running = start()
    for _ in range(2):
        await running.settle()
        source.drop()
        await running.settle()
        source.mark()
        await running.settle(10)
        source.send(make_status(500, "InternalError"))
        await running.settle(5)
    assert source.kinds() == ["stream"] * 5
    assert running.reflector.statistics.streaming_lists == 5
    assert running.reflector.statistics.fallbacks == 0


@pytest.mark.parametrize("allowed", [1, 3])
async def test_how_many_unmarked_streams_are_enough_can_be_set(source, start, allowed: int) -> None:
    source.marker = False
    running = start(ReflectorOptions(markerless_streams=allowed))
    for _ in range(allowed):
        assert "list" not in source.kinds()
        await running.settle()
        source.drop()
        await running.settle()
    assert source.kinds() == ["stream"] * allowed + ["list", "watch"]


async def test_the_patience_for_the_marker_can_be_set(source, start) -> None:
    source.marker = False
    running = start(ReflectorOptions(marker_patience_s=5.0))
    await running.settle(4.9)
    assert source.kinds() == ["stream"]
    await running.settle(0.2)
    assert source.kinds() == ["stream", "list", "watch"]


async def test_initial_objects_prolong_the_patience_and_nothing_else_does(source, start) -> None:
    source.put("a")
    source.marker = False
    running = start()
    await running.settle(50)
    source.put("b")  # ADDED at 50: patience until 110
    await running.settle(30)
    source.put("a", x="2")  # MODIFIED
    source.bookmark()
    await running.settle(29.9)
    assert source.kinds() == ["stream"]
    await running.settle(0.2)
    assert source.kinds() == ["stream", "list", "watch"]


async def test_an_initial_object_anywhere_in_a_batch_prolongs_the_patience(source, start, make_event) -> None:
    source.marker = False
    running = start()
    await running.settle(50)
    obj = {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "9"}}
    source.send([make_event("ADDED", obj), make_event("MODIFIED", obj)])
    await running.settle(59)
    assert source.kinds() == ["stream"]


async def test_a_stream_that_the_transport_finds_silent_is_given_up_too(source, start) -> None:
    source.marker = False
    running = start(ReflectorOptions(marker_patience_s=1000.0))
    await running.settle()
    source.send(WatchIdle("https://server", "silent for 150 s"))
    await running.settle()
    assert source.kinds() == ["stream", "list", "watch"]
    assert running.reflector.statistics.fallbacks == 1


async def test_a_wait_for_the_marker_is_told_every_ten_seconds_with_the_age_of_the_last_event(source, start) -> None:
    source.put("a")
    source.marker = False
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(13.44)
        source.put("b")
        await running.settle(16.46)
        source.mark()
        await running.settle(100)
    told = [entry for entry in logs if entry["event"] == "reflector_waits_for_marker"]
    assert [(entry["objects"], entry["last_event_s_ago"]) for entry in told] == [(1, 10.0), (2, 6.6)]
    assert {(entry["log_level"], entry["reflector"]) for entry in told} == {("warning", "test")}


async def test_a_stream_that_brings_nothing_is_told_with_its_own_age(source, start) -> None:
    source.marker = False
    source.hold["stream"] = asyncio.Event()
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(5)
        source.hold["stream"].set()
        await running.settle(9.9)
        assert logs == []
        await running.settle(0.2)
    assert [(entry["objects"], entry["last_event_s_ago"]) for entry in logs] == [(0, 10.0)]


async def test_a_change_that_is_skipped_moves_no_version_before_the_marker(source, start, make_event) -> None:
    source.marker = False
    running = start()
    await running.settle()
    source.send(make_event("MODIFIED", {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "80"}}))
    source.send(make_event("MODIFIED", {"kind": "Pod", "metadata": {"name": "b", "resourceVersion": "90"}}))
    await running.settle()
    assert running.reflector.last_sync_resource_version == "80"


async def test_a_busy_or_absent_server_costs_the_stream_one_pause_each_and_no_list(source, start) -> None:
    source.failures["stream"] += [BUSY, BUSY, REFUSED]
    running = start()
    await running.settle(0.5)
    assert running.reflector.last_error is BUSY
    await running.settle(30)
    assert source.kinds() == ["stream"] * 4
    assert source.times == pytest.approx([0, 0.8, 2.4, 2.8])
    assert running.reflector.statistics.errors == 1  # to be asked to come later is no failure


async def test_a_busy_server_may_say_so_within_the_stream(source, start, make_status) -> None:
    source.marker = False
    running = start()
    await running.settle()
    source.send(make_status(429, "TooManyRequests"))
    await running.settle(2)
    assert source.kinds() == ["stream", "stream"]


@pytest.mark.parametrize(("uniform", "times"), [(0.0, [0, 7, 8]), (1.0, [0, 8.75, 10])])
async def test_a_pause_is_as_long_as_the_server_asks_and_up_to_a_quarter_longer(
    source, start, uniform: float, times: list[float]
) -> None:
    source.failures["stream"] += [
        TooManyRequests(429, "TooManyRequests", "", retry_after_s=7.0),
        TooManyRequests(429, "TooManyRequests", "", retry_after_s=1.0),
    ]
    running = start(uniform=uniform)
    await running.settle(30)
    assert source.times == pytest.approx(times)


async def test_a_stream_that_is_cut_is_begun_again_from_nothing(source, start) -> None:
    source.put("a")
    source.put("gone")
    source.marker = False
    running = start()
    await running.settle()
    source.send(CUT)
    source.open.clear()
    source.delete("gone")
    await running.settle()
    assert source.requests == [("stream", ""), ("stream", "")]
    assert isinstance(running.reflector.last_error, StreamCut)
    assert "the streaming list was cut off" in str(running.reflector.last_error)
    assert "connection reset" in str(running.reflector.last_error)
    source.mark()
    await running.settle()
    assert running.sink.log == ["replace a"]
    assert running.reflector.last_error is None


async def test_a_stream_that_is_cut_twice_is_listed_for_this_round_only(source, start, make_status) -> None:
    source.marker = False
    running = start()
    for _ in range(2):
        await running.settle()
        source.send(CUT)
        source.open.clear()
    await running.settle(10)
    assert source.kinds() == ["stream", "stream", "list", "watch"]
    source.send(make_status(500, "InternalError"))
    await running.settle(5)
    assert source.kinds() == ["stream", "stream", "list", "watch", "stream"]
    assert running.reflector.statistics.fallbacks == 0


async def test_only_events_other_than_added_move_the_version_before_the_marker(source, start, make_event) -> None:
    source.marker = False
    running = start()
    await running.settle()
    source.send(make_event("ADDED", {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "70"}}))
    await running.settle()
    assert running.reflector.last_sync_resource_version == ""
    source.send(make_event("MODIFIED", {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "80"}}))
    source.send(make_event("ADDED", {"kind": "ConfigMap", "metadata": {"name": "b", "resourceVersion": "60"}}))
    await running.settle()
    assert running.reflector.last_sync_resource_version == "80"
    source.send(CUT)
    await running.settle()
    assert source.requests == [("stream", ""), ("stream", "80")]


@pytest.mark.parametrize("error", [Expired(410, "Expired", "too old"), TOO_LARGE], ids=["expired", "too large"])
async def test_a_lost_version_is_dropped_at_once(source, start, make_status, error: KubeError) -> None:
    version = source.put("a")
    running = start()
    await running.settle(10)
    source.failures["stream"].append(error)
    source.send(make_status(500, "InternalError"))
    await running.settle(5)
    assert source.requests == [("stream", ""), ("stream", version), ("stream", "")]
    assert source.times == pytest.approx([0, 10.8, 10.8], abs=0.01)
    source.send(make_status(500, "InternalError"))
    await running.settle(5)
    assert source.requests[3:] == [("stream", version)]


async def test_a_version_may_be_lost_within_the_stream(source, start, make_status) -> None:
    source.marker = False
    running = start()
    await running.settle()
    source.send(make_status(410, "Expired"))
    await running.settle()
    source.send(make_status(410, "Expired"))
    await running.settle()
    # Without a version there is nothing to lose: the second refusal is met by a quorum list.
    assert source.requests[:3] == [("stream", ""), ("stream", ""), ("list", "")]


async def test_garbage_within_the_stream_is_met_by_a_list(source, start) -> None:
    source.marker = False
    running = start()
    await running.settle()
    source.send(b"<html>")
    await running.settle()
    assert source.kinds() == ["stream", "list", "watch"]


async def test_a_stream_that_dies_after_its_marker_is_resumed_as_a_watch(source, start) -> None:
    source.put("a")
    running = start()
    await running.settle()
    seen = source.put("b")
    await running.settle()
    source.send(CUT)
    source.open.clear()
    source.put("c")
    await running.settle()
    assert source.requests == [("stream", ""), ("watch", seen)]
    assert not source.watch_options[1].send_initial_events
    assert running.agrees()


async def test_a_stream_that_ends_right_after_its_marker_is_no_short_watch(source, start) -> None:
    running = start()
    await running.settle()
    source.drop()
    await running.settle()
    assert source.kinds() == ["stream", "watch"]
    assert running.reflector.statistics.short_watches == 0


async def test_a_version_that_expires_after_the_stream_ends_the_round(source, start) -> None:
    source.put("a")
    running = start()
    await running.settle(10)
    source.version += 5
    source.forget()
    source.drop()
    await running.settle(5)
    assert source.requests == [("stream", ""), ("watch", "2"), ("stream", "2")]
    gaps = [later - earlier for earlier, later in pairwise(source.times)]
    assert gaps == pytest.approx([10, 0.1])


async def test_a_stream_can_be_checked_against_a_list_at_its_version(source, start) -> None:
    version = source.put("a")
    running = start(ReflectorOptions(check_streaming_list=True))
    await running.settle()
    assert source.list_options == [ListOptions(resource_version=version, resource_version_match="Exact")]
    assert running.sink.log == ["replace a"]
    assert running.reflector.statistics.lists == 0


@pytest.mark.parametrize("difference", ["missing", "extra", "changed"])
async def test_a_stream_that_differs_from_the_list_is_refused_loudly(source, start, difference: str) -> None:
    source.put("a")
    source.put("b")
    source.marker = False
    with structlog.testing.capture_logs() as logs:
        running = start(ReflectorOptions(check_streaming_list=True))
        await running.settle()
        if difference == "missing":
            source.objects["c"] = {**source.objects["b"], "metadata": {"name": "c", "namespace": "ns"}}
        elif difference == "extra":
            del source.objects["b"]
        else:
            source.objects["b"] = {**source.objects["b"], "data": {"x": "other"}}
        source.mark()
        await running.settle()
    assert running.sink.log == []
    error = running.reflector.last_error
    assert isinstance(error, InconsistentStream)
    assert error.keys == ("ns/c" if difference == "missing" else "ns/b",)
    assert f"the streaming list of test and a list at its version 3 differ in {error.keys[0]}" in str(error)
    assert "reflector_bug" in [entry["event"] for entry in logs if entry["log_level"] == "error"]


async def test_a_check_that_can_not_be_made_is_told_and_passes(source, start) -> None:
    source.put("a")
    source.failures["list"].append(Expired(410, "Expired", "compacted"))
    with structlog.testing.capture_logs() as logs:
        running = start(ReflectorOptions(check_streaming_list=True))
        await running.settle()
    assert running.agrees()
    (told,) = logs
    assert (told["event"], told["log_level"], told["reflector"]) == ("reflector_stream_not_checked", "warning", "test")
    assert "compacted" in str(told["error"])


async def test_a_stream_that_brings_nothing_at_all_is_told_with_the_age_of_its_beginning(source, start) -> None:
    source.marker = False
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(20.5)
    told = [(entry["objects"], entry["last_event_s_ago"]) for entry in logs]
    assert told == [(0, 10.0), (0, 20.0)]


async def test_a_long_stream_lets_others_run_and_takes_no_time(source, start, make_event) -> None:
    source.marker = False
    running = start()
    await running.settle()
    objects = [
        make_event("ADDED", {"kind": "ConfigMap", "metadata": {"name": f"c{number}", "resourceVersion": "9"}})
        for number in range(1000)
    ]
    turns = 0
    source.send([*objects, source.bookmark_line({"k8s.io/initial-events-end": "true"})])
    while running.reflector.state is ReflectorState.STREAMING:
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 5
    assert asyncio.get_running_loop().time() == pytest.approx(0.05)
    assert len(running.sink.content) == 1000


async def test_a_refusal_within_the_stream_names_the_reflector(source, start, make_status) -> None:
    source.marker = False
    source.hold["list"] = asyncio.Event()
    running = start(name="pods")
    await running.settle()
    source.send(make_status(500, "InternalError", "boom"))
    await running.settle()
    assert str(running.reflector.last_error) == "watch pods: the API server answered 500 InternalError: boom"


@pytest.mark.parametrize(
    "error",
    [
        CUT,
        InternalError(500, "InternalError", "boom"),
        Invalid(422, "Invalid", "no"),
        InvalidResponse("https://server", "events", "<html>"),
        Expired(410, "Expired", "too old"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_the_stream_was_refused_with_is_remembered_until_the_list_is_there(
    source, start, error: KubeError
) -> None:
    source.failures["stream"] += [error, error]
    source.hold["list"] = asyncio.Event()
    running = start()
    await running.settle()
    assert running.reflector.last_error is error
    source.hold["list"].set()
    await running.settle()
    assert running.reflector.last_error is None


async def test_streams_count_as_lists_and_ask_for_a_time_of_their_own(source, start) -> None:
    running = start(uniform=0.5, name="streamed")
    await running.settle()
    assert [options.timeout_s for options in source.watch_options] == [450]
    assert metrics.REGISTRY.get_sample_value("reflector_lists_total", {"name": "streamed"}) == 1
    assert metrics.REGISTRY.get_sample_value("reflector_items_per_list_count", {"name": "streamed"}) == 1
