"""The watch: what moves the version, how watches end, and what each end costs."""

import asyncio

import pytest
import structlog

from omectl import metrics
from omectl.informers import ReflectorOptions, ReflectorState
from omectl.informers.record import MalformedObject
from omectl.informers.reflector_state import VeryShortWatch
from omectl.kube.errors import (
    ConnectionFailed,
    DeadlineExceeded,
    Expired,
    Forbidden,
    InternalError,
    InvalidResponse,
    KubeError,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
    WatchIdle,
)
from omectl.kube.listing import WatchOptions

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]

REFUSED = ConnectionFailed("https://server", ConnectionRefusedError())
CUT = ConnectionFailed("https://server", "connection reset")
BUSY = TooManyRequests(429, "TooManyRequests", "storage is (re)initializing")
IDLE = WatchIdle("https://server", "silent for 150 s")
NOT_READY = ServiceUnavailable(503, "ServiceUnavailable", "starting", retry_after_s=1.0)


@pytest.fixture(autouse=True)
def _only_pages(source) -> None:
    source.streaming_list = False


def config_map(name: str, version: str) -> dict:
    return {"kind": "ConfigMap", "metadata": {"name": name, "uid": name, "resourceVersion": version}}


# --- events ---


async def test_every_kind_of_event_moves_the_version_in_order(source, start, make_event) -> None:
    running = start()
    await running.settle()
    seen: list[str] = []
    for event_type, version in (("ADDED", "10"), ("MODIFIED", "20"), ("DELETED", "30"), ("BOOKMARK", "40")):
        source.send(make_event(event_type, config_map("a", version)))
        await running.settle()
        seen.append(running.reflector.last_sync_resource_version)
    assert seen == ["10", "20", "30", "40"]
    assert running.sink.log == ["replace ", "ADDED a", "MODIFIED a", "DELETED a", "bookmark"]
    assert running.sink.version == "40"
    assert running.reflector.statistics.events == 3
    assert running.reflector.statistics.bookmarks == 1


async def test_bookmarks_move_the_version_from_which_a_watch_is_resumed(source, start) -> None:
    running = start()
    await running.settle(10)
    source.version = 500
    source.bookmark()
    await running.settle(1)
    source.bookmark()
    await running.settle(1)
    assert running.reflector.statistics.bookmarks == 2
    source.drop()
    await running.settle()
    assert source.requests[-1] == ("watch", "502")


@pytest.mark.parametrize("version", ["", "0"])
async def test_a_watch_without_a_version_takes_none_from_the_objects_that_exist(
    source, start, make_event, version: str
) -> None:
    source.version = 0
    source.on_page = lambda page: type(page)(page.items, version)
    running = start()
    await running.settle()
    assert source.requests == [("list", "0"), ("watch", version)]
    source.send(make_event("ADDED", config_map("b", "70")))
    source.send(make_event("ADDED", config_map("a", "60")))
    await running.settle()
    assert running.reflector.last_sync_resource_version == version
    source.send(make_event("MODIFIED", config_map("a", "80")))
    await running.settle()
    assert running.reflector.last_sync_resource_version == "80"
    source.send(make_event("ADDED", config_map("c", "90")))
    await running.settle()
    assert running.reflector.last_sync_resource_version == "90"


async def test_strange_events_and_foreign_objects_are_skipped_and_move_nothing(source, start, make_event) -> None:
    running = start()
    await running.settle()
    source.send(make_event("ADDED", {"kind": "Pod", "metadata": {"name": "p", "resourceVersion": "9"}}))
    source.send(make_event("ADDED", {"kind": "ConfigMap"}))
    source.send(make_event("ADDED", {"kind": "Table", "metadata": {"resourceVersion": "9"}}))
    source.send(make_event("SURPRISE", config_map("x", "9")))
    await running.settle()
    assert running.reflector.last_sync_resource_version == "1"
    assert running.reflector.statistics.events == 0
    source.put("a")
    await running.settle()
    assert running.agrees()
    assert source.kinds() == ["list", "watch"]


