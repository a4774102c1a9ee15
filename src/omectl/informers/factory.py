"""All informers of one process: made once per collection, run together, waited for together."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.informers.collector import COLLECTOR
from omectl.informers.informer import Informer
from omectl.informers.lister_watcher import ClientListerWatcher, ListerWatcher
from omectl.informers.record import Transform
from omectl.informers.reflector_state import ReflectorOptions
from omectl.informers.store import IndexFunction
from omectl.kube.client import Client

Source: TypeAlias = Callable[[ResourceKind, str, str, str], ListerWatcher]
"""Gives the lister-watcher for (kind, namespace, label selector, field selector)."""

_Identity = tuple[ResourceKind, str, str, str, Transform | None, float]


class CacheNotSynced(TimeoutError):
    """Some caches did not fill in time; says which, where each is, and what the server last said."""

    def __init__(self, waiting: tuple[Informer, ...], timeout_s: float) -> None:
        super().__init__(timeout_s)
        self.waiting = waiting
        self.timeout_s = timeout_s

    def __str__(self) -> str:
        each = "; ".join(informer.describe() for informer in self.waiting)
        return f"not synced after {self.timeout_s:g} s: {each}"


class InformerFactory:
    """Informers by what they cache: the same arguments give the same informer. Owned by one event loop."""

    def __init__(
        self, client: Client, options: ReflectorOptions | None = None, *, source: Source | None = None
    ) -> None:
        self._options = options
        self._source: Source = source or partial(ClientListerWatcher, client)
        self._informers: dict[_Identity, Informer] = {}
        self._unstarted: list[Informer] = []
        self._wake = asyncio.Event()
        self._running = False

    def informer(
        self,
        kind: ResourceKind,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        indexes: Mapping[str, IndexFunction] | None = None,
        transform: Transform | None = None,
        resync_s: float = 0.0,
    ) -> Informer:
        """The informer of a collection, made on first use; `indexes` are added to it. It starts with the factory."""
        identity = (kind, namespace, label_selector, field_selector, transform, resync_s)
        known = self._informers.get(identity)
        if known is not None:
            known.add_indexes(indexes or {})
            return known
        made = Informer(
            kind,
            self._source(kind, namespace, label_selector, field_selector),
            name=_name(kind, namespace, label_selector, field_selector),
            indexes=indexes,
            transform=transform,
            resync_s=resync_s,
            options=self._options,
        )
        COLLECTOR.add(made)
        self._informers[identity] = made
        self._unstarted.append(made)
        self._wake.set()
        return made

    @property
    def informers(self) -> tuple[Informer, ...]:
        """Every informer made so far."""
        return tuple(self._informers.values())

    async def run(self) -> None:
        """Run every informer, those too that are made later, until cancelled."""
        if self._running:
            raise RuntimeError("the informers run already; run the factory once")
        self._running = True
        async with asyncio.TaskGroup() as group:
            while True:
                for informer in self._unstarted:
                    group.create_task(informer.run(), name=f"informer:{informer.name}")
                self._unstarted.clear()
                self._wake.clear()
                await self._wake.wait()

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


def _name(kind: ResourceKind, *selection: str) -> str:
    narrowed = ",".join(part for part in selection if part)
    plural = f"{kind.plural}.{kind.group}".rstrip(".")
    return f"{plural}[{narrowed}]" if narrowed else plural
