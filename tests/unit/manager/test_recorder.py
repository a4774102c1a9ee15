"""What reaches the server, when, and what is dropped; in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from omectl.api.codec import decode
from omectl.kube.errors import Cause, ConnectionFailed, Details, Forbidden, Invalid, NotFound, TooManyRequests
from omectl.kube.resources import CORE_EVENTS, EVENTS
from omectl.manager import EventLimits, EventRecorder
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