async def test_many_events_in_one_batch_let_others_run_in_between(source, start, make_event) -> None:
    running = start()
    await running.settle()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while len(running.sink.log) < 1001:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    source.send([make_event("ADDED", config_map(f"c{number}", str(number + 10))) for number in range(1000)])
    await running.settle()
    await counting
    assert turns >= 5


async def test_watches_and_batches_are_counted_and_measured(source, start) -> None:
    def value(name: str, **labels: str) -> float:
        return metrics.REGISTRY.get_sample_value(name, {"name": "measured", **labels}) or 0.0

    running = start(name="measured")
    await running.settle(10)
    source.put("a")
    source.bookmark()
    await running.settle()
    assert value("reflector_watches_total") == 1
    assert value("reflector_watch_duration_seconds_count") == 0
    source.drop()
    await running.settle()
    assert value("reflector_watches_total") == 2
    assert value("reflector_watch_duration_seconds_count") == 1
    assert value("reflector_watch_duration_seconds_sum") == pytest.approx(10, abs=0.1)
    assert value("reflector_items_per_watch_count") == 1
    assert value("reflector_items_per_watch_sum") == 2
    source.drop()
    await running.settle(0.1)
    assert value("reflector_short_watches_total") == 1
    assert running.reflector.processing.count == 3  # the list and two batches
    assert 0 < running.reflector.processing.total < 5.0
    assert running.reflector.statistics.watches == 2


# --- ends that need no list ---


async def test_a_watch_that_ends_after_a_while_is_resumed_at_once_without_a_list(source, start) -> None:
    running = start()
    for _ in range(3):
        await running.settle(10)
        source.drop()
    await running.settle()
    assert source.kinds() == ["list", "watch", "watch", "watch", "watch"]
    assert source.times[1:] == pytest.approx([0, 10, 20, 30])
    assert running.reflector.last_error is None


async def test_a_watch_that_ends_at_once_after_an_event_is_resumed_at_once(source, start) -> None:
    running = start()
    await running.settle(0.1)
    source.bookmark()
    source.drop()
    await running.settle(0.1)
    assert source.kinds() == ["list", "watch", "watch"]


async def test_a_watch_that_is_cut_after_a_while_is_resumed_at_once(source, start) -> None:
    running = start()
    await running.settle(10)
    source.send(CUT)
    await running.settle()
    assert source.kinds() == ["list", "watch", "watch"]


async def test_four_busy_answers_cost_four_pauses_and_no_list(source, start, make_status) -> None:
    source.failures["watch"] += [BUSY, BUSY]
    running = start()
    await running.settle(2)
    assert running.reflector.last_error is BUSY
    assert running.reflector.state is ReflectorState.BACKOFF
    await running.settle(3)
    assert running.reflector.state is ReflectorState.WATCHING
    assert running.reflector.last_error is None
    for _ in range(2):
        source.send(make_status(429, "TooManyRequests"))
        await running.settle(15)
    assert source.kinds() == ["list"] + ["watch"] * 5
    assert source.times[1:] == pytest.approx([0, 0.8, 2.4, 5 + 3.2, 20 + 6.4])
    assert running.reflector.statistics.errors == 0


async def test_a_busy_server_is_given_the_time_that_it_asks_for(source, start, make_event) -> None:
    source.failures["watch"].append(TooManyRequests(429, "TooManyRequests", "", retry_after_s=30.0))
    running = start()
    await running.settle(40)
    status = {"kind": "Status", "code": 429, "reason": "TooManyRequests", "details": {"retryAfterSeconds": 20}}
    source.send(make_event("ERROR", status))
    await running.settle(40)
    assert source.kinds() == ["list", "watch", "watch", "watch"]
    assert source.times == pytest.approx([0, 0, 30, 60])


@pytest.mark.parametrize(
    "error", [REFUSED, CUT, DeadlineExceeded("https://server", 30), NOT_READY], ids=["refused", "cut", "late", "503"]
)
async def test_a_server_that_does_not_answer_the_watch_costs_a_pause_and_no_list(
    source, start, error: KubeError
) -> None:
    running = start()
    await running.settle(10)
    source.failures["watch"] += [error, error]
    source.drop()
    await running.settle(0.82)
    assert running.reflector.last_error is error
    await running.settle(9)
    assert source.kinds() == ["list", "watch", "watch", "watch", "watch"]
    pauses = {NOT_READY: [1.0, 1.0], REFUSED: [0.4, 0.44]}.get(error, [0.8, 1.6])
    assert source.times[2:] == pytest.approx([10, 10 + pauses[0], 10 + sum(pauses)])
    assert running.reflector.last_error is None
    assert running.reflector.statistics.errors == 2


