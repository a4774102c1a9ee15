"""Reading objects by kind from the caches, with the questions and answers of a client."""

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers.factory import InformerFactory
from omectl.informers.informer import Informer
from omectl.informers.lister import Labels
from omectl.kube.errors import Details, NotFound
from omectl.kube.listing import ObjectList


class NotCached(RuntimeError):
    """What was read is in no cache, and none is made for it by the way (D9)."""

    def __init__(self, wanted: str, found: str, next_step: str) -> None:
        super().__init__(wanted, found, next_step)
        self.wanted = wanted
        self.found = found
        self.next_step = next_step

    def __str__(self) -> str:
        return f"wanted {self.wanted} from the cache, found {self.found}; {self.next_step}"


class CacheNotStarted(RuntimeError):
    """The informers do not run, so there is nothing to read, or nothing that would be true."""


class CacheReader:
    """Reads the kinds that a factory's options or its callers declared; everything answered is the caller's own.

    A read waits until the kind's cache is synced, `timeout_s` at the longest. It raises NotCached for a kind or a
    namespace that is not declared, CacheNotStarted, CacheNotSynced, and NotFound as a client does.
    """

    def __init__(self, informers: InformerFactory, *, timeout_s: float = 10.0) -> None:
        self._informers = informers
        self._timeout_s = timeout_s

    async def get(
        self, kind: ResourceKind, name: str, namespace: str = "", *, timeout_s: float | None = None
    ) -> JsonObject:
        """One object. Raises NotFound."""
        informer = await self._synced(kind, namespace, timeout_s)
        key = ObjectKey(namespace if kind.namespaced else "", name)
        found = informer.lister.get(key)
        if found is None:
            details = Details(name=name, group=kind.group, kind=kind.plural)
            message = f"{kind.group_resource} {name!r} not found in the cache"
            raise NotFound(404, "NotFound", message, details, action=f"get {kind.kind} {key}")
        return found

    async def list(
        self,
        kind: ResourceKind,
        namespace: str = "",
        labels: Labels | None = None,
        *,
        selector: JsonObject | None = None,
        fields: str = "",
        limit: int = 0,
        timeout_s: float | None = None,
    ) -> ObjectList:
        """The objects that meet all conditions, as `Lister.list` has them. With a `limit` there is no way to go on."""
        informer = await self._synced(kind, namespace, timeout_s)
        items = informer.lister.list(namespace, labels, selector=selector, fields=fields, limit=limit)
        return ObjectList(items, informer.lister.resource_version)

    async def _synced(self, kind: ResourceKind, namespace: str, timeout_s: float | None) -> Informer:
        informer = self._declared(kind, namespace)
        if not self._informers.is_running:
            raise CacheNotStarted(
                f"wanted {kind.plural} from the cache, found no informer running; run the factory (a manager does)"
            )
        await self._informers.wait_for_sync(self._timeout_s if timeout_s is None else timeout_s, [informer])
        if not informer.has_synced:
            raise NotFound(404, "NotFound", f"the server does not serve {kind.plural}", action=f"read {kind.plural}")
        return informer

    def _declared(self, kind: ResourceKind, namespace: str) -> Informer:
        informer = self._informers.declared(kind)
        if informer is None:
            narrowed = ", ".join(other.name for other in self._informers.of_kind(kind))
            raise NotCached(
                kind.plural,
                f"no informer of all of them (only {narrowed})" if narrowed else "no informer of them",
                "declare the kind in CacheOptions(kinds=...) or by factory.informer(kind), or read it with the client",
            )
        if kind.namespaced and not informer.lister.covers(namespace):
            raise NotCached(
                f"{kind.plural} of namespace {namespace}",
                f"only those of {', '.join(informer.lister.namespaces)}",
                "add the namespace to the cache options, or read it with the client",
            )
        return informer
