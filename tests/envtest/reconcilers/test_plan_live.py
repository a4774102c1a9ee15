"""`omectl plan` against a real API server: what it tells is what the controller then does, and it writes nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.envtest.cli.command import Ended, omectl
from tests.envtest.reconcilers.conftest import Scene, eventually
from tests.envtest.reconcilers.services import (
    deployment_of,
    make_available,
    make_model,
    make_runtime,
    make_service,
    runtime_spec,
    service_says,
)

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import INFERENCE_SERVICE
from omectl.api.resource import ResourceKind
from omectl.kube.resources import CLUSTER_ROLE_BINDINGS, DEPLOYMENTS, SERVICES
from omectl.reconcilers.children import CHILD_KINDS

Json = Any
ROUTER: JsonObject = {"runner": {"name": "router", "image": "example.org/router:1"}}
QUOTAS = ResourceKind("", "v1", "ResourceQuota", "resourcequotas", True)


async def plan(scene: Scene, *arguments: object, kubeconfig: Path | None = None) -> Ended:
    path = kubeconfig or scene.shipped.control_plane.kubeconfig()
    return await asyncio.to_thread(omectl, "plan", *arguments, "-n", scene.namespace, "--kubeconfig", path)


async def changes(scene: Scene, *arguments: object, code: int = 0) -> dict[tuple[str, str], Json]:
    """By kind and name; of one service."""
    ended = await plan(scene, *arguments, "-o", "json")
    assert ended.code == code, ended.err
    (told,) = json.loads(ended.out)["items"]
    return {(one["kind"], one["name"]): one for one in told["changes"]}


def of_action(told: dict[tuple[str, str], Json], *actions: str) -> set[tuple[str, str]]:
    return {key for key, one in told.items() if one["action"] in actions}


@dataclass(frozen=True, slots=True)
class Seen:
    """The children by kind and name, with UID and resource version."""

    versions: dict[tuple[str, str], tuple[str, str]]

    def created(self, before: Seen) -> set[tuple[str, str]]:
        return {key for key, (uid, _) in self.versions.items() if before.versions.get(key, ("", ""))[0] != uid}

    def deleted(self, before: Seen) -> set[tuple[str, str]]:
        return set(before.versions) - set(self.versions)

    def changed(self, before: Seen) -> set[tuple[str, str]]:
        both = set(before.versions) & set(self.versions)
        return {key for key in both if before.versions[key] != self.versions[key]}


async def seen(scene: Scene) -> Seen:
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for kind in CHILD_KINDS:
        for obj in (await scene.admin.list(kind, scene.namespace, label_selector=INFERENCE_SERVICE)).items:
            metadata: Json = obj["metadata"]
            found[kind.kind, metadata["name"]] = (metadata["uid"], metadata["resourceVersion"])
    return Seen(found)


async def settled(scene: Scene) -> Seen:
    """The children once nothing has been written for a moment."""
    last = await seen(scene)

    async def look() -> bool:
        nonlocal last
        await asyncio.sleep(0.7)
        before, last = last, await seen(scene)
        return last == before and bool(last.versions)

    await eventually(look)
    return last


async def running_service(scene: Scene, **changes: Any) -> tuple[str, str]:
    """A service with a router that the controller has made, and its runtime; the controller has gone."""
    model, runtime = await make_model(scene), scene.name("runtime")
    await scene.create(SERVING_RUNTIMES, runtime, {**runtime_spec(), "routerConfig": ROUTER})
    name = await make_service(scene, model.name, runtime, router={"minReplicas": 1}, **changes)
    async with scene.manager():
        await deployment_of(scene, name, "router")
        await settled(scene)
    return name, runtime


async def file_of(scene: Scene, name: str, path: Path, **spec: Json) -> Path:
    """The service's manifest as its author has it, with other fields in its spec."""
    live = await scene.get(INFERENCE_SERVICES, name)
    merged = {key: value for key, value in {**live["spec"], **spec}.items() if value is not None}
    body = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": {"name": name}, "spec": merged}
    path.write_text(yaml.safe_dump(body))
    return path


