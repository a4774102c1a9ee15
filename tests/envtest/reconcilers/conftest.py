"""A manager under its shipped roles, and nodes whose agents the tests play themselves, under theirs."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from tests.envtest.conftest import Shipped, ship

from omectl.api.json import JsonObject
from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS
from omectl.api.labels import ModelKey, model_entry_key
from omectl.api.node_entry import NodeEntry
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import Conflict, NotFound
from omectl.kube.resources import CONFIG_MAPS, NAMESPACES, NODES
from omectl.local.control_plane import ControlPlaneOptions, Profile
from omectl.local.third_party import Project, definition_files
from omectl.manager import Manager, ManagerOptions
from omectl.reconcilers import ReconcilerOptions, set_up
from omectl.testing.plugin import running_control_plane

WAIT_S = 20.0
MANAGER = "system:serviceaccount:ome:ome-controller-manager"

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], *, wait_s: float = WAIT_S) -> T:
    """What `look` answers once it neither raises an AssertionError nor answers nothing."""
    last: object = None
    try:
        async with asyncio.timeout(wait_s):
            while True:
                try:
                    if found := await look():
                        return found
                    last = found
                except AssertionError as error:
                    last = error
                await asyncio.sleep(0.03)
    except TimeoutError:
        pytest.fail(f"not seen within {wait_s:g} s; last: {last}")


@asynccontextmanager
async def running(client: Client, **options: Any) -> AsyncIterator[Manager]:
    """A manager of its own around `client`, stopped cleanly at the end."""
    manager = Manager(client, ManagerOptions(probe_address="127.0.0.1:0", graceful_shutdown_s=5))
    set_up(manager, ReconcilerOptions(progress_interval_s=0.05, **options))
    task = asyncio.create_task(manager.run())
    try:
        yield manager
    finally:
        manager.stop()
        await task


@dataclass
class Scene:
    """The cluster as an administrator sees it, and what this test made in it."""

    shipped: Shipped
    admin: Client
    manager_config: ClientConfig
    namespace: str
    suffix: str
    _made: list[tuple[ResourceKind, str, str]] = field(default_factory=list)

    def name(self, stem: str) -> str:
        return f"{stem}-{self.suffix}"

    @asynccontextmanager
    async def manager(self, **options: Any) -> AsyncIterator[Manager]:
        """A running manager under the shipped service account."""
        async with Client(self.manager_config) as client, running(client, **options) as manager:
            yield manager

    async def node(self, stem: str = "node", **labels: str) -> str:
        name = self.name(stem)
        await self.shipped.control_plane.add_node(name, labels={"test": self.suffix, **labels})
        self._made.append((NODES, name, ""))
        return name

    async def create(self, kind: ResourceKind, name: str, spec: JsonObject, **metadata: Any) -> JsonObject:
        namespace = self.namespace if kind.namespaced else ""
        obj: JsonObject = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": namespace, **metadata},
            "spec": spec,
        }
        self._made.append((kind, name, namespace))
        return await self.admin.create(kind, obj, validation="Strict")

    async def model(self, kind: ResourceKind = CLUSTER_BASE_MODELS, stem: str = "model", **spec: Any) -> ModelKey:
        """A model that wants the nodes of this test."""
        name = self.name(stem)
        storage: JsonObject = {"storageUri": "hf://a/b", "nodeSelector": {"test": self.suffix}}
        await self.create(kind, name, {"storage": storage, **spec})
        return ModelKey(kind.kind, self.namespace if kind.namespaced else "", name)

    async def get(self, kind: ResourceKind, name: str) -> Any:
        return await self.admin.get(kind, name, self.namespace if kind.namespaced else "")

    async def read_model(self, key: ModelKey) -> Any:
        return await self.get(BASE_MODELS if key.namespace else CLUSTER_BASE_MODELS, key.name)

    async def delete_model(self, key: ModelKey) -> None:
        kind = BASE_MODELS if key.namespace else CLUSTER_BASE_MODELS
        await self.admin.delete(kind, key.name, key.namespace)

    async def report(self, node: str, key: ModelKey, status: str | None, **fields: Any) -> None:
        """Say, as the node's agent, how the model is there; None removes the entry."""
        uid = (await self.read_model(key))["metadata"]["uid"]
        entry = NodeEntry.model_validate({"name": key.name, "status": status or "Ready", "uid": uid, **fields})
        text = entry.dump() if status else None
        async with Client(await self.shipped.agent(node)) as agent:
            patch: JsonObject = {"data": {model_entry_key(key): text}}
            try:
                await agent.merge_patch(CONFIG_MAPS, node, patch, "ome")
            except NotFound:
                metadata: JsonObject = {
                    "name": node,
                    "namespace": "ome",
                    "labels": {"models.ome/basemodel-status": "true", "node": node},
                }
                body: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **patch}
                await agent.create(CONFIG_MAPS, body)

    async def model_says(self, key: ModelKey, **wanted: object) -> Any:
        """The model once its status holds all of this (`reason` is that of condition Ready)."""

        async def look() -> Any:
            model = await self.read_model(key)
            status = model.get("status", {})
            found = {name: status.get(name) for name in wanted}
            if "reason" in wanted:
                found["reason"] = condition(model)["reason"]
            assert found == wanted, status
            return model

        return await eventually(look)

    async def gone(self, kind: ResourceKind, name: str) -> None:
        async def look() -> bool:
            try:
                await self.get(kind, name)
            except NotFound:
                return True
            return False

        await eventually(look)

    def writes(self) -> list[str]:
        """What the manager has written so far, Leases apart, as the server's audit log has it."""
        lines = self.shipped.control_plane.audit_log_path.read_text().splitlines()
        return list(_writes(lines))

    async def clean(self) -> None:
        for kind, name, namespace in reversed(self._made):
            release: JsonObject = {"metadata": {"finalizers": None}}
            try:
                await self.admin.merge_patch(kind, name, release, namespace)
                await self.admin.delete(kind, name, namespace)
            except (NotFound, Conflict):
                continue
            if kind is NODES:
                try:
                    await self.admin.delete(CONFIG_MAPS, name, "ome")
                except NotFound:
                    continue


