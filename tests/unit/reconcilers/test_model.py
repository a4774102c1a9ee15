"""A pass over one model: what it writes, in which order, and what it does when the object changed under it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from tests.unit.reconcilers.objects import added, config_map, lister, node, record

from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_BASE_MODELS
from omectl.api.node_entry import NodeEntry
from omectl.api.resource import ObjectKey
from omectl.clock import FakeClock
from omectl.kube.client import Client
from omectl.kube.errors import Conflict, Details, NotFound
from omectl.kube.resources import NODES
from omectl.manager import EventRecorder, Result
from omectl.reconcilers.model import CLUSTER, ModelCaches, ModelReconciler
from omectl.reconcilers.node_reports import NodeReports
from omectl.reconcilers.placements import Placements

KEY = ObjectKey("", "m")
FINALIZER = "clusterbasemodels.ome.io/finalizer"


class Server:
    """One model, as a server keeps it; notes every write and can refuse the next one."""

    def __init__(self, model: JsonObject) -> None:
        self.model: Any = model
        self.writes: list[str] = []
        self.refusal: Exception | None = None

    def _write(self, what: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.writes.append(what)
        metadata = self.model["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)

    async def merge_patch(self, kind: object, name: str, patch: Any, namespace: str, **options: Any) -> Any:
        if patch["metadata"]["resourceVersion"] != self.model["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "stale")
        self._write(f"patch by {options['field_manager']}" if "field_manager" in options else "finalizers")
        for part in ("metadata", "spec"):
            self.model[part] |= {k: v for k, v in patch.get(part, {}).items() if k != "resourceVersion"}
        return self.model

    async def replace_status(self, kind: object, obj: Any) -> Any:
        if obj["metadata"]["resourceVersion"] != self.model["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "stale")
        self._write("status")
        self.model["status"] = obj["status"]
        return self.model


class Scene:
    """A reconciler over one model on one node."""

    def __init__(self, *, deleting: bool = False, **metadata: Any) -> None:
        model: JsonObject = {
            "apiVersion": CLUSTER_BASE_MODELS.api_version,
            "kind": CLUSTER_BASE_MODELS.kind,
            "metadata": {"name": "m", "uid": "u", "generation": 1, "resourceVersion": "1", **metadata},
            "spec": {"storage": {"storageUri": "hf://a/b"}},
        }
        if deleting:
            cast("dict[str, Any]", model["metadata"]).update(
                deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[FINALIZER]
            )
        self.server = Server(model)
        self.models, self._store = lister(CLUSTER_BASE_MODELS)
        nodes, _ = lister(NODES, node("a"))
        self.reports = NodeReports()
        caches = ModelCaches(
            models=self.models,
            nodes=nodes,
            reports=self.reports,
            placements=Placements(nodes, lambda: self.reports.nodes),
        )
        client = cast("Client", self.server)
        self.told: list[tuple[str, str, str]] = []
        recorder = cast("EventRecorder", self)
        self.reconciler = ModelReconciler(CLUSTER, client, caches, recorder, FakeClock(), progress_interval_s=10)

    def event(self, _about: JsonObject, kind: str, reason: str, message: str) -> None:
        self.told.append((kind, reason, message))

    def cache(self) -> None:
        self._store.put(record(self.server.model))

    def say(self, status: str, *, on: str = "a", **fields: Any) -> None:
        entry = NodeEntry.model_validate({"name": "m", "status": status, **fields})
        list(self.reports.changed_keys(added(config_map(on, **{"clusterbasemodel.m": entry.dump()}))))

    async def run(self) -> Result:
        self.cache()
        self.server.writes.clear()
        return await self.reconciler.reconcile(KEY)


async def test_the_finalizer_comes_first_then_facts_then_the_fields_filled_from_them_then_the_status() -> None:
    scene = Scene()
    scene.say("Ready", facts={"architecture": "BertModel"})
    await scene.run()
    assert scene.server.writes == ["finalizers", "status", "patch by omectl-facts", "status"]
    assert scene.server.model["spec"]["modelArchitecture"] == "BertModel"
    assert scene.server.model["status"]["facts"]["filled"] == ["modelArchitecture"]


async def test_a_second_pass_writes_nothing() -> None:
    scene = Scene()
    scene.say("Ready", facts={"architecture": "BertModel"})
    await scene.run()
    await scene.run()
    assert scene.server.writes == []


@pytest.mark.looptime
async def test_progress_alone_waits_for_its_turn() -> None:
    scene = Scene()
    scene.say("Updating", progress={"phase": "downloading", "totalBytes": 9, "completedBytes": 1})
    await scene.run()
    await asyncio.sleep(4)
    scene.say("Updating", progress={"phase": "downloading", "totalBytes": 9, "completedBytes": 2})
    result = await scene.run()
    assert scene.server.writes == []
    assert result.requeue_after_s == pytest.approx(6)
    await asyncio.sleep(6)
    await scene.run()
    assert scene.server.model["status"]["progress"]["completedBytes"] == 2


@pytest.mark.looptime
async def test_what_is_more_than_progress_does_not_wait() -> None:
    scene = Scene()
    scene.say("Updating", progress={"phase": "downloading", "totalBytes": 9, "completedBytes": 1})
    await scene.run()
    scene.say("Ready")
    await scene.run()
    assert scene.server.writes == ["status"]


async def test_a_cache_that_is_behind_ends_in_a_conflict_and_changes_nothing() -> None:
    scene = Scene()
    scene.cache()
    scene.server.model["metadata"]["resourceVersion"] = "9"
    with pytest.raises(Conflict):
        await scene.reconciler.reconcile(KEY)
    assert scene.server.writes == []


async def test_a_model_that_is_gone_meanwhile_is_no_error() -> None:
    scene = Scene()
    scene.server.refusal = NotFound(404, "NotFound", "gone", Details(name="m"))
    assert await scene.run() == Result()


async def test_a_model_that_is_not_cached_is_no_work() -> None:
    scene = Scene()
    assert await scene.reconciler.reconcile(KEY) == Result()


async def test_a_deleted_model_waits_for_nodes_and_says_so() -> None:
    scene = Scene(deleting=True)
    scene.say("Ready")
    await scene.run()
    assert scene.server.writes == ["status"]
    assert scene.server.model["metadata"]["finalizers"] == [FINALIZER]


@pytest.mark.parametrize("status", ["Deleted", None])
async def test_a_deleted_model_goes_when_no_node_holds_it(status: str | None) -> None:
    scene = Scene(deleting=True)
    if status is not None:
        scene.say(status)
    await scene.run()
    assert scene.server.writes == ["finalizers"]
    assert not scene.server.model["metadata"]["finalizers"]


async def test_an_entry_of_a_node_that_is_gone_holds_nothing() -> None:
    scene = Scene(deleting=True)
    scene.say("Ready", on="gone")
    await scene.run()
    assert scene.server.writes == ["finalizers"]


async def test_an_annotation_forces_the_release_and_only_true_does() -> None:
    for value, writes in (("false", ["status"]), ("true", ["finalizers"])):
        scene = Scene(deleting=True, annotations={"omectl.io/force-delete": value})
        scene.say("Ready")
        await scene.run()
        assert scene.server.writes == writes


async def test_other_finalizers_stay() -> None:
    scene = Scene(deleting=True)
    scene.server.model["metadata"]["finalizers"] = ["example.org/a", FINALIZER, "example.org/b"]
    await scene.run()
    assert scene.server.model["metadata"]["finalizers"] == ["example.org/a", "example.org/b"]
    await scene.run()
    assert scene.server.writes == []


async def test_what_happens_to_a_model_is_told_once() -> None:
    scene = Scene()
    scene.say("Failed", reason="DiskFull", message="wanted 2 MiB, found 1 MiB", nextStep="free space")
    await scene.run()
    await scene.run()
    scene.say("Ready", facts={"architecture": "BertModel"})
    await scene.run()
    await scene.run()
    assert scene.told == [
        ("Warning", "DiskFull", "node a: wanted 2 MiB, found 1 MiB; next: free space"),
        ("Normal", "ModelReady", "1 of 1 node hold the model"),
    ]


async def test_a_model_that_is_ready_and_could_not_be_read_says_so() -> None:
    scene = Scene()
    scene.say("Ready", reason="MetadataInvalid", message="config.json: wanted an object", nextStep="correct it")
    await scene.run()
    (facts,) = (one for one in scene.server.model["status"]["conditions"] if one["type"] == "FactsKnown")
    assert (facts["status"], facts["reason"]) == ("False", "MetadataInvalid")
    assert facts["message"] == "node a: config.json: wanted an object; next: correct it"
    assert [told[:2] for told in scene.told] == [("Normal", "ModelReady"), ("Warning", "MetadataInvalid")]
