"""What holds in every mode: what is cosmetic, what others write, and the end of a service whose model went before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.envtest.conftest import Shipped, ship
from tests.envtest.reconcilers.conftest import Scene, eventually
from tests.envtest.reconcilers.groups import grouped_spec
from tests.envtest.reconcilers.other_workloads import RAY, SERVERLESS, there
from tests.envtest.reconcilers.services import make_model, make_service, runtime_spec, service_says

from omectl.api.document import at
from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_BASE_MODELS, INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import INFERENCE_SERVICE_FINALIZER, REVISION_HASH
from omectl.api.resource import ResourceKind
from omectl.kube.resources import DEPLOYMENTS
from omectl.kube.third_party_kinds import KNATIVE_SERVICES, LEADER_WORKER_SETS, RAY_CLUSTERS
from omectl.local.control_plane import ControlPlaneOptions, Profile
from omectl.local.third_party import Project, definition_files
from omectl.testing.plugin import running_control_plane

RESTARTED = "kubectl.kubernetes.io/restartedAt"
SIDECAR: JsonObject = {"name": "sidecar", "image": "example.org/sidecar:1"}


@dataclass(frozen=True)
class Mode:
    """A workload: its kind, the ending of its name after `<service>-engine`, and where its pod template is."""

    kind: ResourceKind
    engine: JsonObject
    template: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def name(self, service: str) -> str:
        return f"{self.prefix}{service}-engine{self.suffix}"


MODES = (
    Mode(DEPLOYMENTS, {"minReplicas": 2}, ("spec", "template")),
    Mode(LEADER_WORKER_SETS, {"minReplicas": 2}, ("spec", "leaderWorkerTemplate", "leaderTemplate"), prefix="lws-"),
    Mode(RAY_CLUSTERS, RAY, ("spec", "headGroupSpec", "template"), suffix="-0"),
    Mode(KNATIVE_SERVICES, SERVERLESS, ("spec", "template")),
)
every_mode = pytest.mark.parametrize("mode", MODES, ids=lambda one: one.kind.kind)


@pytest.fixture(scope="module")
def shipped() -> Iterator[Shipped]:
    """A control plane of its own, with the kinds of every mode, which other tests do without."""
    projects = (Project.LEADER_WORKER_SET, Project.KNATIVE_SERVING, Project.KUBERAY, Project.ISTIO)
    for control_plane in running_control_plane(ControlPlaneOptions(profile=Profile.FULL, audit=True)):
        made = ship(control_plane)
        for project in projects:
            asyncio.run(control_plane.install_crds(definition_files(project)))
        yield made


async def make(scene: Scene, mode: Mode) -> tuple[str, str]:
    """A service in that mode, and its runtime."""
    model, runtime = await make_model(scene), scene.name("runtime")
    await scene.create(SERVING_RUNTIMES, runtime, spec_of(mode))
    return await make_service(scene, model.name, runtime, engine=mode.engine), runtime


def spec_of(mode: Mode, *, image: str = "", gpus: str = "1", memory: str = "") -> Any:
    spec: Any = grouped_spec(1) if mode.kind is LEADER_WORKER_SETS else runtime_spec()
    engine = spec["engineConfig"]
    parts = [engine[name] for name in ("leader", "worker") if name in engine] or [engine]
    for part in parts:
        part["runner"] = {**part["runner"], "image": image or part["runner"]["image"]}
        part["runner"]["resources"] = {"limits": {"nvidia.com/gpu": gpus, **({"memory": memory} if memory else {})}}
    return spec


async def set_runtime(scene: Scene, name: str, spec: Any) -> None:
    await scene.admin.merge_patch(SERVING_RUNTIMES, name, {"spec": spec}, scene.namespace)


async def annotate(scene: Scene, name: str, **tags: JsonObject) -> None:
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, {"metadata": {**tags}}, scene.namespace)


def nested(path: tuple[str, ...], value: JsonObject) -> JsonObject:
    for step in reversed(path):
        value = {step: value}
    return value


async def until(scene: Scene, mode: Mode, name: str, seen: Any) -> Any:
    async def look() -> Any:
        found = await scene.get(mode.kind, mode.name(name))
        assert seen(found), found["metadata"]
        return found

    return await eventually(look)


@every_mode
async def test_what_is_cosmetic_leaves_the_pods_alone(scene: Scene, mode: Mode) -> None:
    """Labels, annotations and the form of an amount."""
    name, runtime = await make(scene, mode)
    async with scene.manager():
        await there(scene, mode.kind, mode.name(name))
        await set_runtime(scene, runtime, spec_of(mode, memory="1Gi"))
        before = await until(scene, mode, name, lambda one: "'1Gi'" in str(one["spec"]))
        await annotate(scene, name, labels={"team": "a"}, annotations={"example.org/note": "x"})
        after = await until(scene, mode, name, lambda one: one["metadata"]["labels"].get("team") == "a")
        assert at(after, *mode.template) == at(before, *mode.template)
        if mode.kind not in (DEPLOYMENTS, RAY_CLUSTERS):
            # A Deployment counts its annotations too, and Ray has the labels of the head's Service in the spec.
            assert after["metadata"]["generation"] == before["metadata"]["generation"]

        await set_runtime(scene, runtime, spec_of(mode, memory="1024Mi"))
        await annotate(scene, name, labels={"team": "b"})
        last = await until(scene, mode, name, lambda one: one["metadata"]["labels"].get("team") == "b")
        if mode.kind is DEPLOYMENTS:
            # The others' definitions know no amounts: their controllers compare them as such.
            assert last["spec"] == before["spec"]
        revision = before["metadata"]["labels"][REVISION_HASH]
        assert last["metadata"]["labels"][REVISION_HASH] == revision
        service = await scene.get(INFERENCE_SERVICES, name)
        assert service["status"]["components"]["engine"]["revisionHash"] == revision


@every_mode
async def test_a_restart_and_what_others_inject_survive_a_change(scene: Scene, mode: Mode) -> None:
    """As `kubectl rollout restart` and the admission of others write: annotations of templates, containers, tags."""
    name, runtime = await make(scene, mode)
    async with scene.manager():
        found = await there(scene, mode.kind, mode.name(name))
        pod: Any = at(found, *mode.template, "spec")
        restart = nested(mode.template, {"metadata": {"annotations": {RESTARTED: "2026-01-01T00:00:00Z"}}})
        inject = nested(mode.template, {"spec": {"containers": [*pod["containers"], SIDECAR], "hostIPC": True}})
        tags: JsonObject = {"metadata": {"labels": {"foreign": "a"}, "annotations": {"foreign": "b"}}}
        # Knative's definition has containers as one value, of which nobody can own a part, and no such pod fields.
        for patch in (restart, tags, *(() if mode.kind is KNATIVE_SERVICES else (inject,))):
            await scene.admin.merge_patch(mode.kind, mode.name(name), patch, scene.namespace)
        await set_runtime(scene, runtime, spec_of(mode, image="example.org/vllm:2"))
        after = await until(scene, mode, name, lambda one: "example.org/vllm:2" in str(one["spec"]))
        pod = at(after, *mode.template, "spec")
        assert at(after, *mode.template, "metadata", "annotations", RESTARTED) == "2026-01-01T00:00:00Z"
        if mode.kind is not KNATIVE_SERVICES:
            assert [one["name"] for one in pod["containers"]] == ["ome-container", "sidecar"]
            assert pod["hostIPC"] is True
        assert after["metadata"]["labels"]["foreign"] == "a"
        assert after["metadata"]["annotations"]["foreign"] == "b"
        assert after["metadata"]["labels"][REVISION_HASH] != found["metadata"]["labels"][REVISION_HASH]


@every_mode
async def test_a_service_is_deleted_whose_model_was_disabled_and_deleted_before(scene: Scene, mode: Mode) -> None:
    """12.4, D17: also one that still has the reference's finalizer."""
    name, _ = await make(scene, mode)
    model = (await scene.get(INFERENCE_SERVICES, name))["spec"]["model"]["name"]
    async with scene.manager():
        before = await there(scene, mode.kind, mode.name(name))
        await scene.admin.merge_patch(CLUSTER_BASE_MODELS, model, {"spec": {"disabled": True}})
        await service_says(scene, name, "False", "ModelReconcileError")
        await scene.admin.merge_patch(CLUSTER_BASE_MODELS, model, {"metadata": {"finalizers": None}})
        await scene.admin.delete(CLUSTER_BASE_MODELS, model)
        await scene.gone(CLUSTER_BASE_MODELS, model)
        service = await service_says(scene, name, "False", "ModelReconcileError")
        assert model in service["status"]["summary"]
        assert (await there(scene, mode.kind, mode.name(name)))["spec"] == before["spec"], "what serves goes on"
        finalizers: JsonObject = {"metadata": {"finalizers": [INFERENCE_SERVICE_FINALIZER]}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, finalizers, scene.namespace)
        await scene.admin.delete(INFERENCE_SERVICES, name, scene.namespace)
        await scene.gone(INFERENCE_SERVICES, name)
        left = await there(scene, mode.kind, mode.name(name))
        assert [one["name"] for one in left["metadata"]["ownerReferences"]] == [name], "the garbage collector's"
