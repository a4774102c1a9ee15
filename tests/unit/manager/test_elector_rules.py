"""One candidate's every step, in virtual time: what it reads, writes, remembers and says."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from omectl.api.labels import ELECTION_MANAGER
from omectl.api.resource import ObjectKey
from omectl.kube.errors import AlreadyExists, Conflict, ConnectionFailed, InternalError
from omectl.kube.resources import LEASES
from omectl.manager import ElectionOptions, LeaderElector, LeadershipLost, LeaseLock, NotLeading
from omectl.manager.election import LeaseRecord
from omectl.manager.lease import LostRace
from omectl.metrics import REGISTRY

pytestmark = pytest.mark.looptime

START = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = (LEASES, ObjectKey("ome", "lock"))
AWAY = ConnectionFailed("https://server", "no route to host")


def now() -> float:
    return asyncio.get_running_loop().time()


class LoopClock:
    """Wall time that follows the virtual loop."""

    def now(self) -> datetime:
        return START + timedelta(seconds=now())


def elector(api: Any, identity: str = "me", **options: Any) -> LeaderElector:
    wanted = ElectionOptions(**{"lease_name": "lock", "namespace": "ome", "identity": identity, **options})
    return LeaderElector(LeaseLock(api, "ome", "lock", wanted.labels), wanted, LoopClock())


def lease(api: Any, holder: str, *, version: str = "7", **spec: Any) -> dict[str, Any]:
    """Put a Lease into the server."""
    api.objects[PLACE] = {
        "metadata": {"name": "lock", "namespace": "ome", "resourceVersion": version},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "acquireTime": "long ago",
            "renewTime": "then",
            "leaseTransitions": 3,
            **spec,
        },
    }
    return api.objects[PLACE]


def spec(api: Any) -> dict[str, Any]:
    return api.objects[PLACE]["spec"]


def steady(monkeypatch: pytest.MonkeyPatch, dice: float = 0.0) -> None:
    monkeypatch.setattr("omectl.manager.elector.random", lambda: dice)


async def cancelled(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_released_lease_is_taken_at_once_as_a_new_term(api: Any) -> None:
    lease(api, "")
    me = elector(api)
    await me.acquire()
    assert now() == 0.0
    assert me.epoch == 4
    assert spec(api) == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:00:00.000000Z",
        "leaseTransitions": 4,
    }


async def test_a_lease_that_is_ours_already_is_taken_at_once_as_the_same_term(api: Any) -> None:
    lease(api, "me")
    me = elector(api)
    await me.acquire()
    assert now() == 0.0
    assert (me.epoch, spec(api)["acquireTime"], spec(api)["leaseTransitions"]) == (3, "long ago", 3)
    assert spec(api)["renewTime"] == "2026-01-01T00:00:00.000000Z"


async def test_renewing_moves_only_the_time_of_renewal(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    holding = asyncio.ensure_future(me.hold())
    before = dict(spec(api))
    await asyncio.sleep(4.5)
    assert spec(api) == {**before, "renewTime": "2026-01-01T00:00:04.000000Z"}
    await cancelled(holding)


async def test_a_holder_of_a_dead_lease_is_followed_one_lease_after_it_was_first_seen(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady(monkeypatch)
    lease(api, "you", renewTime="2020-01-01T00:00:00.000000Z")
    me = elector(api)
    await me.acquire()
    assert now() == 16.0  # the first try at or after 15 s; what the lease says of times counts for nothing
    assert api.calls == ["get leases"] * 9 + ["replace leases"]


async def test_a_write_that_leaves_the_record_as_it_is_does_not_prolong_the_wait(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady(monkeypatch)
    live = lease(api, "you")
    me = elector(api)
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(9.0)
    live["metadata"] |= {"resourceVersion": "8", "labels": {"touched": "yes"}}
    await trying
    assert now() == 16.0
    assert api.objects[PLACE]["metadata"]["labels"] == {"touched": "yes"}


async def test_a_renewal_by_the_holder_prolongs_the_wait(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    steady(monkeypatch)
    live = lease(api, "you")
    me = elector(api)
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(9.0)
    live["spec"]["renewTime"] = "later"
    await trying
    assert now() == 26.0  # seen anew at 10 s


@pytest.mark.parametrize(("dice", "pause_s"), [(0.0, 2.0), (0.5, 3.2), (1.0, 4.4)])
async def test_candidates_try_every_retry_period_with_jitter(
    api: Any, monkeypatch: pytest.MonkeyPatch, dice: float, pause_s: float
) -> None:
    steady(monkeypatch, dice)
    lease(api, "you", leaseDurationSeconds=3600)
    tried_at: list[float] = []
    api.fault = lambda verb, kind, name: tried_at.append(now())
    trying = asyncio.ensure_future(elector(api).acquire())
    await asyncio.sleep(pause_s * 3 + 0.01)
    assert api.calls == ["get leases"] * 4
    assert tried_at == pytest.approx([0.0, pause_s, pause_s * 2, pause_s * 3])
    await cancelled(trying)


async def test_an_update_that_loses_the_race_does_not_lead(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    steady(monkeypatch)
    lease(api, "")
    conflicts = iter([Conflict(409, "Conflict", "modified")])
    api.fault = lambda verb, kind, name: next(conflicts, None) if verb == "replace" else None
    me = elector(api)
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(1.0)
    assert not me.is_leader
    assert "modified" in me.statistics().last_error
    await trying
    assert now() == 2.0
    assert me.statistics().last_error == ""


async def test_a_create_that_loses_the_race_does_not_lead(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    steady(monkeypatch)
    races = iter([AlreadyExists(409, "AlreadyExists", "leases already exists")])
    api.fault = lambda verb, kind, name: next(races, None) if verb == "create" else None
    me = elector(api)
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(1.0)
    assert not me.is_leader
    assert "already exists" in me.statistics().last_error
    await trying
    assert now() == 2.0


async def test_a_candidate_survives_failed_reads_and_says_each_problem_once(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady(monkeypatch)
    api.fault = lambda verb, kind, name: AWAY if now() < 5.0 else None
    me = elector(api)
    with capture_logs() as logs:
        await me.acquire()
    assert now() == 6.0
    said = {"event": "lease_attempt_failed", "log_level": "warning", "lease": "ome/lock", "error": str(AWAY)}
    assert logs == [said]


@pytest.mark.parametrize(("deadline_s", "timeout_s"), [(10.0, 5.0), (1.5, 1.0)])
async def test_a_silent_server_is_given_half_the_deadline_a_second_at_least(
    api: Any, monkeypatch: pytest.MonkeyPatch, deadline_s: float, timeout_s: float
) -> None:
    steady(monkeypatch)
    api.latency_s = lambda: 3600.0
    me = elector(api, renew_deadline_s=deadline_s, retry_period_s=0.5)
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(timeout_s - 0.01)
    assert me.statistics().last_error == ""
    await asyncio.sleep(0.02)
    assert me.statistics().last_error == "the API server did not answer in time"
    await cancelled(trying)


async def test_each_new_holder_is_said_once(
    api: Any, monkeypatch: pytest.MonkeyPatch, told_logs: list[dict[str, Any]]
) -> None:
    logs = told_logs
    steady(monkeypatch)
    live = lease(api, "you")
    trying = asyncio.ensure_future(elector(api).acquire())
    await asyncio.sleep(5.0)
    live["spec"]["holderIdentity"] = "them"
    await asyncio.sleep(4.0)
    live["spec"] |= {"holderIdentity": "", "leaseTransitions": 5}
    await trying
    said = {"log_level": "info", "lease": "ome/lock"}
    assert logs == [
        {**said, "event": "leader_election_started", "identity": "me"},
        {**said, "event": "leader_seen", "leader": "you"},
        {**said, "event": "leader_seen", "leader": "them"},
        {**said, "event": "leader_elected", "identity": "me", "epoch": 6},
    ]


async def test_a_server_that_never_answered_leaves_the_leader_unknown(
    api: Any, told_logs: list[dict[str, Any]]
) -> None:
    api.fault = lambda verb, kind, name: AWAY
    trying = asyncio.ensure_future(elector(api).acquire())
    await asyncio.sleep(1.0)
    await cancelled(trying)
    assert [entry["leader"] for entry in told_logs if entry["event"] == "leader_seen"] == ["(nobody)"]


async def test_a_failed_fast_renewal_reads_and_is_counted(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    before = REGISTRY.get_sample_value("leader_election_slowpath_total", {"name": "lock"}) or 0.0
    holding = asyncio.ensure_future(me.hold())
    failures = iter([InternalError(500, "InternalError", "etcd is away")])
    api.fault = lambda verb, kind, name: next(failures, None) if verb == "replace" else None
    api.calls.clear()
    await asyncio.sleep(3.0)
    assert api.calls == ["replace leases", "get leases", "replace leases"]
    assert REGISTRY.get_sample_value("leader_election_slowpath_total", {"name": "lock"}) == before + 1
    assert me.is_leader
    await cancelled(holding)


async def test_a_lease_that_vanished_is_made_again_by_its_leader(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    holding = asyncio.ensure_future(me.hold())
    api.objects.clear()
    await asyncio.sleep(3.0)
    assert (spec(api)["holderIdentity"], spec(api)["leaseTransitions"], me.is_leader) == ("me", 0, True)
    await cancelled(holding)


async def test_a_lease_that_vanished_and_can_not_be_made_at_once_is_not_lost(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    holding = asyncio.ensure_future(me.hold())
    api.objects.clear()
    failures = iter([InternalError(500, "InternalError", "etcd is away")])
    api.fault = lambda verb, kind, name: next(failures, None) if verb == "create" else None
    await asyncio.sleep(3.0)
    assert (me.holder, me.is_leader, api.objects) == ("", True, {})
    await asyncio.sleep(2.0)
    assert (spec(api)["holderIdentity"], me.is_leader) == ("me", True)
    await cancelled(holding)


async def test_after_a_lost_race_it_reads_before_it_writes(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    holding = asyncio.ensure_future(me.hold())
    before = REGISTRY.get_sample_value("leader_election_slowpath_total", {"name": "lock"}) or 0.0
    conflicts = iter([Conflict(409, "Conflict", "modified")] * 2)
    api.fault = lambda verb, kind, name: next(conflicts, None) if verb == "replace" else None
    api.calls.clear()
    await asyncio.sleep(3.0)
    assert api.calls == ["replace leases", "get leases", "replace leases"]
    await asyncio.sleep(2.0)
    assert api.calls[3:] == ["get leases", "replace leases"]
    assert REGISTRY.get_sample_value("leader_election_slowpath_total", {"name": "lock"}) == before + 1
    assert me.is_leader
    await cancelled(holding)


async def test_every_write_bears_the_field_manager_of_the_election(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    holding = asyncio.ensure_future(me.hold())
    await asyncio.sleep(3.0)
    await cancelled(holding)
    await me.release()
    assert api.calls.count("create leases") == 1
    assert api.field_managers == [ELECTION_MANAGER] * 3


@pytest.mark.parametrize(("took_s", "lost"), [(9.999, None), (9.9995, "renewals were too late")])
async def test_a_renewal_that_takes_until_the_last_millisecond_is_too_late(
    api: Any, took_s: float, lost: str | None
) -> None:
    clock = [0.0]

    def be_slow(verb: str, kind: Any, name: str) -> None:
        clock[0] = took_s

    wanted = ElectionOptions(lease_name="lock", namespace="ome", identity="me")
    me = LeaderElector(LeaseLock(api, "ome", "lock"), wanted, LoopClock(), time=lambda: clock[0])
    await me.acquire()
    api.fault = be_slow
    holding = asyncio.ensure_future(me.hold())
    await asyncio.sleep(3.0)
    await cancelled(holding)
    error = None if holding.cancelled() else holding.exception()
    assert (error.why if isinstance(error, LeadershipLost) else error) == lost


async def test_renewals_are_timed(api: Any) -> None:
    def told(what: str) -> float:
        name = f"leader_election_renew_duration_seconds_{what}"
        return REGISTRY.get_sample_value(name, {"name": "timed"}) or 0.0

    me = elector(api, lease_name="timed")
    await me.acquire()
    count, total = told("count"), told("sum")
    holding = asyncio.ensure_future(me.hold())
    api.latency_s = lambda: 0.25
    await asyncio.sleep(2.9)
    assert (told("count"), told("sum")) == (count + 1, total + 0.5)
    await cancelled(holding)


async def test_the_fence_counts_from_the_start_of_a_renewal(api: Any) -> None:
    api.latency_s = lambda: 1.0
    me = elector(api)
    await me.acquire()
    assert (now(), me.valid_until) == (3.0, 10.0)
    await asyncio.sleep(6.9)
    assert me.is_leader
    await asyncio.sleep(0.1)
    assert not me.is_leader


async def test_the_guard_lets_only_a_leader_write(api: Any) -> None:
    lease(api, "you")
    me = elector(api)
    with pytest.raises(NotLeading) as nobody_known:
        me.guard("patch Deployment demo/a")
    assert str(nobody_known.value) == (
        "patch Deployment demo/a: wanted to lead, found that Lease ome/lock is held by nobody; "
        "it is tried again once this process leads"
    )
    assert nobody_known.value.action == "patch Deployment demo/a"
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(1.0)
    with pytest.raises(NotLeading, match="found that Lease ome/lock is held by you;"):
        me.guard("patch Deployment demo/a")
    await trying
    me.guard("patch Deployment demo/a")
    await asyncio.sleep(10.5)
    with pytest.raises(NotLeading, match=r"Lease ome/lock was last renewed 10\.5 s ago, and 10 s are allowed;"):
        me.guard("patch Deployment demo/a")


async def test_statistics_tell_the_whole(api: Any) -> None:
    lease(api, "you")
    me = elector(api)
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(1.0)
    told = me.statistics()
    assert (told.identity, told.lease, told.state, told.holder) == ("me", "ome/lock", "candidate", "you")
    assert (told.epoch, told.valid_for_s, told.last_error) == (3, 0.0, "")
    await trying
    await asyncio.sleep(4.0)
    told = me.statistics()
    assert (told.state, told.holder, told.epoch, told.valid_for_s) == ("leader", "me", 4, 6.0)
    await asyncio.sleep(7.0)
    assert me.statistics().valid_for_s == 0.0


async def test_before_the_first_look_nothing_is_known(api: Any) -> None:
    me = elector(api)
    told = me.statistics()
    assert (told.state, told.holder, told.epoch, told.valid_for_s) == ("candidate", "", 0, 0.0)
    assert me.valid_until == -math.inf
    assert REGISTRY.get_sample_value("leader_election_master_status", {"name": "lock"}) == 0


async def test_the_health_check_allows_twenty_seconds_past_the_lease(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    await asyncio.sleep(35.0)
    assert me.problem() is None
    await asyncio.sleep(0.6)
    assert me.problem() == "lease ome/lock was not renewed for 36 s"


async def test_who_does_not_lead_is_healthy_whatever_the_age(api: Any) -> None:
    lease(api, "you", leaseDurationSeconds=3600)
    me = elector(api)
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(100.0)
    assert me.problem() is None
    await cancelled(trying)


async def test_labels_are_set_beside_those_of_others(api: Any) -> None:
    me = elector(api, labels={"app": "omectl"})
    await me.acquire()
    assert api.objects[PLACE]["metadata"]["labels"] == {"app": "omectl"}
    holding = asyncio.ensure_future(me.hold())
    api.objects[PLACE]["metadata"] |= {"labels": {"app": "other", "team": "a"}, "resourceVersion": "100"}
    await asyncio.sleep(3.0)
    assert api.objects[PLACE]["metadata"]["labels"] == {"app": "omectl", "team": "a"}
    await cancelled(holding)


async def test_a_new_lease_is_a_whole_object_without_labels_unless_told(api: Any) -> None:
    await elector(api).acquire()
    made = dict(api.objects[PLACE])
    assert made.pop("spec")
    assert made == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "lock", "namespace": "ome", "resourceVersion": "1"},
    }


async def test_a_release_leaves_times_and_term_and_a_second_of_lease(api: Any, told_logs: list[dict[str, Any]]) -> None:
    me = elector(api)
    await me.acquire()
    acquired = spec(api)["acquireTime"]
    await asyncio.sleep(3.0)
    api.calls.clear()
    await me.release()
    assert (now(), api.calls) == (3.0, ["get leases", "replace leases"])
    assert spec(api) == {
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "acquireTime": acquired,
        "renewTime": "2026-01-01T00:00:03.000000Z",
        "leaseTransitions": 0,
    }
    assert me.statistics().state == "released"
    assert REGISTRY.get_sample_value("leader_election_master_status", {"name": "lock"}) == 0
    assert {"event": "lease_released", "lease": "ome/lock", "identity": "me"}.items() <= told_logs[-1].items()


async def test_a_release_that_conflicts_pauses_a_tenth_of_the_retry_period(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    conflicts = iter([Conflict(409, "Conflict", "modified")] * 3)
    api.fault = lambda verb, kind, name: next(conflicts, None) if verb == "replace" else None
    await me.release()
    assert now() == pytest.approx(0.6)
    assert spec(api)["holderIdentity"] == ""


@pytest.mark.parametrize(("fault", "why"), [(AWAY, str(AWAY)), (None, "timed out")], ids=["refused", "silent"])
async def test_a_release_that_fails_is_said(api: Any, fault: Exception | None, why: str) -> None:
    me = elector(api)
    await me.acquire()
    api.fault = lambda verb, kind, name: fault
    api.latency_s = lambda: 3600.0 if fault is None else 0.0
    with capture_logs() as logs:
        await me.release()
    assert logs == [{"event": "lease_not_released", "lease": "ome/lock", "log_level": "warning", "error": why}]
    assert not me.is_leader


@pytest.mark.parametrize("verb", ["get", "replace"])
async def test_a_release_may_be_cancelled_at_any_request(api: Any, verb: str) -> None:
    me = elector(api)
    await me.acquire()
    api.calls.clear()
    api.latency_s = lambda: 60.0 if api.calls and api.calls[-1] == f"{verb} leases" else 0.0
    releasing = asyncio.ensure_future(me.release())
    await asyncio.sleep(1.0)
    await cancelled(releasing)
    assert releasing.cancelled()
    assert now() == 1.0
    assert spec(api)["holderIdentity"] == "me"


async def test_a_second_release_asks_nothing(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    await me.release()
    api.calls.clear()
    await me.release()
    assert api.calls == []


async def test_every_change_of_state_is_told(api: Any, debug_logs: list[dict[str, Any]]) -> None:
    me = elector(api)
    await me.acquire()
    await me.release()
    told = [entry for entry in debug_logs if entry["event"] == "election_state"]
    change = {"event": "election_state", "log_level": "debug", "lease": "ome/lock"}
    assert told == [{**change, "old": "candidate", "new": "leader"}, {**change, "old": "leader", "new": "released"}]


async def test_who_lost_the_lease_releases_nothing(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    api.fault = lambda verb, kind, name: AWAY
    with pytest.raises(LeadershipLost):
        await me.hold()
    api.fault = lambda verb, kind, name: None
    api.calls.clear()
    await me.release()
    assert api.calls == []


async def test_a_candidate_that_never_wrote_releases_nothing(api: Any) -> None:
    lease(api, "you", leaseDurationSeconds=3600)
    me = elector(api)
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(1.0)
    await cancelled(trying)
    api.calls.clear()
    await me.release()
    assert api.calls == []


@pytest.mark.parametrize("there", [False, True], ids=["create", "update"])
async def test_a_candidate_cancelled_while_its_write_was_done_gives_the_lease_up(api: Any, there: bool) -> None:
    if there:
        lease(api, "")
    me = elector(api)
    me.may_release = True
    campaign = asyncio.ensure_future(me.campaign(lambda: None))
    api.latency_s = lambda: 60.0 if PLACE in api.objects and spec(api)["holderIdentity"] == "me" else 0.0
    await asyncio.sleep(1.0)
    assert spec(api)["holderIdentity"] == "me"
    api.latency_s = lambda: 0.0
    await cancelled(campaign)
    assert spec(api)["holderIdentity"] == ""


async def test_a_campaign_leads_once_after_it_has_the_lease_and_before_it_renews(api: Any) -> None:
    told: list[str] = []

    def lead() -> None:
        told.append(f"{spec(api)['holderIdentity']} at {now():g} after {len(api.calls)} calls")

    me = elector(api)
    campaign = asyncio.ensure_future(me.campaign(lead))
    await asyncio.sleep(60.0)
    assert told == ["me at 0 after 2 calls"]
    await cancelled(campaign)
    assert campaign.cancelled()


@pytest.mark.parametrize(("allowed", "holder"), [(False, "me"), (True, "")])
async def test_a_cancelled_campaign_gives_the_lease_up_only_when_it_may(api: Any, allowed: bool, holder: str) -> None:
    me = elector(api)
    assert me.may_release is False
    campaign = asyncio.ensure_future(me.campaign(lambda: None))
    await asyncio.sleep(1.0)
    me.may_release = allowed
    await cancelled(campaign)
    assert spec(api)["holderIdentity"] == holder


async def test_leadership_lost_says_who_where_and_why(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    live = api.objects[PLACE]
    live["spec"]["holderIdentity"] = "you"
    live["metadata"]["resourceVersion"] = "1000"
    with pytest.raises(LeadershipLost) as caught:
        await me.hold()
    assert str(caught.value) == (
        "me lost leadership of Lease ome/lock: you holds it; the process should end and start again"
    )
    assert (caught.value.identity, caught.value.lease, caught.value.why) == ("me", "ome/lock", "you holds it")
    assert now() == 2.0


async def test_a_server_that_stays_silent_is_the_reason(api: Any) -> None:
    me = elector(api, lease_duration_s=3.0, renew_deadline_s=1.5, retry_period_s=1.0)
    await me.acquire()
    api.latency_s = lambda: 3600.0
    with pytest.raises(LeadershipLost) as caught:
        await me.hold()
    assert caught.value.why == "no answer for 1.5 s"
    assert now() == 1.5


async def test_renewals_that_come_too_late_are_the_reason(api: Any) -> None:
    me = elector(api)
    await me.acquire()
    await asyncio.sleep(30.0)  # as after a suspension
    with pytest.raises(LeadershipLost):
        await me.hold()
    assert now() == 30.0


@pytest.mark.parametrize("was_there", [False, True])
async def test_a_lease_that_is_not_there_refuses_to_be_written(api: Any, was_there: bool) -> None:
    lock = LeaseLock(api, "ome", "lock")
    assert not lock.is_known
    record = LeaseRecord(holder="me", lease_duration_s=1, acquired="", renewed="", transitions=0)
    if was_there:
        await lock.create(record)
        assert lock.is_known
        api.objects.clear()
        assert await lock.read() is None
        assert not lock.is_known
    with pytest.raises(LostRace, match="Lease ome/lock was not read yet"):
        await lock.write(record)
