"""One kind's cache: a reflector that fills a store, and handlers that are told of every change."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict

from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers.listener import Handler, Registration, replay
from omectl.informers.lister import Lister
from omectl.informers.lister_watcher import ListerWatcher
from omectl.informers.record import Record, RecordReader, Transform
from omectl.informers.reflector import Reflector
from omectl.informers.reflector_state import ReflectorOptions, ReflectorState
from omectl.informers.store import IndexFunction, Store
from omectl.kube.resource_version import reached
from omectl.metrics import Tally


class InformerStopped(RuntimeError):
    """The informer has ended; nothing can be registered or run any more."""


class Informer:
    """A cache of one collection; `run` once, read by `lister`, listen by `add_handler`.

    Owned by one event loop. The store changes before handlers hear of it. Per object, a handler hears every change in
    order; between objects there is no promise. A handler registered late first hears of everything that exists. A new
    UID under an old name is told as a delete and an add. Reads never wait and never touch the server.
    """

    def __init__(
        self,
        kind: ResourceKind,
        source: ListerWatcher,
        *,
        name: str = "",
        indexes: Mapping[str, IndexFunction] | None = None,
        transform: Transform | None = None,
        resync_s: float = 0.0,
        options: ReflectorOptions | None = None,
    ) -> None:
        self.kind = kind
        self.name = name or f"{kind.plural}.{kind.group}".rstrip(".")
        self._reader = RecordReader(kind, transform)
        self._store = Store(self.name)
        self._store.add_indexes(indexes or {})
        self.lister = Lister(self._store)
        self._reflector = Reflector(self.name, source, self._reader, self, options)
        self._registrations: list[Registration] = []
        self._group: asyncio.TaskGroup | None = None
        self._resync_s = resync_s
        self._synced = asyncio.Event()
        self._settled = asyncio.Event()
        self._progress = asyncio.Event()
        self._started = False
        self._stopped = False

    # --- state ---

    @property
    def has_synced(self) -> bool:
        """The cache has held the whole collection once."""
        return self._synced.is_set()

    @property
    def is_settled(self) -> bool:
        """Synced, or the server has said that it does not serve the kind: nothing to wait for."""
        return self._settled.is_set()

    @property
    def is_absent(self) -> bool:
        """The server does not serve the kind now; the informer goes on asking."""
        return self._reflector.state is ReflectorState.ABSENT

    @property
    def state(self) -> ReflectorState:
        """Where the reflector is."""
        return self._reflector.state

    @property
    def last_error(self) -> Exception | None:
        """What ended the last round or watch; None again as soon as the server answers well."""
        return self._reflector.last_error

    @property
    def processing(self) -> Tally:
        """Seconds from the arrival of each batch of events until cache and handlers' buffers had all of it."""
        return self._reflector.processing

    @property
    def registrations(self) -> tuple[Registration, ...]:
        """The handlers that listen now."""
        return tuple(self._registrations)

    async def wait_synced(self) -> None:
        """Until `has_synced`; put a deadline around it."""
        await self._synced.wait()

    async def wait_settled(self) -> None:
        """Until the cache is synced, or the server has said that it does not serve the kind."""
        await self._settled.wait()

    async def wait_until(self, resource_version: str, timeout_s: float) -> bool:
        """Whether the cache reflects `resource_version` (of a write that was just made) within the time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not reached(self._store.resource_version, resource_version):
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    def statistics(self) -> JsonObject:
        """Counts and state, for debugging and tests."""
        reflector: dict[str, JsonValue] = dict(asdict(self._reflector.statistics))
        handlers: list[JsonValue] = [
            {
                "name": registration.name,
                "pending": registration.pending,
                "handled": registration.handled,
                "errors": registration.errors,
                "synced": registration.has_synced,
            }
            for registration in self._registrations
        ]
        return {
            "name": self.name,
            "state": self.state.value,
            "synced": self.has_synced,
            "objects": len(self._store),
            "bytes": sum(len(record.body) for record in self._store),
            "resource_version": self._store.resource_version,
            "last_error": str(self.last_error) if self.last_error is not None else None,
            "skipped": self._reader.skipped,
            "transform_errors": self._reader.transform_errors,
            "index_errors": self._store.index_errors,
            "reflector": reflector,
            "handlers": handlers,
        }

    # --- use ---

    def add_indexes(self, indexes: Mapping[str, IndexFunction]) -> None:
        """Add indexes at any time. Raises ValueError for a name that has another function."""
        self._store.add_indexes(indexes)

    def add_handler(self, handler: Handler, *, name: str = "") -> Registration:
        """Tell `handler` of everything that exists and of every change. Raises InformerStopped."""
        if self._stopped:
            raise InformerStopped(f"informer {self.name} has stopped already; the handler was not added")
        registration = Registration(name or getattr(handler, "__qualname__", "handler"), handler, self._forget)
        if len(self._store):
            registration.put_batch(replay(list(self._store), initial=True))
        if self.has_synced:
            registration.end_initial_set()
        self._registrations.append(registration)
        if self._group is not None:
            self._group.create_task(registration.deliver(), name=f"{self.name}:{registration.name}")
        return registration

    def _forget(self, registration: Registration) -> None:
        if registration in self._registrations:
            self._registrations.remove(registration)

    async def run(self) -> None:
        """Fill the cache and keep it until cancelled. Raises InformerStopped when run before."""
        if self._started:
            raise InformerStopped(f"informer {self.name} was started before; make a new one")
        self._started = True
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for registration in self._registrations:
                    group.create_task(registration.deliver(), name=f"{self.name}:{registration.name}")
                if self._resync_s > 0:
                    group.create_task(self._resync(), name=f"{self.name}:resync")
                await self._reflector.run()
        finally:
            self._stopped = True
            self._group = None

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._resync_s)
            for registration in self._registrations:
                registration.put_batch(replay(list(self._store), initial=False))

    # --- the reflector's sink ---

    def replace(self, records: dict[ObjectKey, Record], resource_version: str) -> None:
        """The whole collection: missing objects become deletes, then the rest in the server's order."""
        initial = not self.has_synced
        events = self._store.replace(records, resource_version)
        for registration in self._registrations:
            if initial:
                registration.put_batch(replay(list(self._store), initial=True))
                registration.end_initial_set()
            else:
                registration.put(events)
        self._synced.set()
        self._settled.set()
        self._progress.set()

    def change(self, event_type: str, record: Record) -> None:
        """One event of the watch."""
        events = self._store.remove(record) if event_type == "DELETED" else self._store.put(record)
        for registration in self._registrations:
            registration.put(events)
        self._progress.set()

    def bookmark(self, resource_version: str) -> None:
        """Nothing changed up to this version."""
        self._store.bookmark(resource_version)
        self._progress.set()

    def absent(self) -> None:
        """The server does not serve the kind."""
        self._settled.set()
