"""Candidates against a server that fails, in virtual time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omectl.api.resource import ObjectKey
from omectl.kube.errors import ConnectionFailed, InternalError
from omectl.kube.resources import LEASES
from omectl.manager import ElectionOptions, LeaderElector, LeadershipLost, LeaseLock
from omectl.metrics import REGISTRY

pytestmark = pytest.mark.looptime

START = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = (LEASES, ObjectKey("ome", "lock"))


def now() -> float:
    return asyncio.get_running_loop().time()


class LoopClock:
    """Wall time that follows the virtual loop."""

    def now(self) -> datetime:
        return START + timedelta(seconds=now())


def elector(api: Any, identity: str, **options: Any) -> LeaderElector:
    wanted = ElectionOptions(lease_name="lock", identity=identity, **options)
    return LeaderElector(LeaseLock(api, "ome", "lock"), wanted, LoopClock())


def spec(api: Any) -> dict[str, Any]:
    return api.objects[PLACE]["spec"]


async def cancelled(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_first_candidate_creates_the_lease(api: Any) -> None:
    me = elector(api, "me")
    assert not me.is_leader
    await me.acquire()
    assert me.is_leader
    assert spec(api) == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:00:00.000000Z",
        "leaseTransitions": 0,
    }
    assert REGISTRY.get_sample_value("leader_election_master_status", {"name": "lock"}) == 1


async def test_a_second_candidate_waits_and_takes_over_when_the_lease_has_run_out(api: Any) -> None:
    first, second = elector(api, "first"), elector(api, "second")
    await first.acquire()
    began = now()
    await second.acquire()
    assert 15.0 <= now() - began <= 15.0 + 2.0 * 2.2 * 2
    assert second.is_leader
    assert not first.is_leader
    assert second.epoch == 1
    assert spec(api)["holderIdentity"] == "second"


async def test_a_leader_that_renews_keeps_the_lease(api: Any) -> None:
    first, second = elector(api, "first"), elector(api, "second")
    await first.acquire()
    holding = asyncio.ensure_future(first.hold())
    trying = asyncio.ensure_future(second.acquire())
    await asyncio.sleep(300.0)
    assert first.is_leader
    assert not trying.done()
    assert spec(api)["leaseTransitions"] == 0
    await cancelled(holding, trying)


async def test_renewing_needs_one_write_and_no_read(api: Any) -> None:
    me = elector(api, "me")
    await me.acquire()
    holding = asyncio.ensure_future(me.hold())
    api.calls.clear()
    await asyncio.sleep(9.0)
    assert api.calls == ["replace leases"] * 4
    await cancelled(holding)


async def test_a_write_by_somebody_else_falls_back_to_reading(api: Any) -> None:
    me = elector(api, "me")
    await me.acquire()
    holding = asyncio.ensure_future(me.hold())
    before = REGISTRY.get_sample_value("leader_election_slowpath_total", {"name": "lock"}) or 0.0
    live = api.objects[PLACE]
    live["metadata"]["labels"] = {"touched": "yes"}
    live["metadata"]["resourceVersion"] = "1000"
    api.calls.clear()
    await asyncio.sleep(3.0)
    assert api.calls == ["replace leases", "get leases", "replace leases"]
    assert me.is_leader
    assert api.objects[PLACE]["metadata"]["labels"] == {"touched": "yes"}
    assert REGISTRY.get_sample_value("leader_election_slowpath_total", {"name": "lock"}) == before + 1
    await cancelled(holding)


async def test_release_hands_over_at_once(api: Any) -> None:
    first, second = elector(api, "first"), elector(api, "second")
    await first.acquire()
    trying = asyncio.ensure_future(second.acquire())
    await asyncio.sleep(5.0)
    released_at = now()
    await first.release()
    assert spec(api)["holderIdentity"] == ""
    assert not first.is_leader
    await trying
    assert now() - released_at <= 2.0 * 2.2
    assert second.epoch == 1


async def test_release_leaves_a_lease_that_somebody_else_took(api: Any) -> None:
    me = elector(api, "me")
    await me.acquire()
    spec(api)["holderIdentity"] = "you"
    await me.release()
    assert now() == 0.0
    assert spec(api)["holderIdentity"] == "you"


async def test_release_retries_a_conflict(api: Any) -> None:
    from omectl.kube.errors import Conflict

    me = elector(api, "me")
    await me.acquire()
    conflicts = iter([Conflict(409, "Conflict", "modified")])
    api.fault = lambda verb, kind, name: next(conflicts, None) if verb == "replace" else None
    await me.release()
    assert spec(api)["holderIdentity"] == ""


async def test_release_of_a_lease_that_is_gone_is_quiet(api: Any) -> None:
    me = elector(api, "me")
    await me.acquire()
    api.objects.clear()
    await me.release()
    assert now() == 0.0
    assert not api.objects


async def test_release_gives_up_when_the_server_is_away(api: Any) -> None:
    me = elector(api, "me")
    await me.acquire()
    api.latency_s = lambda: 3600.0
    began = now()
    await me.release()
    assert now() - began == pytest.approx(10.0)


async def test_release_can_be_switched_off(api: Any) -> None:
    me = elector(api, "me", release_on_stop=False)
    await me.acquire()
    await me.release()
    assert spec(api)["holderIdentity"] == "me"


@pytest.mark.parametrize("failure", ["refused", "silent"])
async def test_a_leader_without_the_server_stops_before_its_lease_runs_out(api: Any, failure: str) -> None:
    me = elector(api, "me")
    await me.acquire()
    led_from = now()
    if failure == "refused":
        api.fault = lambda verb, kind, name: ConnectionFailed("https://server", "connection refused")
    else:
        api.latency_s = lambda: 3600.0
    with pytest.raises(LeadershipLost, match="me lost leadership of Lease ome/lock"):
        await me.hold()
    assert now() - led_from == pytest.approx(10.0)
    assert not me.is_leader
    assert REGISTRY.get_sample_value("leader_election_master_status", {"name": "lock"}) == 0


async def test_a_short_outage_is_survived(api: Any) -> None:
    me = elector(api, "me")
    await me.acquire()
    holding = asyncio.ensure_future(me.hold())
    await asyncio.sleep(1.0)
    api.fault = lambda verb, kind, name: InternalError(500, "InternalError", "etcd is away")
    await asyncio.sleep(6.0)
    assert "etcd is away" in me.statistics().last_error
    api.fault = lambda verb, kind, name: None
    await asyncio.sleep(30.0)
    assert me.is_leader
    assert not holding.done()
    assert me.statistics().last_error == ""
    await cancelled(holding)


async def test_a_lease_taken_by_somebody_else_is_lost_at_the_next_renewal(api: Any) -> None:
    me = elector(api, "me")
    await me.acquire()
    live = api.objects[PLACE]
    live["spec"]["holderIdentity"] = "you"
    live["metadata"]["resourceVersion"] = "1000"
    with pytest.raises(LeadershipLost, match="you holds it"):
        await me.hold()
    assert now() <= 3.0
    assert me.valid_until > now()
    assert me.statistics().valid_for_s == 0.0


async def test_the_fence_falls_even_while_the_loop_has_not_noticed(api: Any) -> None:
    me = elector(api, "me")
    await me.acquire()
    assert me.is_leader
    await asyncio.sleep(10.0)
    assert not me.is_leader


async def test_losing_the_race_to_create_is_not_an_error(api: Any) -> None:
    first, second = elector(api, "first"), elector(api, "second")
    api.latency_s = lambda: 0.01
    trying = [asyncio.ensure_future(first.acquire()), asyncio.ensure_future(second.acquire())]
    await asyncio.sleep(1.0)
    assert [task.done() for task in trying] == [True, False]
    await cancelled(*trying)


async def test_a_cancelled_candidate_leaves_no_lease_behind(api: Any) -> None:
    me = elector(api, "me")
    api.latency_s = lambda: 1.0
    trying = asyncio.ensure_future(me.acquire())
    await asyncio.sleep(0.5)
    await cancelled(trying)
    await me.release()
    assert not api.objects


async def test_a_leader_that_has_not_renewed_for_long_is_unhealthy(api: Any) -> None:
    me = elector(api, "me")
    assert me.problem() is None
    await me.acquire()
    await asyncio.sleep(34.0)
    assert me.problem() is None
    await asyncio.sleep(2.0)
    assert "was not renewed for 36 s" in (me.problem() or "")


async def test_an_odd_lease_reads_as_released(api: Any) -> None:
    api.objects[PLACE] = {
        "metadata": {"name": "lock", "namespace": "ome", "resourceVersion": "5"},
        "spec": {"holderIdentity": 7, "leaseDurationSeconds": "long", "leaseTransitions": None, "preferredHolder": "x"},
    }
    me = elector(api, "me")
    await me.acquire()
    assert now() < 0.1
    assert spec(api)["preferredHolder"] == "x"
