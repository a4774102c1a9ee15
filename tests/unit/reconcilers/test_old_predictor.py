"""D8: what a service had in the old form goes once its engine serves, whatever runs that, and no other service's."""

from __future__ import annotations

from typing import Any

import pytest

from omectl.api.json import JsonObject
from omectl.api.labels import OWNED_BY_UID
from omectl.api.resource import ResourceKind
from omectl.kube.resources import DEPLOYMENTS
from omectl.kube.third_party_kinds import KNATIVE_SERVICES, LEADER_WORKER_SETS
from omectl.reconcilers.pruning import Child, may_go, stale_of, waiting

OWNER: JsonObject = {"kind": "InferenceService", "metadata": {"name": "a", "namespace": "team", "uid": "u-a"}}


def predictor(name: str, uid: str) -> Child:
    metadata: JsonObject = {
        "name": name,
        "namespace": "team",
        "labels": {"component": "predictor", OWNED_BY_UID: uid},
        "ownerReferences": [{"kind": "InferenceService", "name": name, "uid": uid, "controller": True}],
    }
    return DEPLOYMENTS, {"metadata": metadata}


def engine(kind: ResourceKind, condition: str, *, serves: bool) -> Child:
    status: Any = {
        "observedGeneration": 1,
        "conditions": [{"type": condition, "status": str(serves)}],
        "readyReplicas": 1 if serves else 0,
        "latestReadyRevisionName": "a-1",
    }
    metadata: JsonObject = {"name": "a-engine", "generation": 1, "labels": {"component": "engine"}}
    return kind, {"metadata": metadata, "spec": {"replicas": 1}, "status": status}


def test_d_8_the_old_deployment_of_another_service_is_none_of_ours() -> None:
    own, other = predictor("a", "u-a"), predictor("b", "u-b")
    assert stale_of([other, own], [], OWNER) == [own]


@pytest.mark.parametrize(
    ("kind", "condition"),
    [(DEPLOYMENTS, "Available"), (LEADER_WORKER_SETS, "Available"), (KNATIVE_SERVICES, "Ready")],
)
def test_d_8_the_old_deployment_goes_when_the_engine_serves_whatever_runs_it(
    kind: ResourceKind, condition: str
) -> None:
    old = predictor("a", "u-a")
    for serves, going in ((True, [old]), (False, [])):
        planned = [engine(kind, condition, serves=serves)]
        assert may_go([old], planned, waiting([old], planned)) == going
