"""What this node says of its models: entries in its ConfigMap, labels on its Node, and the one task that writes them.

Whoever learns something of a model calls `put` or `remove`; the writer compares what is wanted with what is live and
patches only the difference, so a burst of changes is one write and no change is none. What is live comes from the
informers and from the answers to our own writes, whichever is newer. A ConfigMap, entry or label that somebody removes
or changes is written again. Lives on the event loop; `run` is the writer and ends only by cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import structlog

from omectl.api import labels as keys
from omectl.api.document import as_text, at, text_values
from omectl.api.json import JsonObject
from omectl.api.labels import AGENT_MANAGER, ModelKey, model_entry_key, model_label_key, parse_entry_key
from omectl.api.node_entry import NodeEntry, NodeEntryError
from omectl.informers import EventType, ObjectEvent
from omectl.kube.client import Client
from omectl.kube.errors import AlreadyExists, KubeError, NotFound
from omectl.kube.resource_version import reached
from omectl.kube.resources import CONFIG_MAPS, NODES
from omectl.modelagent.backoff import backoff_s

_BACKOFF_S = (1.0, 30.0)

_log = structlog.stdlib.get_logger(__name__)


class NodeState:
    """See the module."""

    name = "node-state"
    needs_leader = False

    def __init__(self, client: Client, node_name: str, namespace: str) -> None:
        self._client = client
        self._node_name = node_name
        self._namespace = namespace
        self._entries: dict[str, str | None] = {}
        self._labels: dict[str, str | None] = {}
        self._live_entries: dict[str, str] | None = None
        self._live_labels: Mapping[str, str] | None = None
        self._marked = False
        self._entries_version = ""
        self._labels_version = ""
        self._changed = asyncio.Event()
        self.writes = 0

    # What is wanted

    def put(self, key: ModelKey, entry: NodeEntry) -> None:
        """Say this of the model, in its entry and by its label."""
        self._entries[model_entry_key(key)] = entry.dump()
        self._labels[model_label_key(key)] = entry.status
        self._changed.set()

    def remove(self, key: ModelKey) -> None:
        """Say nothing of the model any more."""
        self._entries[model_entry_key(key)] = None
        self._labels[model_label_key(key)] = None
        self._changed.set()

    def keep_only(self, known: Collection[ModelKey]) -> None:
        """Remove what was said of models that no longer exist, for example by an agent before this one."""
        entries = {model_entry_key(key) for key in known}
        labels = {model_label_key(key) for key in known}
        for entry in self._live_entries or {}:
            if entry not in entries and parse_entry_key(entry) is not None:
                self._entries[entry] = None
        for label in self._live_labels or {}:
            if label not in labels and _is_model_label(label):
                self._labels[label] = None
        self._changed.set()

    def entry(self, key: ModelKey) -> NodeEntry | None:
        """What is, or is about to be, said of the model."""
        name = model_entry_key(key)
        text = self._entries[name] if name in self._entries else (self._live_entries or {}).get(name)
        try:
            return NodeEntry.parse(text) if text is not None else None
        except NodeEntryError:
            return None

    # What is live

    def on_config_map(self, event: ObjectEvent) -> None:
        """Take in an event of the node's own ConfigMap."""
        gone = event.type is EventType.DELETED
        version = event.header.resource_version
        if (
            reached(self._entries_version, version)
            # A tombstone's version is the last one cached, maybe older than our own write; if it is wrong, the create
            # that follows finds the ConfigMap and reads it.
            and not event.tombstone
            and not (gone and version == self._entries_version)
        ):
            return
        self._take_config_map(None if gone else event.object())
        self._changed.set()

    def on_node(self, event: ObjectEvent) -> None:
        """Take in an event of the node's own Node."""
        if event.type is EventType.DELETED:
            self._live_labels = None
        elif not reached(self._labels_version, event.header.resource_version):
            before, self._live_labels = self._live_labels, event.header.labels
            self._labels_version = event.header.resource_version
            if before != self._live_labels:
                self._changed.set()

    def _take_config_map(self, live: JsonObject | None) -> None:
        if live is None:
            self._live_entries, self._marked, self._entries_version = None, False, ""
            return
        self._marked = at(live, "metadata", "labels", keys.MODEL_STATUS_MARKER) == "true"
        self._entries_version = as_text(at(live, "metadata", "resourceVersion"))
        self._live_entries = text_values(live.get("data"))

    # Writing

    async def run(self) -> None:
        """Write what differs, again and again until cancelled; a refusal is tried again with back-off."""
        failures = 0
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                # The label first: whoever acts on the entry finds the label in place.
                await self._write_labels()
                await self._write_entries()
                failures = 0
            except KubeError as error:
                failures += 1
                delay = backoff_s(failures, *_BACKOFF_S)
                _log.warning("node_state_not_written", error=str(error), retry_in_s=round(delay, 1))
                self._changed.set()
                await asyncio.sleep(delay)

    async def _write_labels(self) -> None:
        if self._live_labels is None:
            return  # no Node: its event brings us back
        patch: JsonObject = {}
        for label, value in list(self._labels.items()):
            if self._live_labels.get(label) != value:
                patch[label] = value
            elif value is None:
                del self._labels[label]
        if not patch:
            return
        try:
            live = await self._client.merge_patch(
                NODES, self._node_name, {"metadata": {"labels": patch}}, field_manager=AGENT_MANAGER
            )
        except NotFound:
            self._live_labels = None
            return
        self.writes += 1
        self._live_labels = text_values(at(live, "metadata", "labels"))
        self._labels_version = as_text(at(live, "metadata", "resourceVersion"))
        self._changed.set()

    async def _write_entries(self) -> None:
        live = self._live_entries or {}
        patch: JsonObject = {}
        for entry, text in list(self._entries.items()):
            if live.get(entry) != text:
                patch[entry] = text
            elif text is None:
                del self._entries[entry]
        if not patch:
            return
        if self._live_entries is None and not await self._create(patch):
            self._changed.set()
            return
        if self._live_entries is not None and any(
            (self._live_entries.get(name)) != text for name, text in patch.items()
        ):
            body: JsonObject = {"data": patch} if self._marked else {"data": patch, "metadata": self._marks()}
            try:
                answer = await self._client.merge_patch(
                    CONFIG_MAPS, self._node_name, body, self._namespace, field_manager=AGENT_MANAGER
                )
            except NotFound:
                self._take_config_map(None)
                self._changed.set()
                return
            self.writes += 1
            self._take_config_map(answer)
        self._changed.set()

    async def _create(self, patch: JsonObject) -> bool:
        """Create the ConfigMap with all that is wanted; False when another made it meanwhile."""
        wanted: JsonObject = {name: text for name, text in patch.items() if text is not None}
        if not wanted:
            self._entries = {name: text for name, text in self._entries.items() if text is not None}
            return True
        config_map: JsonObject = {
            "apiVersion": CONFIG_MAPS.api_version,
            "kind": CONFIG_MAPS.kind,
            "metadata": {"name": self._node_name, "namespace": self._namespace, **self._marks()},
            "data": wanted,
        }
        try:
            answer = await self._client.create(CONFIG_MAPS, config_map, field_manager=AGENT_MANAGER)
        except AlreadyExists:
            answer = await self._client.get(CONFIG_MAPS, self._node_name, self._namespace)
            self._take_config_map(answer)
            return False
        self.writes += 1
        self._take_config_map(answer)
        return True

    def _marks(self) -> JsonObject:
        return {
            "labels": {keys.MODEL_STATUS_MARKER: "true", keys.MODEL_STATUS_NODE: self._node_name},
            "annotations": {keys.NODE_NAME: self._node_name, keys.MANAGED_BY: keys.MANAGED_BY_AGENT},
        }


def _is_model_label(label: str) -> bool:
    return (
        label.startswith(keys.MODEL_LABEL_PREFIX)
        and parse_entry_key(label.removeprefix(keys.MODEL_LABEL_PREFIX)) is not None
    )