async def test_a_silent_watch_is_opened_again_at_once_and_from_the_second_time_on_after_a_pause(source, start) -> None:
    version = source.put("a")
    running = start()
    await running.settle(10)
    source.send(IDLE)
    await running.settle()
    assert source.requests[1:] == [("watch", version)] * 2
    assert running.reflector.statistics.idle_watches == 1
    await running.settle(10)
    source.send(IDLE)
    await running.settle(10)
    assert source.times[1:] == pytest.approx([0, 10, 20.05 + 0.8])
    source.bookmark()
    source.send(IDLE)  # an event came: it counts as the first silence again
    await running.settle(1)
    assert source.times[-1] == pytest.approx(30.05)
    assert source.kinds().count("list") == 1
    assert running.reflector.statistics.idle_watches == 3


async def test_a_watch_that_ends_otherwise_forgets_earlier_silences(source, start) -> None:
    running = start()
    await running.settle(10)
    source.send(IDLE)
    await running.settle(10)
    source.drop()
    await running.settle(10)
    source.send(IDLE)
    await running.settle(1)
    assert source.times[1:] == pytest.approx([0, 10, 20, 30])


# --- InternalError ---


async def ends_every_second(source, running, make_status, seconds: int) -> None:
    for _ in range(seconds):
        await running.settle(1)
        source.send(make_status(500, "InternalError"))


async def test_an_internal_error_leads_to_a_list_by_default(source, start, make_status) -> None:
    running = start()
    await ends_every_second(source, running, make_status, 1)
    await running.settle(1)
    assert source.kinds() == ["list", "watch", "list", "watch"]


async def test_internal_errors_are_retried_at_once_until_the_deadline(source, start, make_status) -> None:
    running = start(ReflectorOptions(internal_error_retry_s=30.0))
    await ends_every_second(source, running, make_status, 32)
    assert source.kinds() == ["list"] + ["watch"] * 32
    await running.settle(2)
    # The first at 1 s; the one at 31 s is the last within 30 s of it; the one at 32 s leads to a list.
    assert source.kinds() == ["list"] + ["watch"] * 32 + ["list", "watch"]
    assert running.reflector.statistics.errors == 32


async def test_an_internal_error_that_is_retried_is_noted(source, start, all_logs, make_status) -> None:
    running = start(ReflectorOptions(internal_error_retry_s=30.0))
    await ends_every_second(source, running, make_status, 2)
    await running.settle()
    ends = [entry["error"] for entry in all_logs if entry["event"] == "reflector_round_ended"]
    assert ends == ["watch test: the API server answered 500 InternalError: no message"] * 2


async def test_a_minute_without_internal_error_begins_the_deadline_anew(source, start, make_status) -> None:
    running = start(ReflectorOptions(internal_error_retry_s=30.0))
    for _ in range(4):
        await ends_every_second(source, running, make_status, 10)
        await running.settle(60)
    assert source.kinds() == ["list"] + ["watch"] * 41


# --- ends that need a list ---


@pytest.mark.parametrize("end", [None, CUT], ids=["closed", "cut"])
async def test_a_watch_that_ends_at_once_and_empty_leads_to_a_list_after_a_pause(
    source, start, end: Exception | None
) -> None:
    running = start()
    await running.settle(0.9)
    source.send(end)
    await running.settle(0.1)
    assert running.reflector.state is ReflectorState.BACKOFF
    assert isinstance(running.reflector.last_error, VeryShortWatch)
    assert "ended the watch at once without any event" in str(running.reflector.last_error)
    await running.settle(1)
    assert source.kinds() == ["list", "watch", "list", "watch"]
    assert source.times[2] == pytest.approx(1.7)
    assert running.reflector.statistics.short_watches == 1


