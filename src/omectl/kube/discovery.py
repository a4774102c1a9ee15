"""Which kinds a server serves: the aggregated discovery documents, read again when something is missing."""

import asyncio
from typing import Final

from omectl.api.document import as_list, as_object
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.errors import InvalidResponse, NotFound

_AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


class Discovery:
    """Kinds by group and name. Owned by one event loop; concurrent reloads are one reload."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kinds: dict[tuple[str, str], ResourceKind] = {}
        self._loaded = False
        self._lock = asyncio.Lock()
        self._generation = 0

    async def refresh(self) -> None:
        """Read what the server serves now; who waits for a running refresh takes its result."""
        seen = self._generation
        async with self._lock:
            if self._generation != seen:
                return
            kinds: dict[tuple[str, str], ResourceKind] = {}
            for path in ("/api", "/apis"):
                document = await self._client.read_object(path, accept=_AGGREGATED)
                if document.get("kind") == "APIGroupDiscoveryList":
                    found = read_aggregated(document)
                else:
                    found = await self._read_each(path, document)
                for kind in found:
                    kinds.setdefault((kind.group, kind.kind), kind)
            self._kinds = kinds
            self._loaded = True
            self._generation += 1

    async def kinds(self) -> list[ResourceKind]:
        """Every kind, each in the version that the server prefers."""
        if not self._loaded:
            await self.refresh()
        return list(self._kinds.values())

    async def capabilities(self) -> frozenset[str]:
        """The `group_kind` of every kind, such as "Deployment.apps", freshly read."""
        await self.refresh()
        return frozenset(kind.group_kind for kind in self._kinds.values())

    async def find(self, group: str, kind: str, version: str = "") -> ResourceKind | None:
        """The kind as the server serves it, or None; a miss reads the documents again once."""
        for attempt in range(2):
            if attempt > 0 or not self._loaded:
                await self.refresh()
            found = self._kinds.get((group, kind))
            if found is not None:
                if version and version != found.version:
                    return ResourceKind(group, version, kind, found.plural, found.namespaced)
                return found
        return None

    async def has(self, kind: ResourceKind) -> bool:
        """The server serves this very kind and version now.

        Raises KubeError when discovery itself does not answer well or contradicts itself: a 404 alone is no answer, as
        any proxy gives it.
        """
        group_version = f"{kind.group}/{kind.version}" if kind.group else kind.version
        try:
            served = await self._document(f"/{'apis' if kind.group else 'api'}/{group_version}", "APIResourceList")
        except NotFound:
            if group_version in await self._group_versions(kind.group):
                raise
            return False
        return any(found.plural == kind.plural for found in read_resource_list(served))

    async def _group_versions(self, group: str) -> list[str]:
        if not group:
            index = await self._document("/api", "APIVersions")
            return [str(version) for version in as_list(index.get("versions"))]
        index = await self._document("/apis", "APIGroupList")
        return [
            str(as_object(version).get("groupVersion"))
            for found in map(as_object, as_list(index.get("groups")))
            for version in as_list(found.get("versions"))
        ]

    async def _document(self, path: str, wanted: str) -> JsonObject:
        document = await self._client.read_object(path)
        if document.get("kind") != wanted:
            found = f"a document of kind {document.get('kind')!r}"
            raise InvalidResponse(self._client.config.server, f"an {wanted}", found, action=f"get {path}")
        return document

    async def _read_each(self, path: str, document: JsonObject) -> list[ResourceKind]:
        """Discovery of servers without the aggregated form: one document per group."""
        if path == "/api":
            versions = [f"/api/{version}" for version in as_list(document.get("versions")) if isinstance(version, str)]
        else:
            versions = [
                f"/apis/{as_object(as_object(group).get('preferredVersion')).get('groupVersion')}"
                for group in as_list(document.get("groups"))
            ]
        found: list[ResourceKind] = []
        for version in versions:
            found.extend(read_resource_list(await self._client.read_object(version)))
        return found


def read_aggregated(document: JsonObject) -> list[ResourceKind]:
    """The kinds of an `APIGroupDiscoveryList`, preferred versions first."""
    found: list[ResourceKind] = []
    for item in as_list(document.get("items")):
        group = str(as_object(as_object(item).get("metadata")).get("name") or "")
        for version in as_list(as_object(item).get("versions")):
            for entry in as_list(as_object(version).get("resources")):
                resource = as_object(entry)
                kind = str(as_object(resource.get("responseKind")).get("kind") or "")
                plural = str(resource.get("resource") or "")
                if kind and plural:
                    namespaced = resource.get("scope") == "Namespaced"
                    found.append(ResourceKind(group, str(as_object(version).get("version")), kind, plural, namespaced))
    return found


def read_resource_list(document: JsonObject) -> list[ResourceKind]:
    """The kinds of an `APIResourceList`, without subresources."""
    group, _, version = str(document.get("groupVersion") or "").rpartition("/")
    return [
        ResourceKind(group, version, str(entry.get("kind")), str(entry.get("name")), bool(entry.get("namespaced")))
        for entry in map(as_object, as_list(document.get("resources")))
        if "/" not in str(entry.get("name"))
    ]