def condition(obj: Any, name: str = "Ready") -> Any:
    found = [each for each in obj.get("status", {}).get("conditions", []) if each["type"] == name]
    assert found, f"no condition {name} in {obj.get('status')}"
    return found[0]


def _writes(lines: list[str]) -> Iterator[str]:
    for line in lines:
        event = json.loads(line)
        about = event["objectRef"]
        if event["user"]["username"] == MANAGER and about["resource"] != "leases":
            path = "/".join(filter(None, (about["resource"], about.get("subresource"))))
            code = event.get("responseStatus", {}).get("code")
            yield f"{event['verb']} {path} {about.get('namespace', '')}/{about.get('name', '')} {code}"


@pytest.fixture(scope="session")
def everybodys() -> Iterator[Shipped]:
    """A control plane with everybody's kinds, which other tests do without."""
    projects = (
        Project.GATEWAY_API,
        Project.ISTIO,
        Project.KEDA,
        Project.KNATIVE_SERVING,
        Project.KUBERAY,
        Project.LEADER_WORKER_SET,
    )
    for control_plane in running_control_plane(ControlPlaneOptions(profile=Profile.FULL, audit=True)):
        made = ship(control_plane)
        files = [file for project in projects for file in definition_files(project)]
        asyncio.run(control_plane.install_crds(files))
        yield made


@pytest.fixture
async def scene(shipped: Shipped) -> AsyncIterator[Scene]:
    async with scene_on(shipped) as made:
        yield made


@asynccontextmanager
async def scene_on(shipped: Shipped) -> AsyncIterator[Scene]:
    """A namespace of its own on that control plane, cleaned up afterwards."""
    suffix = secrets.token_hex(3)
    namespace = f"test-{suffix}"
    async with Client(shipped.control_plane.admin_config) as admin:
        await admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        made = Scene(shipped, admin, await shipped.manager(), namespace, suffix)
        try:
            yield made
        finally:
            await made.clean()