async def test_a_watch_of_a_whole_second_is_not_short(source, start) -> None:
    running = start()
    await running.settle(1.0)
    source.drop()
    await running.settle()
    assert source.kinds() == ["list", "watch", "watch"]
    assert running.reflector.statistics.short_watches == 0


@pytest.mark.parametrize(
    "error",
    [
        ServiceUnavailable(503, "ServiceUnavailable", "later"),
        Forbidden(403, "Forbidden", "", retry_after_s=1.0),
        InternalError(500, "InternalError", ""),
        Expired(410, "Expired", ""),
        ServerTimeout(504, "Timeout", "Too large resource version: 9, current: 3", retry_after_s=1.0),
        InvalidResponse("https://server", "events", "<html>"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_any_other_refusal_of_a_watch_leads_to_a_list(source, start, error: KubeError) -> None:
    version = source.put("a")
    running = start()
    await running.settle(10)
    source.failures["watch"].append(error)
    source.drop()
    await running.settle(0.05)
    assert running.reflector.last_error is error
    await running.settle(5)
    assert source.requests == [
        ("list", "0"),
        ("watch", version),
        ("watch", version),
        ("list", version),
        ("watch", version),
    ]
    assert source.times[3] == pytest.approx(10.1 if isinstance(error, Expired) else 10.8)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(410, "Expired"), (410, "Gone"), (500, "InternalError"), (500, "StoreReadError"), (500, ""), (403, "Forbidden")],
)
async def test_an_error_event_ends_the_watch_and_leads_to_a_list(
    source, start, make_status, code: int, reason: str
) -> None:
    version = source.put("a")
    running = start()
    await running.settle(10)
    source.send(make_status(code, reason, "no"))
    await running.settle(0.05)
    assert source.open == []
    assert f"watch test: the API server answered {code}" in str(running.reflector.last_error)
    await running.settle(5)
    assert source.requests == [("list", "0"), ("watch", version), ("list", version), ("watch", version)]
    assert source.times[2] == pytest.approx(10.1 if code == 410 else 10.8)


async def test_one_corrupt_object_in_the_watch_is_mended_by_the_list(source, start, make_status) -> None:
    source.put("good")
    source.put("corrupt")
    running = start()
    await running.settle(10)
    source.objects.pop("corrupt")  # deleted by force: no event carries the object
    source.send(make_status(500, "InternalError", "unable to decode the stored object ns/corrupt"))
    await running.settle(5)
    assert running.agrees()
    assert running.sink.log == ["replace corrupt,good", "replace good"]


async def test_garbage_ends_the_round_and_the_list_mends_the_cache(source, start) -> None:
    source.put("a")
    running = start()
    await running.settle(10)
    source.send(b"<html>502 Bad Gateway</html>")
    source.objects.pop("a")
    await running.settle(0.5)
    assert isinstance(running.reflector.last_error, MalformedObject)
    await running.settle(5)
    assert running.agrees()
    assert running.reflector.statistics.errors == 1


async def test_events_before_garbage_in_one_batch_are_kept(source, start, make_event) -> None:
    running = start()
    await running.settle(10)
    source.send([make_event("ADDED", config_map("a", "9")), b"{", make_event("ADDED", config_map("b", "10"))])
    await running.settle(5)
    assert running.sink.log[:2] == ["replace ", "ADDED a"]
    assert source.versions("list") == ["0", "9"]


async def test_a_forgotten_version_leads_to_a_list_that_loses_no_delete(source, start) -> None:
    for name in "abc":
        source.put(name)
    running = start()
    await running.settle(10)
    source.failures["watch"].append(REFUSED)
    source.drop()
    await running.settle(0.1)
    source.delete("b")
    source.put("d")
    source.forget()
    await running.settle(10)
    assert source.requests == [
        ("list", "0"),
        ("watch", "4"),
        ("watch", "4"),
        ("watch", "4"),
        ("list", "4"),
        ("watch", "6"),
    ]
    assert running.agrees()


@pytest.mark.parametrize("list_error", [None, Expired(410, "Expired", ""), InternalError(500, "InternalError", "")])
@pytest.mark.parametrize(
    "watch_error",
    [CUT, BUSY, IDLE, Expired(410, "Expired", ""), InternalError(500, "InternalError", ""), MalformedObject("x")],
    ids=lambda error: type(error).__name__,
)
async def test_after_every_pair_of_errors_the_cache_is_the_collection(
    source, start, list_error: Exception | None, watch_error: Exception
) -> None:
    for name in "abc":
        source.put(name)
    running = start()
    await running.settle(10)
    if list_error is not None:
        source.failures["list"].append(list_error)
    queues = list(source.open)
    source.open.clear()
    source.delete("b")
    source.put("a", x="2")
    source.put("d")
    for queue in queues:
        queue.put_nowait(watch_error)
    await running.settle(60)
    assert running.agrees()
    assert running.reflector.state is ReflectorState.WATCHING


# --- how long a watch may last ---


@pytest.mark.parametrize(
    ("configured", "uniform", "sent"),
    [(300, 0.0, 300), (1, 0.0, 300), (1, 0.5, 450), (299, 0.999, 599), (301, 0.0, 301), (1800, 0.999, 3598)],
)
async def test_watches_ask_to_be_ended_between_once_and_twice_the_least_time(
    source, start, configured: int, uniform: float, sent: int
) -> None:
    running = start(ReflectorOptions(watch_timeout_s=configured), uniform)
    await running.settle()
    assert source.watch_options == [WatchOptions(resource_version="1", timeout_s=sent)]


async def test_the_least_time_is_five_minutes() -> None:
    assert ReflectorOptions().watch_timeout_s == 300


async def test_a_watch_that_the_server_does_not_end_is_ended_a_minute_later_and_resumed(
    source, start, make_event
) -> None:
    await asyncio.sleep(5.0)
    with structlog.testing.capture_logs() as logs:
        running = start()
        for _ in range(12):  # events and bookmarks keep it alive, but do not prolong it
            await running.settle(29)
            source.bookmark()
        assert source.kinds() == ["list", "watch"]
        await running.settle(13)
    assert source.requests[2:] == [("watch", "13")]
    assert source.times[2] == pytest.approx(365)
    assert [(entry["event"], entry["reflector"], entry["seconds"]) for entry in logs] == [
        ("reflector_watch_overdue", "test", 360)
    ]
    assert running.reflector.statistics.errors == 0
    assert len(source.open) == 1


async def test_a_stream_that_the_server_does_not_end_is_ended_a_minute_later_and_resumed(source, start) -> None:
    source.streaming_list = True
    running = start()
    await running.settle(359)
    assert source.kinds() == ["stream"]
    await running.settle(2)
    assert source.kinds() == ["stream", "watch"]


async def test_a_500_with_advice_costs_a_pause_and_no_list(source, start) -> None:
    source.failures["watch"].append(InternalError(500, "InternalError", "", retry_after_s=3.0))
    running = start()
    await running.settle(5)
    assert source.kinds() == ["list", "watch", "watch"]
    assert source.times == pytest.approx([0, 0, 3])


async def test_what_ended_a_watch_is_remembered_during_the_pause(source, start, make_status) -> None:
    running = start()
    await running.settle(10)
    source.send(make_status(429, "TooManyRequests", "busy"))
    await running.settle(0.1)
    assert "429 TooManyRequests: busy" in str(running.reflector.last_error)
    await running.settle(10)
    for _ in range(2):
        source.send(IDLE)
        await running.settle(0.1)
    assert running.reflector.last_error is IDLE


async def test_every_short_watch_is_counted_and_no_other(source, start) -> None:
    running = start()
    counted: list[int] = []
    for seconds in (0.1, 10.0, 0.1, 0.1):  # the pauses of 0.8 and 1.6 s lead to watches that are 1.2 and 0.4 s old
        await running.settle(seconds)
        source.drop()
        await running.settle(2.0 if seconds < 1.0 else 0.0)
        counted.append(running.reflector.statistics.short_watches)
    assert counted == [1, 1, 2, 3]


async def test_an_error_event_without_a_code_counts_as_500(source, start, make_event) -> None:
    running = start()
    await running.settle(10)
    source.send(make_event("ERROR", {"kind": "Status", "message": "odd"}))
    await running.settle(0.1)
    error = running.reflector.last_error
    assert isinstance(error, InternalError)
    assert error.status == 500
