"""What reaches the server, when, and what is dropped; in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from omectl.api.codec import decode
from omectl.api.resource import ObjectKey
from omectl.kube.errors import (
    BadRequest,
    Cause,
    Conflict,
    ConnectionFailed,
    Details,
    Forbidden,
    InternalError,
    Invalid,
    NotFound,
    RequestEntityTooLarge,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from omectl.kube.resources import CORE_EVENTS, EVENTS
from omectl.manager import EventLimits, EventRecorder, Subject
from omectl.metrics import REGISTRY

pytestmark = pytest.mark.looptime

MODEL = {"apiVersion": "ome.io/v1beta1", "kind": "BaseModel", "metadata": {"namespace": "ns", "name": "m", "uid": "u"}}


def recorder(api: Any, **limits: Any) -> EventRecorder:
    return EventRecorder(api, "tester", instance="tester-host", limits=EventLimits(**limits))


def dropped(why: str) -> float:
    return REGISTRY.get_sample_value("omectl_events_dropped_total", {"component": "tester", "why": why}) or 0.0


@asynccontextmanager
async def running(told: EventRecorder) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.ensure_future(told.run())
    await asyncio.sleep(0.001)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_an_event_is_written_in_the_background(api: Any) -> None:
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "3 of 3 nodes")
        assert api.calls == []
        await asyncio.sleep(1.0)
        (event,) = api.of(EVENTS)
    assert (event["reason"], event["note"], event["type"]) == ("Ready", "3 of 3 nodes", "Normal")
    assert event["metadata"]["namespace"] == "ns"
    assert event["metadata"]["name"].startswith("m.")
    assert event["reportingController"] == "tester"
    assert "series" not in event


async def test_typed_objects_and_references_are_subjects_too(api: Any) -> None:
    events = recorder(api)
    reference = {"apiVersion": "v1", "kind": "Pod", "namespace": "ns", "name": "p"}
    async with running(events):
        events.event(decode({**MODEL, "spec": {"storage": {"storageUri": "hf://a/b"}}}), "Normal", "A", "a")
        events.event(reference, "Normal", "B", "b", related=MODEL)
        await asyncio.sleep(1.0)
    by_reason = {event["reason"]: event for event in api.of(EVENTS)}
    assert by_reason["A"]["regarding"]["uid"] == "u"
    assert by_reason["B"]["regarding"] == reference
    assert by_reason["B"]["related"]["name"] == "m"


async def test_the_second_is_a_patch_at_once_and_later_ones_wait_for_the_refresh(api: Any) -> None:
    events = recorder(api, series_refresh_s=300.0)
    async with running(events):
        for _ in range(20):
            events.event(MODEL, "Warning", "Failed", "again")
            await asyncio.sleep(1.0)
        assert api.calls == ["create events", "patch events"]
        assert api.of(EVENTS)[0]["series"]["count"] == 2
        await asyncio.sleep(300.0)
        assert api.calls == ["create events", "patch events", "patch events"]
        assert api.of(EVENTS)[0]["series"]["count"] == 20
        await asyncio.sleep(3600.0)
        assert len(api.calls) == 3


async def test_a_burst_before_the_first_write_costs_one_write(api: Any) -> None:
    events = recorder(api)
    async with running(events):
        for _ in range(10):
            events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(1.0)
    assert api.calls == ["create events"]
    assert api.of(EVENTS)[0]["series"]["count"] == 10


async def test_a_repeat_while_the_first_is_written_is_not_lost(api: Any) -> None:
    api.latency_s = lambda: 1.0
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(0.5)
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(10.0)
    assert api.of(EVENTS)[0]["series"]["count"] == 2


async def test_a_finished_series_is_told_its_last_count(api: Any) -> None:
    events = recorder(api, series_refresh_s=100_000.0)
    async with running(events):
        for _ in range(5):
            events.event(MODEL, "Warning", "Failed", "again")
            await asyncio.sleep(1.0)
        await asyncio.sleep(361.0)
        assert api.of(EVENTS)[0]["series"]["count"] == 5


async def test_an_event_that_has_expired_is_written_anew(api: Any) -> None:
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(1.0)
        api.objects.clear()
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(1.0)
        assert api.of(EVENTS)[0]["series"]["count"] == 2


async def test_an_unreachable_server_is_tried_twelve_times(api: Any) -> None:
    api.fault = lambda verb, kind, name: ConnectionFailed("https://server", "refused")
    events = recorder(api)
    before = dropped("unreachable")
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(90.0)
        assert len(api.calls) >= 9
        await asyncio.sleep(1000.0)
        assert len(api.calls) == 12
    assert dropped("unreachable") == before + 1


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionFailed("https://server", "refused"),
        TooManyRequests(429, "TooManyRequests", "slow down"),
        InternalError(500, "InternalError", "etcd"),
        ServiceUnavailable(503, "ServiceUnavailable", "starting"),
        ServerTimeout(504, "Timeout", "gave up"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_trouble_that_passes_is_waited_out(api: Any, trouble: Exception) -> None:
    answers = iter([trouble, trouble])
    api.fault = lambda verb, kind, name: next(answers, None)
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(21.0)
        assert api.calls == ["create events"] * 3
        assert events.statistics().last_error == str(trouble)
    assert len(api.of(EVENTS)) == 1


@pytest.mark.parametrize("first", [0.0, 0.25, 0.9])
async def test_attempts_are_ten_seconds_apart_but_for_the_first_which_is_random(
    api: Any, monkeypatch: pytest.MonkeyPatch, first: float
) -> None:
    monkeypatch.setattr("omectl.manager.recorder.random", lambda: first)
    moments: list[float] = []

    def refuse(verb: str, kind: Any, name: str) -> Exception:
        moments.append(asyncio.get_running_loop().time())
        return ConnectionFailed("https://server", "refused")

    api.fault = refuse
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1000.0)
    waits = [later - earlier for earlier, later in pairwise(moments)]
    assert waits == pytest.approx([10.0 * first, *[10.0] * 10], abs=1e-3)


@pytest.mark.parametrize(
    "refusal",
    [
        BadRequest(400, "BadRequest", "no"),
        Unauthorized(401, "Unauthorized", "no"),
        Forbidden(403, "Forbidden", "no"),
        NotFound(404, "NotFound", "no such namespace", Details(name="ns", kind="namespaces")),
        Conflict(409, "Conflict", "no"),
        RequestEntityTooLarge(413, "RequestEntityTooLarge", "no"),
        Invalid(422, "Invalid", "no"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_refusal_is_final(api: Any, refusal: Exception) -> None:
    api.fault = lambda verb, kind, name: refusal
    events = recorder(api)
    before = dropped("refused")
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(600.0)
        tried = len(api.calls)
        assert events.statistics().pending == 0
    # A Forbidden is answered by a look at the other API, once.
    assert tried == (2 if isinstance(refusal, Forbidden) else 1)
    assert dropped("refused") == before + 1


async def test_an_event_that_neither_api_takes_leaves_the_new_one_in_use(api: Any) -> None:
    api.fault = lambda verb, kind, name: Forbidden(403, "Forbidden", "no right to events")
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
        assert not events.statistics().core_only
        assert api.calls == ["create events", "create events"]
        api.fault = lambda verb, kind, name: None
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
    (event,) = api.of(EVENTS)
    assert "series" not in event


async def test_the_core_api_takes_over_a_series_when_the_new_one_goes(api: Any) -> None:
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(1.0)
        (kept,) = api.objects.values()
        # Both APIs show the same objects.
        api.objects = {(CORE_EVENTS, ObjectKey("ns", kept["metadata"]["name"])): kept}
        gone = NotFound(404, "NotFound", "no such page")
        api.fault = lambda verb, kind, name: gone if kind == EVENTS else None
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(1.0)
        assert events.statistics().core_only
    (event,) = api.of(CORE_EVENTS)
    assert event["count"] == 2


async def test_a_long_lasting_series_is_refreshed_every_five_minutes(api: Any) -> None:
    events = EventRecorder(api, "tester", limits=EventLimits(spam_burst=10_000))
    moments: list[float] = []

    def note(verb: str, kind: Any, name: str) -> None:
        moments.append(asyncio.get_running_loop().time())

    async with running(events):
        api.fault = note
        started = asyncio.get_running_loop().time()
        for _ in range(100):
            events.event(MODEL, "Warning", "Failed", "again")
            await asyncio.sleep(10.0)
        elapsed = [round(moment - started) for moment in moments]
        assert elapsed == [0, 10, 310, 610, 910]
        assert api.of(EVENTS)[0]["series"]["count"] == 91


async def test_a_series_is_finished_after_six_minutes_and_a_new_event_begun(api: Any) -> None:
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(359.0)
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(360.0)
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(1.0)
    old, new = api.of(EVENTS)
    assert old["series"]["count"] == 2
    assert "series" not in new
    assert old["metadata"]["name"] != new["metadata"]["name"]


async def test_the_eleventh_similar_event_is_written_as_a_combined_one(api: Any) -> None:
    events = recorder(api)
    async with running(events):
        for number in range(12):
            events.event(MODEL, "Warning", "Failed", f"attempt {number}")
            await asyncio.sleep(1.0)
    notes = [event["note"] for event in api.of(EVENTS)]
    assert notes[:10] == [f"attempt {number}" for number in range(10)]
    assert notes[10:] == ["(combined from similar events): attempt 10"]
    assert api.of(EVENTS)[10]["series"]["count"] == 2


async def test_an_event_about_a_cluster_scoped_object_is_written_to_default(api: Any) -> None:
    about = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    events = recorder(api)
    async with running(events):
        events.event(about, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
    ((kind, key),) = api.objects
    assert (kind, key.namespace) == (EVENTS, "default")


async def test_eight_events_are_written_at_once(api: Any) -> None:
    api.latency_s = lambda: 1.0
    events = recorder(api)
    async with running(events):
        for number in range(20):
            events.event({**MODEL, "metadata": {"namespace": "ns", "name": f"m-{number}"}}, "Normal", "Ready", "x")
        await asyncio.sleep(0.5)
        assert len(api.calls) == 8


async def test_the_instance_names_the_host_and_is_cut_to_what_the_server_takes(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "h" * 200)
    events = EventRecorder(api, "tester")
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
    (event,) = api.of(EVENTS)
    assert event["reportingInstance"] == "tester-" + "h" * 121
    assert events.name == "events/tester"
    assert not events.needs_leader


async def test_an_event_about_a_long_name_has_a_name_that_fits(api: Any) -> None:
    long = {**MODEL, "metadata": {"namespace": "ns", "name": "n" * 199 + "-" + "m" * 50}}
    events = recorder(api)
    async with running(events):
        events.event(long, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
    (event,) = api.of(EVENTS)
    prefix, _, suffix = event["metadata"]["name"].partition(".")
    assert (prefix, len(suffix)) == ("n" * 199, 16)


async def test_writes_are_counted(api: Any) -> None:
    def recorded() -> float:
        return REGISTRY.get_sample_value("omectl_events_recorded_total", {"component": "tester"}) or 0.0

    events = recorder(api)
    before = recorded()
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
        assert recorded() == before + 1
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
        assert recorded() == before + 2
        assert events.statistics().series == 1


async def test_a_busy_server_is_tried_again(api: Any) -> None:
    answers = iter([TooManyRequests(429, "TooManyRequests", "slow down")])
    api.fault = lambda verb, kind, name: next(answers, None)
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(11.0)
    assert len(api.of(EVENTS)) == 1


async def test_a_silent_server_holds_up_no_caller_and_is_tried_again(api: Any) -> None:
    api.latency_s = lambda: 3600.0
    events = recorder(api)
    async with running(events):
        began = asyncio.get_running_loop().time()
        events.event(MODEL, "Normal", "Ready", "x")
        assert asyncio.get_running_loop().time() == began
        await asyncio.sleep(15.0)
        api.latency_s = lambda: 0.0
        await asyncio.sleep(25.0)
        assert len(api.of(EVENTS)) == 1


async def test_a_write_that_only_seemed_to_fail_is_not_done_twice(api: Any) -> None:
    lost = iter([ConnectionFailed("https://server", "connection reset")])
    api.late_fault = lambda verb, kind, name: next(lost, None)
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(60.0)
    (event,) = api.of(EVENTS)
    assert event["series"]["count"] == 2


async def test_a_single_event_whose_answer_was_lost_is_met_again_and_left_alone(api: Any) -> None:
    lost = iter([ConnectionFailed("https://server", "connection reset")])
    api.late_fault = lambda verb, kind, name: next(lost, None)
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(60.0)
        assert events.statistics().pending == 0
    assert api.calls == ["create events", "create events"]
    (event,) = api.of(EVENTS)
    assert "series" not in event


async def test_a_subject_may_be_given_as_such(api: Any) -> None:
    events = recorder(api)
    async with running(events):
        events.event(Subject("v1", "Pod", "ns", "p", "u"), "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
    (event,) = api.of(EVENTS)
    assert event["regarding"] == {"apiVersion": "v1", "kind": "Pod", "namespace": "ns", "name": "p", "uid": "u"}


async def test_a_refused_event_is_not_tried_again(api: Any) -> None:
    api.fault = lambda verb, kind, name: Invalid(422, "Invalid", "note: too long")
    events = recorder(api)
    before = dropped("refused")
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(600.0)
        assert api.calls == ["create events"]
        assert "note: too long" in events.statistics().last_error
    assert dropped("refused") == before + 1


@pytest.mark.parametrize(
    "refusal",
    [Forbidden(403, "Forbidden", "cannot create events.k8s.io"), NotFound(404, "NotFound", "no such page")],
    ids=["not granted", "not served"],
)
async def test_the_core_api_is_used_where_the_new_one_is_not(api: Any, refusal: Exception) -> None:
    api.fault = lambda verb, kind, name: refusal if kind == EVENTS else None
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
        assert events.statistics().core_only
    (event,) = api.of(CORE_EVENTS)
    assert (event["message"], event["count"], event["source"]) == ("x", 2, {"component": "tester"})


async def test_a_terminating_namespace_does_not_change_the_api(api: Any) -> None:
    details = Details(causes=(Cause("NamespaceTerminating", "metadata.namespace", "it is being terminated"),))
    api.fault = lambda verb, kind, name: Forbidden(403, "Forbidden", "being terminated", details)
    events = recorder(api)
    async with running(events):
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
        assert not events.statistics().core_only
        assert api.calls == ["create events"]


async def test_events_are_dropped_when_too_many_are_pending(api: Any) -> None:
    api.latency_s = lambda: 2.0
    events = recorder(api, pending=10)
    before = dropped("full")
    async with running(events):
        for number in range(15):
            events.event({**MODEL, "metadata": {"namespace": "ns", "name": f"m-{number}"}}, "Normal", "Ready", "x")
        assert dropped("full") == before + 5
        assert events.statistics().pending == 10
        await asyncio.sleep(60.0)
        events.event({**MODEL, "metadata": {"namespace": "ns", "name": "m-14"}}, "Normal", "Ready", "x")
        await asyncio.sleep(60.0)
    assert len(api.of(EVENTS)) == 11


async def test_a_flood_of_one_object_is_cut(api: Any) -> None:
    events = recorder(api)
    before = dropped("spam")
    async with running(events):
        for _ in range(30):
            events.event(MODEL, "Warning", "Failed", "again")
    assert dropped("spam") == before + 5


async def test_what_is_pending_is_written_before_the_end(api: Any) -> None:
    api.latency_s = lambda: 1.0
    events = recorder(api)
    async with running(events) as task:
        events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(3.0)
        for _ in range(6):
            events.event(MODEL, "Warning", "Failed", "again")
        await asyncio.sleep(5.0)
        events.event(MODEL, "Normal", "Stopping", "now")
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
    by_reason = {event["reason"]: event for event in api.of(EVENTS)}
    assert set(by_reason) == {"Failed", "Stopping"}
    assert by_reason["Failed"]["series"]["count"] == 7


async def test_a_second_cancellation_drops_what_is_pending(api: Any) -> None:
    api.latency_s = lambda: 3600.0
    events = recorder(api)
    before = dropped("stopped")
    async with running(events) as task:
        events.event(MODEL, "Normal", "Ready", "x")
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.sleep(1.0)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
        assert task.done()
    assert dropped("stopped") == before + 1


async def test_after_the_end_events_are_dropped(api: Any) -> None:
    events = recorder(api)
    async with running(events):
        pass
    before = dropped("stopped")
    events.event(MODEL, "Normal", "Ready", "x")
    assert dropped("stopped") == before + 1


async def test_an_event_about_nothing_is_dropped_without_hurting_the_caller(api: Any) -> None:
    events = recorder(api)
    before = dropped("invalid")
    events.event({}, "Normal", "Ready", "x")
    assert dropped("invalid") == before + 1
