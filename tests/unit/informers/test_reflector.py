"""The reflector's rounds: pauses, states, what is told and remembered, and its end."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
import structlog

from omectl import metrics
from omectl.informers import ReflectorOptions, ReflectorState
from omectl.informers.backoff import BackoffOptions
from omectl.informers.record import RecordReader
from omectl.informers.reflector import Reflector
from omectl.kube.errors import (
    ConnectionFailed,
    Expired,
    Forbidden,
    InternalError,
    InvalidResponse,
    NotFound,
    TooManyRequests,
    Unauthorized,
)
from omectl.kube.resources import CONFIG_MAPS

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]

REFUSED = ConnectionFailed("https://server", ConnectionRefusedError())
CUT = ConnectionFailed("https://server", "connection reset")
BROKEN = InternalError(500, "InternalError", "boom")
BUSY = TooManyRequests(429, "TooManyRequests", "storage is (re)initializing")
FORBIDDEN = Forbidden(403, "Forbidden", "configmaps is forbidden")


# --- pauses ---


async def test_five_refused_connections_cost_their_pauses(source, start) -> None:
    source.streaming_list = False
    source.failures["list"] += [REFUSED] * 5
    running = start()
    await running.settle(5)
    gaps = [later - earlier for earlier, later in pairwise(source.times[:6])]
    assert gaps == pytest.approx([0.4, 0.44, 0.484, 0.5324, 0.58564])
    assert source.kinds() == ["list"] * 6 + ["watch"]


async def test_a_server_that_is_away_for_long_is_looked_for_every_few_seconds(source, start) -> None:
    source.streaming_list = False
    source.failures["list"] += [REFUSED] * 40
    running = start(ReflectorOptions(refused_backoff=replace(ReflectorOptions().refused_backoff, reset_s=1e6)), 0.5)
    await running.settle(200)
    gaps = [later - earlier for earlier, later in pairwise(source.times[:41])]
    assert gaps[:22] == pytest.approx([0.5 * 1.1**step for step in range(22)])
    assert gaps[22:] == pytest.approx([3.75] * 18)


async def test_a_server_that_was_away_makes_no_other_pause_longer(source, start) -> None:
    version = source.put("a")
    running = start()
    await running.settle(10)
    source.failures["watch"] += [
        *[REFUSED] * 4,
        TooManyRequests(429, "TooManyRequests", "storage is (re)initializing", retry_after_s=1.0),
    ]
    source.version += 5
    source.forget()  # as a restarted server does
    source.drop()
    await running.settle(10)
    assert source.requests == [("stream", ""), *[("watch", version)] * 6, ("stream", version)]
    gaps = [later - earlier for earlier, later in pairwise(source.times)]
    assert gaps == pytest.approx([10, 0.4, 0.44, 0.484, 0.5324, 1.0, 0.1])
    assert running.reflector.state is ReflectorState.WATCHING
    source.send(BROKEN)
    await running.settle(2)
    assert source.times[-1] - source.times[-2] == pytest.approx(10 - sum(gaps[1:]) + 0.8)


async def test_a_server_that_forgets_again_and_again_is_listed_ever_more_rarely(source, start) -> None:
    source.streaming_list = False
    source.failures["watch"] += [Expired(410, "Expired", "too old resource version")] * 8
    running = start()
    await running.settle(60)
    lists = [at for request, at in zip(source.kinds(), source.times, strict=True) if request == "list"]
    gaps = [later - earlier for earlier, later in pairwise(lists)]
    assert gaps == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 4.0, 4.0])


async def test_those_whose_version_was_forgotten_at_once_list_at_different_times(source, start) -> None:
    source.streaming_list = False
    source.failures["watch"].append(Expired(410, "Expired", "too old resource version"))
    running = start(uniform=0.5)
    await running.settle(5)
    assert source.times == pytest.approx([0, 0, 0.45, 0.45])


async def test_the_pauses_of_every_sort_can_be_set(source, start) -> None:
    source.streaming_list = False
    expired = Expired(410, "Expired", "too old resource version")
    source.failures["list"] += [REFUSED, BROKEN]
    source.failures["watch"] += [expired]
    running = start(
        ReflectorOptions(
            backoff=BackoffOptions(first_s=0.01),
            refused_backoff=BackoffOptions(first_s=0.02),
            expired_backoff=BackoffOptions(first_s=0.03),
        )
    )
    await running.settle(1)
    gaps = [later - earlier for earlier, later in pairwise(source.times)]
    assert gaps == pytest.approx([0.02, 0.01, 0, 0.03, 0])


async def test_forty_failures_flatten_at_the_cap(source, start) -> None:
    source.streaming_list = False
    source.failures["list"] += [BROKEN] * 40
    running = start(ReflectorOptions(backoff=BackoffOptions(reset_s=1e6)))
    await running.settle(1200)
    gaps = [later - earlier for earlier, later in pairwise(source.times[:41])]
    assert gaps == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 25.6] + [30.0] * 34)


async def test_pauses_begin_anew_two_minutes_after_the_last_beginning(source, start) -> None:
    source.streaming_list = False
    source.failures["list"] += [BROKEN] * 10
    running = start()
    await running.settle(200)
    gaps = [later - earlier for earlier, later in pairwise(source.times[:11])]
    # 110.4 s are over at the ninth failure, 140.4 s at the tenth.
    assert gaps == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0, 0.8])


async def test_a_success_does_not_shorten_the_next_pause(source, start, make_status) -> None:
    source.streaming_list = False
    running = start()
    for _ in range(3):
        await running.settle(5)
        source.send(make_status(500, "InternalError"))
    await running.settle(10)
    lists = [at for request, at in zip(source.kinds(), source.times, strict=True) if request == "list"]
    assert lists == pytest.approx([0, 5.8, 11.6, 18.2])


async def test_pauses_have_jitter(source, start) -> None:
    source.streaming_list = False
    source.failures["list"] += [BROKEN] * 2
    running = start(uniform=0.5)
    await running.settle(10)
    assert source.times[:3] == pytest.approx([0, 1.2, 3.6])


async def test_pauses_can_be_set_for_each_reflector(source, start) -> None:
    source.streaming_list = False
    source.failures["list"] += [BROKEN] * 6
    running = start(ReflectorOptions(backoff=BackoffOptions(first_s=0.01, cap_s=0.1)))
    await running.settle(2)
    gaps = [later - earlier for earlier, later in pairwise(source.times[:7])]
    assert gaps == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.1, 0.1])


async def test_defaults_of_the_options() -> None:
    options = ReflectorOptions()
    assert (options.page_size, options.marker_patience_s, options.markerless_streams) == (None, 60.0, 2)
    assert (options.internal_error_retry_s, options.check_streaming_list) == (0.0, False)
    assert options.backoff == BackoffOptions()
    assert options.refused_backoff == BackoffOptions(first_s=0.4, cap_s=3.0, factor=1.1, jitter=0.5)
    assert options.expired_backoff == BackoffOptions(first_s=0.1, cap_s=4.0, jitter=7.0)
    assert options.absent_backoff == BackoffOptions(cap_s=10.0)


# --- the sequence of requests ---


@pytest.mark.parametrize("streaming", [True, False])
async def test_the_sequence_of_requests(source, start, make_status, streaming: bool) -> None:
    source.streaming_list = streaming
    first = source.put("a")
    running = start()
    await running.settle(10)
    source.drop()
    await running.settle(10)
    second = source.put("b")
    await running.settle()
    source.send(make_status(410, "Expired"))
    await running.settle(10)
    if streaming:
        assert source.requests == [("stream", ""), ("watch", first), ("stream", second)]
    else:
        assert source.requests == [
            ("list", "0"),
            ("watch", first),
            ("watch", first),
            ("list", second),
            ("watch", second),
        ]
    assert all(options.bookmarks for options in source.watch_options)
    assert [options.send_initial_events for options in source.watch_options] == [
        request == "stream" for request in source.kinds() if request != "list"
    ]
    assert running.agrees()


async def test_states_follow_the_work(source, start, make_status) -> None:
    source.streaming_list = False
    source.hold["list"] = asyncio.Event()
    running = start()
    assert running.reflector.state is ReflectorState.EMPTY
    await running.settle()
    assert running.reflector.state is ReflectorState.LISTING
    source.hold["watch"] = asyncio.Event()
    source.hold["list"].set()
    await running.settle()
    assert running.reflector.state is ReflectorState.SYNCED
    source.hold["watch"].set()
    await running.settle()
    assert running.reflector.state is ReflectorState.WATCHING
    source.send(make_status(500, "InternalError"))
    await running.settle()
    assert running.reflector.state is ReflectorState.BACKOFF


async def test_every_change_of_state_is_logged_for_who_looks_closely(source, start, all_logs, make_status) -> None:
    source.streaming_list = False
    running = start()
    await running.settle(1)
    source.send(make_status(500, "InternalError", "boom"))
    await running.settle(0.5)
    moves = [entry for entry in all_logs if entry["event"] == "reflector_state"]
    assert [(entry["reflector"], entry["old"], entry["new"], entry["log_level"]) for entry in moves] == [
        ("test", old, new, "debug") for old, new in pairwise(["empty", "listing", "synced", "watching", "backoff"])
    ]
    ends = [entry for entry in all_logs if entry["event"] == "reflector_round_ended"]
    assert [(entry["reflector"], entry["log_level"]) for entry in ends] == [("test", "debug")]
    assert str(ends[0]["error"]).endswith("500 InternalError: boom")


async def test_where_it_is_says_how_far(source, start) -> None:
    source.streaming_list = False
    for name in "abcde":
        source.put(name)
    source.failures["list"].append(BROKEN)
    running = start(ReflectorOptions(page_size=2))
    reflector = running.reflector
    assert reflector.where == "empty"
    await running.settle(0.3)
    assert reflector.where == "backoff, next try in 0.5 s"
    source.hold["list"] = asyncio.Event()
    await running.settle(0.6)
    assert reflector.where == "listing page 1"
    pages: list[str] = []
    source.on_page = lambda page: pages.append(reflector.where) or page
    source.hold["list"].set()
    await running.settle(1.5)
    assert pages == ["listing page 1", "listing page 2", "listing page 3"]
    assert reflector.where == "watching"
    source.failures["watch"].append(REFUSED)
    source.drop()
    await running.settle(0.1)
    assert reflector.where == "backoff, next try in 0.3 s"
    source.hold["watch"] = asyncio.Event()
    await running.settle(5)
    assert reflector.where == "backoff, next try in 0.0 s"


async def test_where_it_is_can_be_asked_while_discovery_is(source, start) -> None:
    source.streaming_list = False
    source.failures["list"].append(NotFound(404, "NotFound", ""))
    asked: list[str] = []

    async def is_served() -> bool:
        asked.append(running.reflector.where)
        return True

    source.is_served = is_served
    running = start()
    await running.settle()
    assert asked == ["listing page 1"]


# --- what is told and remembered ---


async def test_a_forbidden_collection_is_tried_again_and_says_why(source, start) -> None:
    source.failures["stream"] += [FORBIDDEN]
    source.failures["list"] += [FORBIDDEN]
    running = start()
    await running.settle(0.5)
    assert running.reflector.last_error is FORBIDDEN
    assert running.reflector.state is ReflectorState.BACKOFF
    assert running.reflector.statistics.errors == 2
    await running.settle(5)
    assert running.reflector.state is ReflectorState.WATCHING
    assert running.reflector.last_error is None


@pytest.mark.parametrize(
    "error",
    [FORBIDDEN, Unauthorized(401, "Unauthorized", ""), InvalidResponse("https://server", "a list", "<html>")],
    ids=lambda error: type(error).__name__,
)
async def test_what_somebody_must_mend_is_warned_of_once(source, start, error: Exception) -> None:
    source.streaming_list = False
    other = Forbidden(403, "Forbidden", "something else")
    source.failures["list"] += [error, error, other, error, other]
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(0.5)
        assert len(logs) == 1
        await running.settle(60)
    told = [(entry["log_level"], entry["reflector"], entry["error"]) for entry in logs]
    assert told == [("warning", "test", str(error)), ("warning", "test", str(other))]
    assert {entry["event"] for entry in logs} == {"reflector_round_ended"}


@pytest.mark.parametrize("error", [REFUSED, BROKEN, BUSY], ids=lambda error: type(error).__name__)
async def test_what_may_pass_is_warned_of_once_it_has_lasted(source, start, error: Exception) -> None:
    source.streaming_list = False
    source.failures["list"] += [error] * 8
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(2)
        assert logs == []
        await running.settle(1)
        assert [(entry["log_level"], entry["error"]) for entry in logs] == [("warning", str(error))]
        await running.settle(60)
    assert len(logs) == 1


async def test_troubles_that_do_not_come_in_a_row_are_not_warned_of(source, start, make_status) -> None:
    source.streaming_list = False
    with structlog.testing.capture_logs() as logs:
        running = start()
        for _ in range(4):
            await running.settle(50)
            source.send(make_status(500, "InternalError"))
        await running.settle(60)
    assert logs == []
    assert running.reflector.statistics.errors == 4


@pytest.mark.parametrize(("seconds", "warnings"), [(59.0, 1), (60.0, 2)])
async def test_a_watch_of_a_minute_ends_a_trouble_and_the_next_one_is_told_again(
    source, start, make_status, seconds: float, warnings: int
) -> None:
    source.streaming_list = False
    source.failures["list"].append(FORBIDDEN)
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(0.8 + seconds + 0.001)
        source.failures["list"].append(FORBIDDEN)
        source.send(make_status(500, "InternalError"))
        await running.settle(20)
    assert [entry["error"] for entry in logs] == [str(FORBIDDEN)] * warnings


async def test_a_watch_of_exactly_a_minute_is_one_of_a_minute(source, start, make_status) -> None:
    source.streaming_list = False
    source.failures["list"] += [FORBIDDEN]

    def fail_again() -> None:
        source.failures["list"].append(FORBIDDEN)
        source.send(make_status(500, "InternalError"))

    asyncio.get_running_loop().call_at(61.0, fail_again)
    with structlog.testing.capture_logs() as logs:
        running = start(uniform=0.25)
        await running.settle(90)
    assert source.times[:3] == [0.0, 1.0, 1.0]
    assert [entry["error"] for entry in logs] == [str(FORBIDDEN)] * 2


async def test_no_more_than_a_hundred_different_troubles_are_told(source, start) -> None:
    source.streaming_list = False
    source.failures["list"] += [Forbidden(403, "Forbidden", f"request {number}") for number in range(105)]
    with structlog.testing.capture_logs() as logs:
        running = start()
        await running.settle(4000)
    assert [entry["event"] for entry in logs].count("reflector_round_ended") == 100
    assert running.reflector.state is ReflectorState.WATCHING


async def test_a_bug_ends_only_the_round_and_is_logged_with_its_stack(source, start) -> None:
    source.streaming_list = False
    source.failures["list"].append(ZeroDivisionError("a bug"))
    with structlog.testing.capture_logs() as logs:
        running = start(name="buggy")
        await running.settle(5)
    assert logs == [{"event": "reflector_bug", "log_level": "error", "exc_info": True, "reflector": "buggy"}]
    assert running.reflector.state is ReflectorState.WATCHING
    relists = metrics.REGISTRY.get_sample_value(
        "reflector_relists_total", {"name": "buggy", "reason": "ZeroDivisionError"}
    )
    assert relists == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BROKEN, "InternalError"),
        (Forbidden(403, "", ""), "Forbidden"),
        (CUT, "ConnectionFailed"),
        (NotFound(404, "", ""), "NotFound"),
        (BUSY, "TooManyRequests"),
        (Forbidden(403, "QuotaOfSecretsExceeded", ""), "QuotaOfSecretsExceeded"),
    ],
)
async def test_relists_are_counted_by_what_made_them_needed(source, start, error: Exception, reason: str) -> None:
    source.streaming_list = False
    source.failures["list"].append(error)
    name = f"relists-{reason}"
    running = start(name=name)
    await running.settle(0.5)
    labels = {"name": name, "reason": reason}
    assert metrics.REGISTRY.get_sample_value("reflector_relists_total", labels) is None
    await running.settle(1)
    assert metrics.REGISTRY.get_sample_value("reflector_relists_total", labels) == 1


# --- the end ---


@pytest.mark.parametrize("request_kind", ["list", "stream", "watch"])
async def test_cancelling_while_a_request_is_under_way_ends_it(source, start, request_kind: str) -> None:
    source.streaming_list = request_kind == "stream"
    source.hold[request_kind] = asyncio.Event()
    running = start()
    await running.settle()
    await cancel_all()
    assert (source.open, source.open_lists) == ([], 0)
    assert running.reflector.state is ReflectorState.STOPPED


@pytest.mark.parametrize("when", ["in the pause", "before the marker", "in the events", "in the watch"])
async def test_cancelling_leaves_no_open_watch(source, start, make_event, when: str) -> None:
    if when == "in the pause":
        source.failures["stream"].append(BUSY)
    source.marker = when != "before the marker"
    running = start()
    await running.settle(0.5)
    if when == "in the events":
        obj = {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "9"}}
        source.send([make_event("MODIFIED", obj)] * 5000)
        for _ in range(3):
            await asyncio.sleep(0)
        assert 0 < running.reflector.statistics.events < 5000
    await cancel_all()
    assert source.open == []
    assert running.reflector.state is ReflectorState.STOPPED


async def test_cancelling_before_the_first_request_asks_for_nothing(source, start) -> None:
    running = start()
    await cancel_all()
    assert source.requests == []
    assert running.sink.log == []


async def test_cancelling_is_not_swallowed(source) -> None:
    task = asyncio.create_task(Reflector("test", source, RecordReader(CONFIG_MAPS), Ignoring()).run())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Ignoring:
    """A sink that keeps nothing."""

    def replace(self, *_: object) -> None: ...

    def change(self, *_: object) -> None: ...

    def bookmark(self, *_: object) -> None: ...

    def absent(self) -> None: ...
