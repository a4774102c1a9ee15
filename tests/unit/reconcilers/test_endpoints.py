"""Whether Services lead to what replaces an old workload, by their EndpointSlices."""

from __future__ import annotations

from typing import Any

import pytest

from omectl.api.json import JsonObject
from omectl.kube.resources import DEPLOYMENTS, SERVICES
from omectl.kube.third_party_kinds import KNATIVE_SERVICES, LEADER_WORKER_SETS
from omectl.reconcilers.endpoints import behind, selecting, slices_of
from omectl.reconcilers.pruning import Child

BORN, BEFORE, LATER = (f"2026-01-01T00:00:0{second}Z" for second in (1, 0, 2))
LEADERS: JsonObject = {"role": "leader"}


def obj(name: str, spec: Any = None, **metadata: Any) -> Any:
    return {"metadata": {"name": name, "uid": f"uid-{name}", **metadata}, "spec": spec or {}}


def service(name: str, selector: Any = None) -> Any:
    return obj(name, {"selector": selector if selector is not None else {"app": "svc"}})


def pod(name: str, made: str = LATER, *, of: str = "new", ready: bool = True, **labels: str) -> Any:
    """A pod of the Deployment `old` or of the set `new`."""
    mark = {"pod-template-hash": "abc"} if of == "old" else {"leaderworkerset.sigs.k8s.io/name": of}
    found = obj(name, labels={"app": "svc", **mark, **labels}, creationTimestamp=made)
    if of == "old":
        found["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "old-abc"}]
    return {**found, "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}


def piece(of: str, *pods: str, ready: bool | None = True) -> Any:
    """A slice of that Service."""
    conditions = {} if ready is None else {"ready": ready}
    endpoints = [{"targetRef": {"uid": f"uid-{one}"}, "conditions": conditions} for one in pods]
    return {"metadata": {"labels": {"kubernetes.io/service-name": of}}, "endpoints": endpoints}


COMING: list[Child] = [(LEADER_WORKER_SETS, obj("new", creationTimestamp=BORN))]
GOING: list[Child] = [(DEPLOYMENTS, obj("old"))]


def lacks(slices: Any, pods: Any, *services: Any, coming: list[Child] = COMING) -> str:
    return behind(services or [service("svc")], slices, pods, coming=coming, going=GOING)


def test_nothing_lacks_once_every_service_leads_to_all_ready_pods_that_it_selects() -> None:
    pods = [pod("a"), pod("b"), pod("c", ready=False)]
    assert lacks([piece("svc", "a", "b")], pods) == ""
    assert lacks([piece("svc", "a", ready=None), piece("svc", "b")], pods) == "", "ready is what a slice does not deny"
    assert lacks([piece("svc", "a")], pods) == "Service svc does not lead to pod b yet"
    assert lacks([piece("svc", "a"), piece("svc", "b", ready=False)], pods) == "Service svc does not lead to pod b yet"
    both = [service("svc"), service("svc-engine")]
    assert lacks([piece("svc", "a", "b"), piece("svc-engine", "b")], pods, *both) == (
        "Service svc-engine does not lead to pod a yet"
    )


def test_pods_that_a_service_does_not_select_are_not_waited_for() -> None:
    leaders = service("svc", {"app": "svc", "role": "leader"})
    pods = [pod("a", role="leader"), pod("worker")]
    assert lacks([piece("svc", "a")], pods, leaders) == ""


def test_an_old_pod_that_a_service_selects_no_more_has_to_have_left_it() -> None:
    leaders = service("svc", {"app": "svc", "role": "leader"})
    pods = [pod("a", role="leader"), pod("o", of="old")]
    assert lacks([piece("svc", "a", "o")], pods, leaders) == "Service svc still leads to pod o"
    assert lacks([piece("svc", "a"), piece("svc", "o", ready=False)], pods, leaders) == ""
    assert lacks([piece("svc", "a", "o")], pods) == "", "this one selects both"


@pytest.mark.parametrize(
    "left", [pod("a", ready=False), pod("a", BEFORE), {**pod("a"), "status": {}}, pod("a", of="another")]
)
def test_a_pod_that_is_not_ready_or_older_than_its_workload_does_not_count(left: Any) -> None:
    assert lacks([piece("svc", "a")], [left]) == "no pod of LeaderWorkerSet new is known to be ready"


def test_a_pod_that_ends_does_not_count() -> None:
    ending = pod("a")
    ending["metadata"]["deletionTimestamp"] = LATER
    assert lacks([piece("svc", "a")], [ending]) == "no pod of LeaderWorkerSet new is known to be ready"
    assert lacks([piece("svc", "a")], [pod("a", BORN)]) == "", "made within the same second"


def test_without_slices_nobody_tells_of_endpoints() -> None:
    assert lacks([], [pod("a")]) == ""
    both = [service("svc"), service("svc-engine")]
    assert lacks([piece("svc", "a")], [pod("a")], *both) == "", "of that Service alone"


def test_knative_serves_without_a_pod_and_so_does_what_is_scaled_to_none() -> None:
    knative: Child = (KNATIVE_SERVICES, obj("svc-engine"))
    asleep: Child = (DEPLOYMENTS, obj("new", {"replicas": 0}))
    assert lacks([piece("svc")], [], coming=[knative]) == ""
    assert lacks([piece("svc")], [], coming=[asleep]) == ""
    awake: Child = (DEPLOYMENTS, obj("new", {"replicas": 1}))
    assert lacks([piece("svc")], [], coming=[asleep, awake]) != ""


def test_slices_are_asked_for_by_the_services_that_select_pods() -> None:
    outside = obj("outside", {"type": "ExternalName"})
    planned: list[Child] = [(SERVICES, service("b")), (SERVICES, outside), (SERVICES, service("a"))]
    planned += [(DEPLOYMENTS, service("c"))]
    found = selecting(planned)
    assert slices_of(found) == "kubernetes.io/service-name in (a,b)"
