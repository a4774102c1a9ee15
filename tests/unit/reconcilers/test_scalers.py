import copy
from typing import Any

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS
from omectl.kube.third_party_kinds import LEADER_WORKER_SETS, SCALED_OBJECTS
from omectl.reconcilers.pruning import Child
from omectl.reconcilers.scalers import displaced, scalers_of, what_scalers_say


def scaler(kind: ResourceKind, name: str, target: str = "svc-engine") -> Child:
    reference: JsonObject = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    return kind, {"metadata": {"name": name}, "spec": {"scaleTargetRef": reference}}


HPA = scaler(HORIZONTAL_POD_AUTOSCALERS, "svc-engine")
KEDA = scaler(SCALED_OBJECTS, "scaledobject-svc-engine")


@pytest.mark.parametrize(("old", "new"), [(HPA, KEDA), (KEDA, HPA)])
def test_the_old_scaler_of_a_workload_goes_before_the_new_one(old: Child, new: Child) -> None:
    assert displaced([old], [new]) == [old]
    assert displaced([old, new], [new]) == [old]


def test_a_scaler_that_nothing_takes_the_place_of_stays() -> None:
    other = scaler(SCALED_OBJECTS, "scaledobject-svc-router", "svc-router")
    assert displaced([HPA], [HPA]) == []
    assert displaced([HPA], [other]) == []
    assert displaced([HPA], []) == []


def test_the_scalers_of_a_workload_are_those_of_its_kind_and_name() -> None:
    other = scaler(HORIZONTAL_POD_AUTOSCALERS, "svc-router", "svc-router")
    workload: Child = (DEPLOYMENTS, HPA[1])
    assert scalers_of([HPA, other, KEDA, workload], DEPLOYMENTS, "svc-engine") == [HPA, KEDA]
    assert scalers_of([HPA, other], LEADER_WORKER_SETS, "svc-engine") == []


def test_only_scalers_displace_and_are_displaced() -> None:
    workload: Child = (DEPLOYMENTS, KEDA[1])
    assert displaced([HPA], [workload]) == []
    assert displaced([workload], [HPA]) == []


def condition(**changes: str) -> JsonObject:
    return {"type": "ScalingActive", "status": "True", "reason": "R", "message": "pod a", **changes}


@pytest.mark.parametrize(
    ("kind", "changes", "heard"),
    [
        ("HorizontalPodAutoscaler", {"message": "pod b"}, False),
        ("HorizontalPodAutoscaler", {"lastTransitionTime": "later"}, False),
        ("HorizontalPodAutoscaler", {"status": "False"}, True),
        ("HorizontalPodAutoscaler", {"reason": "S"}, True),
        ("ScaledObject", {"message": "pod b"}, True),
    ],
)
def test_messages_of_an_autoscaler_that_name_pods_are_no_news(kind: str, changes: dict[str, str], heard: bool) -> None:
    before, after = ({"kind": kind, "status": {"conditions": [condition(**one)]}} for one in ({}, changes))
    assert (what_scalers_say(after) != what_scalers_say(before)) is heard


def changed(*path: str, value: Any) -> Any:
    obj: Any = copy.deepcopy({**HPA[1], "status": {"conditions": [], "currentReplicas": 1}})
    inner = obj
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return obj


@pytest.mark.parametrize(
    ("path", "heard"),
    [
        (("status", "currentReplicas"), False),
        (("status", "currentMetrics"), False),
        (("status", "desiredReplicas"), True),
        (("status", "lastScaleTime"), True),
        (("metadata", "resourceVersion"), False),
        (("metadata", "managedFields"), False),
        (("spec", "maxReplicas"), True),
        (("metadata", "labels"), True),
        (("metadata", "deletionTimestamp"), True),
    ],
)
def test_numbers_that_change_all_the_time_are_no_news(path: tuple[str, ...], heard: bool) -> None:
    before = changed("status", "conditions", value=[])
    assert (what_scalers_say(changed(*path, value="new")) != what_scalers_say(before)) is heard
