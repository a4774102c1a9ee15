"""An agent on a node of a real API server, with the shipped roles, beside a hub that counts what it sends."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.envtest.conftest import Shipped

from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_BASE_MODELS
from omectl.api.labels import ModelKey, model_entry_key, model_label_key
from omectl.api.node_entry import NodeEntry
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import NotFound
from omectl.kube.resources import CONFIG_MAPS, NODES
from omectl.modelagent import Agent, AgentOptions
from omectl.modelagent.retries import RetryOptions
from omectl.modelagent.storage.http import SmallReadOptions
from omectl.modelagent.transfer.options import TransferOptions

SECOND_RETRIES = RetryOptions(passing_base_s=0.2, passing_max_s=0.5, lasting_base_s=0.2, lasting_max_s=0.5, disk_s=0.2)
_WAIT_S = 30.0


@dataclass
class Site:
    """One node of the cluster: its admin's client, the agent's identity, and its disk."""

    client: Client
    config: ClientConfig
    node: str
    disk: Path
    models: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.disk / "raid" / "models"

    def options(self, endpoint: str, **changes: object) -> AgentOptions:
        known: dict[str, object] = {
            "node_name": self.node,
            "host_prefix": str(self.disk),
            "hub_endpoint": endpoint,
            "progress_interval_s": 1.0,
            "retries": SECOND_RETRIES,
            "small_reads": SmallReadOptions(attempts=1),
            "transfer": TransferOptions(
                connections=4,
                range_bytes=256 << 10,
                attempts=3,
                backoff_base_s=0.05,
                stall_timeout_s=2.0,
                disk_headroom_bytes=0,
            ),
        }
        return AgentOptions(**{**known, **changes})  # type: ignore[arg-type]

    @asynccontextmanager
    async def agent(self, endpoint: str = "http://127.0.0.1:9", **changes: object) -> AsyncIterator[Agent]:
        """An agent in this process, stopped at the end."""
        async with Client(self.config) as client:
            agent = Agent(client, self.options(endpoint, **changes))
            task = asyncio.create_task(agent.run())
            try:
                yield agent
            finally:
                agent.stop()
                await task

    async def create(self, uri: str, path: str = "", *, name: str = "", **storage: object) -> ModelKey:
        """A ClusterBaseModel that only this node holds."""
        name = name or f"m-{secrets.token_hex(4)}"
        spec: JsonObject = {
            "storageUri": uri,
            "path": path or f"/raid/models/{name}",
            "nodeSelector": {"kubernetes.io/hostname": self.node},
            **storage,  # type: ignore[dict-item]
        }
        await self.client.create(
            CLUSTER_BASE_MODELS,
            {
                "apiVersion": CLUSTER_BASE_MODELS.api_version,
                "kind": CLUSTER_BASE_MODELS.kind,
                "metadata": {"name": name},
                "spec": {"storage": spec},
            },
        )
        self.models.append(name)
        return ModelKey(CLUSTER_BASE_MODELS.kind, "", name)

    async def patch(self, key: ModelKey, patch: JsonObject) -> None:
        await self.client.merge_patch(CLUSTER_BASE_MODELS, key.name, patch)

    async def delete(self, key: ModelKey) -> None:
        await self.client.delete(CLUSTER_BASE_MODELS, key.name)

    async def config_map(self) -> JsonObject | None:
        try:
            return await self.client.get(CONFIG_MAPS, self.node, "ome")
        except NotFound:
            return None

    async def entry(self, key: ModelKey) -> NodeEntry | None:
        data = (await self.config_map() or {}).get("data") or {}
        text = data.get(model_entry_key(key))  # type: ignore[union-attr]
        return NodeEntry.parse(text) if isinstance(text, str) else None

    async def label(self, key: ModelKey) -> str | None:
        node = await self.client.get(NODES, self.node)
        return node["metadata"]["labels"].get(model_label_key(key))  # type: ignore[index, union-attr, call-overload]

    async def wait(self, key: ModelKey, seen: Callable[[NodeEntry | None], bool]) -> NodeEntry | None:
        """The first entry of the model that satisfies `seen`."""
        entry: NodeEntry | None = None
        try:
            async with asyncio.timeout(_WAIT_S):
                while not seen(entry := await self.entry(key)):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"not seen within {_WAIT_S:g} s; the last entry was {entry!r}")
        return entry

    async def ready(self, key: ModelKey) -> NodeEntry:
        entry = await self.wait(key, lambda entry: entry is not None and entry.status == "Ready")
        assert entry is not None
        return entry

    async def problem(self, key: ModelKey, reason: str) -> NodeEntry:
        entry = await self.wait(key, lambda entry: entry is not None and entry.reason == reason)
        assert entry is not None
        assert entry.message
        assert entry.next_step
        return entry

    async def gone(self, key: ModelKey) -> None:
        await self.wait(key, lambda entry: entry is None)


@pytest.fixture
async def site(shipped: Shipped, tmp_path: Path) -> AsyncIterator[Site]:
    """A fresh node with an empty disk."""
    node = f"node-{secrets.token_hex(4)}"
    await shipped.control_plane.add_node(node, labels={"kubernetes.io/hostname": node})
    async with Client(shipped.control_plane.admin_config) as client:
        site = Site(client, await shipped.agent(node), node, tmp_path / "disk")
        site.root.mkdir(parents=True)
        yield site
        for name in site.models:
            try:
                await client.delete(CLUSTER_BASE_MODELS, name)
            except NotFound:
                continue
