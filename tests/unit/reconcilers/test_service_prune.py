"""What goes in the pass that makes its replacement, while the caches do not know the replacement yet."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.unit.reconcilers.objects import lister

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.labels import OWNED_BY_UID
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.clock import FakeClock
from omectl.kube.client import Client
from omectl.kube.errors import Details, NotFound
from omectl.kube.resources import DEPLOYMENTS
from omectl.planner.result import Plan
from omectl.reconcilers.own_writes import OwnWrites
from omectl.reconcilers.service import ServiceCaches, ServiceReconciler

SERVICE: JsonObject = {
    "apiVersion": "ome.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "s", "namespace": "team", "uid": "uid-s", "resourceVersion": "1"},
    "spec": {"engine": {}},
}


def deployment(name: str, component: str) -> JsonObject:
    labels: JsonObject = {"component": component}
    metadata: JsonObject = {"name": name, "namespace": "team", "labels": labels}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {}}


def owned(obj: JsonObject, uid: str) -> JsonObject:
    live: Any = {**obj}
    labels = {**live["metadata"]["labels"], OWNED_BY_UID: "uid-s"}
    owners = [{"kind": "InferenceService", "name": "s", "uid": "uid-s", "controller": True}]
    live["metadata"] = {**live["metadata"], "uid": uid, "labels": labels, "ownerReferences": owners}
    return live


class Server:
    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def get(self, kind: ResourceKind, name: str, namespace: str) -> JsonObject:
        raise NotFound(404, "NotFound", "not found", details=Details(name=name))

    async def apply(self, kind: ResourceKind, obj: Any, **options: object) -> JsonObject:
        return {**obj, "metadata": {**obj["metadata"], "uid": "uid-new", "generation": 1}}

    async def delete(self, kind: ResourceKind, name: str, namespace: str, **options: object) -> None:
        self.deleted.append(name)

    async def replace_status(self, kind: ResourceKind, obj: JsonObject) -> JsonObject:
        return obj


class StaleChildren:
    """Knows the old workload only."""

    def of(self, uid: str) -> list[tuple[ResourceKind, JsonObject]]:
        return [(DEPLOYMENTS, owned(deployment("old", "predictor"), "uid-old"))]

    def get(self, kind: ResourceKind, key: ObjectKey) -> JsonObject | None:
        return None


class Kinds:
    current: frozenset[str] = frozenset()

    def of(self, obj: JsonObject) -> ResourceKind:
        return DEPLOYMENTS


class Recorder:
    def event(self, *_: object) -> None:
        pass


async def test_an_old_workload_stays_in_the_pass_that_creates_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    caches = ServiceCaches(
        services=lister(INFERENCE_SERVICES, SERVICE)[0],
        inputs=cast("Any", None),
        children=cast("Any", StaleChildren()),
        kinds=Kinds(),
        settings=cast("Any", None),
        gateway=lambda _: None,
    )
    reconciler = ServiceReconciler(cast("Client", server), caches, Recorder(), FakeClock(), OwnWrites(lambda _: None))
    made = Plan(objects=(deployment("new", "engine"),))
    monkeypatch.setattr(reconciler, "_plan", lambda *_: made)

    await reconciler.reconcile(ObjectKey("team", "s"))

    assert server.deleted == []
