"""What Services led to at every moment and when workloads went, in the order of the server's store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.envtest.reconcilers.conftest import Scene, eventually

from omectl.api.resource import ResourceKind
from omectl.kube.listing import WatchOptions
from omectl.kube.resources import ENDPOINT_SLICES

SERVICE = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Change:
    """One change: its revision in the store, the watch's word for it, and the object."""

    revision: int
    type: str
    obj: Any


@dataclass
class History:
    """Every change of a namespace's slices and workloads since it began to look, and what was there before."""

    changes: dict[ResourceKind, list[Change]] = field(default_factory=dict)

    def endpoints(self, service: str) -> list[tuple[int, frozenset[str]]]:
        """The ready pods that the Service led to, after each change, with its revision."""
        slices: dict[str, frozenset[str]] = {}
        found: list[tuple[int, frozenset[str]]] = []
        for change in self.changes[ENDPOINT_SLICES]:
            metadata = change.obj["metadata"]
            if metadata["labels"].get(SERVICE) == service:
                slices[metadata["name"]] = frozenset() if change.type == "DELETED" else ready_pods(change.obj)
                found.append((change.revision, frozenset().union(*slices.values())))
        return found

    def endpoints_at(self, service: str, revision: int) -> frozenset[str]:
        """Those that it led to at that revision."""
        return [pods for since, pods in self.endpoints(service) if since <= revision][-1]

    def went(self, kind: ResourceKind) -> list[int]:
        """When objects of that kind were deleted."""
        return [change.revision for change in self.changes[kind] if change.type == "DELETED"]


def ready_pods(found: Any) -> frozenset[str]:
    """Names of the pods of a slice that get requests."""
    endpoints = found.get("endpoints") or ()
    return frozenset(one["targetRef"]["name"] for one in endpoints if one["conditions"].get("ready"))


@asynccontextmanager
async def history(scene: Scene, kinds: Sequence[ResourceKind]) -> AsyncIterator[History]:
    """What happens inside, told completely once it is left: a last list says what has to be known by then."""
    made = History()
    versions: dict[ResourceKind, str] = {}
    for kind in (ENDPOINT_SLICES, *kinds):
        listed = await scene.admin.list(kind, scene.namespace)
        start = int(listed.resource_version)
        made.changes[kind] = [Change(start, "ADDED", obj) for obj in listed.items]
        versions[kind] = listed.resource_version

    async def look(kind: ResourceKind) -> None:
        options = WatchOptions(resource_version=versions[kind], bookmarks=False)
        async with scene.admin.watch(kind, scene.namespace, options) as batches:
            async for batch in batches:
                for line in batch:
                    event: Any = json.loads(line)
                    revision = int(event["object"]["metadata"]["resourceVersion"])
                    made.changes[kind].append(Change(revision, event["type"], event["object"]))

    async def all_told() -> bool:
        for kind in made.changes:
            there: list[Any] = (await scene.admin.list(kind, scene.namespace)).items
            last: dict[str, Change] = {one.obj["metadata"]["name"]: one for one in made.changes[kind]}
            told = {name: one.obj["metadata"]["resourceVersion"] for name, one in last.items() if one.type != "DELETED"}
            assert told == {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in there}
        return True

    tasks = [asyncio.create_task(look(kind)) for kind in made.changes]
    try:
        yield made
        await eventually(all_told)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