async def test_what_is_told_of_a_service_is_what_the_controller_then_does(scene: Scene, tmp_path: Path) -> None:
    name, runtime = await running_service(scene)
    before = await seen(scene)
    engine: JsonObject = {"minReplicas": 3, "maxReplicas": 5, "annotations": {"example.org/tier": "gold"}}
    path = await file_of(scene, name, tmp_path / "s.yaml", engine=engine, router=None)
    image = runtime_spec(image="example.org/vllm:2")
    new = {"apiVersion": "ome.io/v1beta1", "kind": "ServingRuntime", "metadata": {"name": runtime}, "spec": image}
    path.write_text(path.read_text() + "---\n" + yaml.safe_dump(new))
    told = await changes(scene, "-f", path, "--live")
    assert await seen(scene) == before, "the command writes nothing"
    fields = {one["path"]: (one["before"], one["after"]) for one in told["Deployment", f"{name}-engine"]["fields"]}
    assert ("example.org/vllm:1", "example.org/vllm:2") in fields.values()
    assert "spec.replicas" not in fields
    runtime_patch: Json = {"spec": {**image, "routerConfig": None}}
    await scene.admin.merge_patch(SERVING_RUNTIMES, runtime, runtime_patch, scene.namespace)
    patch: Json = {"spec": {"engine": engine, "router": None}}
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)
    async with scene.manager():
        await scene.gone(DEPLOYMENTS, f"{name}-router")
        after = await settled(scene)
    assert of_action(told, "create") == after.created(before)
    assert of_action(told, "change") == after.changed(before)
    assert of_action(told, "delete") == after.deleted(before) != set()
    assert of_action(told, "delete later", "refused", "unknown") == set()
    assert set(told) == set(before.versions) | set(after.versions)


async def test_a_service_that_is_not_there_is_told_as_it_is_created(scene: Scene, tmp_path: Path) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    body = {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "fresh"},
        "spec": {"model": {"name": model.name}, "runtime": {"name": runtime}, "engine": {"minReplicas": 2}},
    }
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(body))
    told = await changes(scene, "-f", path, "--live", "--exit-code", code=3)
    assert (await seen(scene)).versions == {}
    spec: Json = body["spec"]
    await scene.create(INFERENCE_SERVICES, "fresh", spec)
    async with scene.manager():
        await deployment_of(scene, "fresh")
        after = await settled(scene)
    assert of_action(told, "create") == set(told) == set(after.versions)


async def test_a_service_of_the_cluster_that_is_as_planned_changes_nothing(scene: Scene) -> None:
    name, _ = await running_service(scene)
    before = await seen(scene)
    ended = await plan(scene, name, "--exit-code")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"InferenceService {scene.namespace}/{name}\n  model ")
    assert "\n  replicas  engine 2" in ended.out
    assert ended.out.endswith(f"\n  leave         {len(before.versions)} objects as they are\n")
    assert not any(f"\n  {action} " in ended.out for action in ("create", "change", "delete"))
    live = await scene.get(DEPLOYMENTS, f"{name}-engine")
    containers = live["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = "example.org/other:9"
    patch: Json = {"spec": {"template": {"spec": {"containers": containers}}}}
    await scene.admin.merge_patch(DEPLOYMENTS, f"{name}-engine", patch, scene.namespace)
    ended = await plan(scene, name, "--exit-code")
    assert ended.code == 3
    assert f"  change        Deployment {name}-engine\n" in ended.out
    assert '.image: "example.org/other:9" -> "example.org/vllm:1"\n' in ended.out
    assert (await plan(scene, name)).code == 0


async def test_the_number_that_somebody_scaled_to_is_no_change(scene: Scene) -> None:
    name, _ = await running_service(scene)
    patch: JsonObject = {"spec": {"replicas": 4}}
    await scene.admin.merge_patch(DEPLOYMENTS, f"{name}-engine", patch, scene.namespace, subresource="scale")
    assert of_action(await changes(scene, name), "change") == set()


async def test_what_serves_is_deleted_once_its_replacement_serves(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await deployment_of(scene, name)
        # A creation takes several writes, and only the last one's generation serves.
        await settled(scene)
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await settled(scene)
    live = await scene.get(DEPLOYMENTS, f"{name}-engine")
    old: Json = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"{name}-old",
            "namespace": scene.namespace,
            "labels": live["metadata"]["labels"],
            "ownerReferences": live["metadata"]["ownerReferences"],
        },
        "spec": live["spec"],
    }
    await scene.admin.create(DEPLOYMENTS, old)
    assert (await changes(scene, name))["Deployment", f"{name}-old"]["action"] == "delete"
    await make_available(scene, name, available=False)
    later = (await changes(scene, name))["Deployment", f"{name}-old"]
    assert (later["action"], later["note"]) == ("delete later", "once its replacement serves")


