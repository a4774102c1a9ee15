"""What is written to the API server, and that nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import msgspec
import pytest

from omectl.api.json import JsonObject
from omectl.api.labels import ModelKey
from omectl.api.node_entry import NodeEntry
from omectl.api.resource import ResourceKind
from omectl.informers import EventType, ObjectEvent
from omectl.informers.record import RecordReader
from omectl.kube.client import Client
from omectl.kube.errors import AlreadyExists, ConnectionFailed, NotFound
from omectl.kube.resources import CONFIG_MAPS, NODES
from omectl.modelagent.node_state import NodeState

pytestmark = pytest.mark.looptime

KEY = ModelKey("ClusterBaseModel", "", "m")
OTHER = ModelKey("BaseModel", "team", "n")
ENTRY, LABEL = "clusterbasemodel.m", "models.ome.io/clusterbasemodel.m"


class Server:
    """The part of an API server that the state needs, with a log of writes."""

    def __init__(self) -> None:
        self.version = 10
        self.objects: dict[str, JsonObject] = {"Node": self._object("Node", {"pool": "gpu"})}
        self.writes: list[str] = []
        self.down = False

    def _object(self, kind: str, labels: JsonObject, **more: object) -> JsonObject:
        self.version += 1
        metadata: JsonObject = {"name": "node-a", "labels": labels, "resourceVersion": str(self.version), "uid": kind}
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}  # type: ignore[dict-item]

    async def get(self, kind: ResourceKind, name: str, namespace: str = "") -> JsonObject:
        del name, namespace
        return self.objects[kind.kind]

    async def create(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str) -> JsonObject:
        assert field_manager == "omectl-agent"
        await self._reach(f"create {kind.kind}")
        if kind.kind in self.objects:
            raise _error(AlreadyExists)
        made = self._object(kind.kind, cast("JsonObject", obj["metadata"])["labels"], data=obj["data"])  # type: ignore[arg-type]
        self.objects[kind.kind] = made
        return made

    async def merge_patch(
        self, kind: ResourceKind, name: str, patch: JsonObject, namespace: str = "", *, field_manager: str
    ) -> JsonObject:
        del name, namespace
        assert field_manager == "omectl-agent"
        await self._reach(f"patch {kind.kind}")
        if kind.kind not in self.objects:
            raise _error(NotFound)
        live = msgspec.json.decode(msgspec.json.encode(self.objects[kind.kind]))
        _merge(live, patch)
        self.version += 1
        live["metadata"]["resourceVersion"] = str(self.version)
        self.objects[kind.kind] = live
        return live

    async def _reach(self, what: str) -> None:
        await asyncio.sleep(0.01)
        if self.down:
            raise ConnectionFailed("https://server", OSError("down"))
        self.writes.append(what)

    def event(self, kind: str, event_type: EventType = EventType.UPDATED, obj: JsonObject | None = None) -> ObjectEvent:
        reader = RecordReader(NODES if kind == "Node" else CONFIG_MAPS)
        line = b'{"type":"MODIFIED","object":%s}' % msgspec.json.encode(obj or self.objects[kind])
        record = reader.event(line).record
        assert record is not None
        return ObjectEvent(event_type, record)


def _merge(live: JsonObject, patch: JsonObject) -> None:
    for name, value in patch.items():
        if value is None:
            live.pop(name, None)
        elif isinstance(value, dict):
            inner = live.setdefault(name, {})
            assert isinstance(inner, dict)
            _merge(inner, value)
        else:
            live[name] = value


def _error(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    Exception.__init__(error, kind.__name__)
    return error


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[NodeState]:
    state = NodeState(cast("Client", server), "node-a", "ome")
    state.on_node(server.event("Node", EventType.ADDED))
    task = asyncio.create_task(state.run())
    try:
        yield state
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def entry(status: str = "Ready") -> NodeEntry:
    return NodeEntry(name="m", status=status)  # type: ignore[arg-type]


async def test_the_label_comes_before_the_entry_and_the_config_map_is_made_with_its_marks() -> None:
    server = Server()
    async with running(server) as state:
        state.put(KEY, entry())
        await asyncio.sleep(1)
        assert server.writes == ["patch Node", "create ConfigMap"]
        assert server.objects["Node"]["metadata"]["labels"] == {"pool": "gpu", LABEL: "Ready"}  # type: ignore[index, call-overload]
        assert server.objects["ConfigMap"]["data"] == {ENTRY: entry().dump()}
        labels = server.objects["ConfigMap"]["metadata"]["labels"]  # type: ignore[index, call-overload]
        assert labels == {"models.ome/basemodel-status": "true", "node": "node-a"}


async def test_saying_the_same_again_writes_nothing() -> None:
    server = Server()
    async with running(server) as state:
        state.put(KEY, entry())
        await asyncio.sleep(1)
        state.put(KEY, entry())
        state.remove(OTHER)
        await asyncio.sleep(1)
        assert len(server.writes) == 2


async def test_a_burst_of_changes_is_one_write_of_the_changed_keys() -> None:
    server = Server()
    async with running(server) as state:
        state.put(KEY, entry())
        await asyncio.sleep(1)
        server.writes.clear()
        for status in ("Updating", "Failed", "Updating"):
            state.put(KEY, entry(status))
        await asyncio.sleep(1)
        assert server.writes == ["patch Node", "patch ConfigMap"]


async def test_a_restarted_agent_that_finds_everything_right_writes_nothing() -> None:
    server = Server()
    async with running(server) as state:
        state.put(KEY, entry())
        await asyncio.sleep(1)
    server.writes.clear()
    async with running(server) as state:
        state.on_config_map(server.event("ConfigMap", EventType.ADDED))
        assert state.entry(KEY) == entry()
        state.put(KEY, entry())
        state.keep_only([KEY])
        await asyncio.sleep(1)
        assert server.writes == []


async def test_what_an_earlier_agent_said_of_models_that_are_gone_is_removed() -> None:
    server = Server()
    async with running(server) as state:
        state.put(KEY, entry())
        state.put(OTHER, entry())
        await asyncio.sleep(1)
    async with running(server) as state:
        state.on_config_map(server.event("ConfigMap", EventType.ADDED))
        state.keep_only([OTHER])
        await asyncio.sleep(1)
        assert list(server.objects["ConfigMap"]["data"]) == ["team.basemodel.n"]  # type: ignore[arg-type]
        assert set(server.objects["Node"]["metadata"]["labels"]) == {"pool", "models.ome.io/team.basemodel.n"}  # type: ignore[index, call-overload, arg-type]


async def test_a_config_map_that_somebody_deletes_comes_back_whole() -> None:
    server = Server()
    async with running(server) as state:
        state.put(KEY, entry())
        await asyncio.sleep(1)
        gone = server.objects.pop("ConfigMap")
        server.version += 1
        gone["metadata"]["resourceVersion"] = str(server.version)  # type: ignore[index, call-overload]
        state.on_config_map(server.event("ConfigMap", EventType.DELETED, gone))
        await asyncio.sleep(1)
        assert server.objects["ConfigMap"]["data"] == {ENTRY: entry().dump()}


async def test_an_event_older_than_our_own_write_is_not_believed() -> None:
    server = Server()
    async with running(server) as state:
        state.put(KEY, entry("Updating"))
        await asyncio.sleep(1)
        stale = server.event("ConfigMap")
        state.put(KEY, entry())
        await asyncio.sleep(1)
        server.writes.clear()
        state.on_config_map(stale)
        await asyncio.sleep(1)
        assert server.writes == []


async def test_a_server_that_is_down_is_waited_for_and_gets_the_last_word_only() -> None:
    server = Server()
    server.down = True
    async with running(server) as state:
        state.put(KEY, entry("Updating"))
        await asyncio.sleep(20)
        state.put(KEY, entry())
        server.down = False
        await asyncio.sleep(40)
        assert server.writes == ["patch Node", "create ConfigMap"]
        assert server.objects["ConfigMap"]["data"] == {ENTRY: entry().dump()}


async def test_a_node_that_vanished_is_never_made_again() -> None:
    server = Server()
    async with running(server) as state:
        del server.objects["Node"]
        state.put(KEY, entry())
        await asyncio.sleep(5)
        assert "Node" not in server.objects
        assert server.objects["ConfigMap"]["data"] == {ENTRY: entry().dump()}


async def test_a_deletion_that_was_not_seen_is_believed_though_our_last_write_is_newer_than_what_was_cached() -> None:
    server = Server()
    async with running(server) as state:
        state.put(KEY, entry("Updating"))
        await asyncio.sleep(1)
        cached = server.event("ConfigMap")
        state.put(KEY, entry())
        await asyncio.sleep(1)
        del server.objects["ConfigMap"]
        state.on_config_map(ObjectEvent(EventType.DELETED, cached.record, tombstone=True))
        await asyncio.sleep(1)
        assert server.objects["ConfigMap"]["data"] == {ENTRY: entry().dump()}
