"""All informers of one process: made once per collection, run together, waited for together."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Protocol

import structlog

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.informers.collector import COLLECTOR
from omectl.informers.informer import Informer
from omectl.informers.lister_watcher import ClientListerWatcher, ListerWatcher
from omectl.informers.mirror import Collection
from omectl.informers.record import Transform
from omectl.informers.reflector_state import ReflectorOptions
from omectl.informers.scoping import CacheOptions, Narrowing, Scope, scopes_of
from omectl.informers.store import IndexFunction
from omectl.kube.client import Client

_log = structlog.stdlib.get_logger(__name__)

_Identity = tuple[ResourceKind, tuple[Scope, ...], bool, float]


class Source(Protocol):
    """Gives the lister-watcher of a collection."""

    def __call__(
        self,
        kind: ResourceKind,
        namespace: str,
        label_selector: str,
        field_selector: str,
        /,
        *,
        metadata_only: bool,
    ) -> ListerWatcher: ...


class CacheNotSynced(TimeoutError):
    """Some caches did not fill in time; says which, where each is, and what the server last said."""

    def __init__(self, waiting: tuple[Informer, ...], timeout_s: float) -> None:
        where = "; ".join(informer.describe() for informer in waiting)
        super().__init__(f"not synced after {timeout_s:g} s: {where}")
        self.waiting = waiting
        self.timeout_s = timeout_s


class InformerFactory:
    """Informers by what they cache: the same arguments give the same informer. Owned by one event loop.

    `caches` says what of each kind is cached where a caller does not say it.
    """

    def __init__(
        self,
        client: Client,
        options: ReflectorOptions | None = None,
        *,
        caches: CacheOptions | None = None,
        source: Source | None = None,
    ) -> None:
        self._options = options
        self._caches = caches or CacheOptions()
        self._source: Source = source or partial(ClientListerWatcher, client)
        self._informers: dict[_Identity, Informer] = {}
        self._unstarted: list[Informer] = []
        self._tasks: dict[Informer, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._running = False

    # --- making and finding ---

    def informer(
        self,
        kind: ResourceKind,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        indexes: Mapping[str, IndexFunction] | None = None,
        transform: Transform | None = None,
        metadata_only: bool | None = None,
        resync_s: float | None = None,
    ) -> Informer:
        """The informer of a kind, made on first use; `indexes` are added to it. It starts with the factory.

        What is None is as the factory's cache options say; `namespace` "" is all of them.
        """
        objects = Narrowing(label_selector=label_selector, field_selector=field_selector, transform=transform)
        identity = self._identity(kind, namespace, objects, metadata_only, resync_s)
        known = self._informers.get(identity)
        if known is None:
            known = self._make(identity)
        known.add_indexes(indexes or {})
        return known

    def declared(self, kind: ResourceKind) -> Informer | None:
        """The informer of a kind as the options narrow it; None where neither they nor a caller named the kind."""
        identity = self._identity(kind, None, Narrowing(), None, None)
        if identity not in self._informers and kind in self._caches.kinds:
            return self._make(identity)
        return self._informers.get(identity)

    def of_kind(self, kind: ResourceKind) -> tuple[Informer, ...]:
        """Every informer of a kind, however narrowed."""
        return tuple(informer for informer in self._informers.values() if informer.kind == kind)

    @property
    def informers(self) -> tuple[Informer, ...]:
        """Every informer made so far and not removed."""
        return tuple(self._informers.values())

    def _identity(
        self,
        kind: ResourceKind,
        namespace: str | None,
        objects: Narrowing,
        metadata_only: bool | None,
        resync_s: float | None,
    ) -> _Identity:
        settings = self._caches.of(kind)
        period_s = self._caches.resync_s if settings.resync_s is None else settings.resync_s
        return (
            kind,
            scopes_of(kind, self._caches, namespace, objects),
            settings.metadata_only if metadata_only is None else metadata_only,
            period_s if resync_s is None else resync_s,
        )

    def _make(self, identity: _Identity) -> Informer:
        kind, scopes, metadata_only, resync_s = identity
        self._warn_of_two(kind, metadata_only=metadata_only)
        made = Informer(
            kind,
            [self._collection(kind, scope, metadata_only=metadata_only) for scope in scopes],
            name=_name(kind, scopes, metadata_only=metadata_only),
            indexes=self._caches.of(kind).indexes,
            metadata_only=metadata_only,
            resync_s=resync_s,
            options=self._options,
        )
        COLLECTOR.add(made)
        self._informers[identity] = made
        self._unstarted.append(made)
        self._wake.set()
        return made

    def _collection(self, kind: ResourceKind, scope: Scope, *, metadata_only: bool) -> Collection:
        source = self._source(
            kind, scope.namespace, scope.label_selector, scope.field_selector, metadata_only=metadata_only
        )
        return Collection(
            source=source,
            name=_name(kind, (scope,), metadata_only=metadata_only),
            namespace=scope.namespace,
            transform=scope.transform,
        )

    def _warn_of_two(self, kind: ResourceKind, *, metadata_only: bool) -> None:
        for other in self.of_kind(kind):
            if other.metadata_only is not metadata_only:
                _log.warning(
                    "informer_kind_cached_twice",
                    kind=kind.group_kind,
                    cached=other.name,
                    next_step="whole objects and metadata alone are two caches with two watches; use one of them",
                )
                return

    # --- running ---

    @property
    def is_running(self) -> bool:
        """The informers run, so what they hold is kept up to date."""
        return self._running

    async def run(self) -> None:
        """Run every informer, those too that are made later, until cancelled."""
        if self._running:
            raise RuntimeError("the informers run already; run the factory once")
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    for informer in self._unstarted:
                        self._tasks[informer] = group.create_task(informer.run(), name=f"informer:{informer.name}")
                    self._unstarted.clear()
                    self._wake.clear()
                    await self._wake.wait()
        finally:
            self._running = False
            self._tasks.clear()

    def remove(self, informer: Informer) -> None:
        """Stop an informer and forget it; its handlers hear nothing more. Who asks for it again gets a new one."""
        for identity, known in self._informers.items():
            if known is informer:
                del self._informers[identity]
                break
        else:
            return
        COLLECTOR.remove(informer)
        informer.close()  # also one that waits for its start, or whose task is cancelled before its first step
        task = self._tasks.pop(informer, None)
        if task is not None:
            task.cancel()
        elif informer in self._unstarted:
            self._unstarted.remove(informer)

    async def wait_for_sync(self, timeout_s: float, informers: Iterable[Informer] | None = None) -> None:
        """Until all informers (or the given ones) are synced or their kind is known absent. Raises CacheNotSynced."""
        wanted = tuple(self.informers if informers is None else informers)
        try:
            async with asyncio.timeout(timeout_s):
                for informer in wanted:
                    await informer.wait_settled()
        except TimeoutError as error:
            waiting = tuple(informer for informer in wanted if not informer.is_settled)
            raise CacheNotSynced(waiting, timeout_s) from error

    def statistics(self) -> list[JsonObject]:
        """The statistics of every informer."""
        return [informer.statistics() for informer in self.informers]


def _name(kind: ResourceKind, scopes: tuple[Scope, ...], *, metadata_only: bool) -> str:
    narrowed = "|".join(str(scope) for scope in scopes)
    if metadata_only:
        narrowed = f"metadata,{narrowed}" if narrowed else "metadata"
    return f"{kind.group_resource}[{narrowed}]" if narrowed else kind.group_resource