async def test_an_object_of_somebody_else_is_refused_and_nothing_is_deleted(scene: Scene, tmp_path: Path) -> None:
    name, _ = await running_service(scene)
    stranger: Json = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-engine", "namespace": scene.namespace},
        "spec": {"ports": [{"port": 1}]},
    }
    await scene.admin.delete(SERVICES, f"{name}-engine", scene.namespace)
    await scene.admin.create(SERVICES, stranger)
    path = await file_of(scene, name, tmp_path / "s.yaml", router=None)
    ended = await plan(scene, "-f", path, "--live")
    ended.failed(1, f"refused: Service {name}-engine")
    assert "found it owned by nobody" in ended.out
    assert f"  leave         Deployment {name}-router: stays until all of the plan can be written\n" in ended.out


async def test_a_quota_that_is_met_is_told_as_what_the_controller_would_meet(scene: Scene, tmp_path: Path) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    hard = {"count/deployments.apps": "0"}
    quota: Json = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": scene.namespace},
        "spec": {"hard": hard},
    }
    await scene.admin.create(QUOTAS, quota)
    status: Json = {"status": {"hard": hard, "used": hard}}
    await scene.admin.merge_patch(QUOTAS, "none", status, scene.namespace, subresource="status")
    name = await make_service(scene, model.name, runtime)

    async def refused() -> bool:
        ended = await plan(scene, name)
        ended.failed(1, f"refused: Deployment {name}-engine")
        assert "exceeded quota: none" in ended.out
        return True

    await eventually(refused)


async def test_without_rights_to_write_it_is_compared_by_what_is_wanted(scene: Scene) -> None:
    """The shipped view role reads our kinds, and Kubernetes' own the children but roles."""
    name, runtime = await running_service(scene)
    before, user = await seen(scene), f"viewer-{scene.suffix}"
    image = runtime_spec(image="example.org/vllm:2")
    await scene.admin.merge_patch(SERVING_RUNTIMES, runtime, {"spec": image}, scene.namespace)
    group = "rbac.authorization.k8s.io"
    for role in ("ome-view", "system:aggregate-to-view"):
        binding: Json = {
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }
        binding |= {"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": f"{role}-{user}"}}
        await scene.admin.create(CLUSTER_ROLE_BINDINGS, binding)
    path = scene.shipped.control_plane.kubeconfig(user, await scene.shipped.control_plane.user(user))

    async def told() -> Ended:
        ended = await plan(scene, name, kubeconfig=path)
        assert f"change        Deployment {name}-engine: compared without the API server" in ended.out, ended
        return ended

    ended = await eventually(told)
    assert '.image: "example.org/vllm:1" -> "example.org/vllm:2"\n' in ended.out
    ended.failed(2, f"unknown: Role {name}-router", "not everything could be read")
    assert "RoleBinding objects of the service count as absent: you may not read them" in ended.err
    assert await seen(scene) == before
    assert " removed" not in ended.out, "what the server fills in is no difference"
