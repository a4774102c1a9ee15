"""One kind's cache: reflectors that fill stores, and handlers that are told of every change."""

import asyncio
from collections.abc import Mapping, Sequence

from omectl import metrics
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ResourceKind
from omectl.informers.events import ObjectEvent
from omectl.informers.listener import Handler, Registration
from omectl.informers.lister import Lister
from omectl.informers.lister_watcher import ListerWatcher
from omectl.informers.mirror import Collection, Mirror
from omectl.informers.record import Record, Transform
from omectl.informers.reflector_metrics import PROCESSING_BUCKETS
from omectl.informers.reflector_state import ReflectorOptions, ReflectorState
from omectl.informers.resync import ResyncPeriods
from omectl.informers.store import IndexFunction
from omectl.informers.threads import InThread, LoopOwner
from omectl.kube.resource_version import reached


class InformerStopped(RuntimeError):
    """The informer has ended; nothing can be registered or run any more."""


class Informer:
    """A cache of one kind; `run` once, read by `lister`, listen by `add_handler`.

    It mirrors one collection, or several (a namespace each) behind the same face. Owned by one event loop; a call from
    a thread raises WrongThread. The store changes before handlers hear of it. Per object, a handler hears every change
    in order; between objects there is no promise. A handler registered late first hears of everything that exists. A
    new UID under an old name is told as a delete and an add. Reads never wait and never touch the server.
    """

    def __init__(
        self,
        kind: ResourceKind,
        source: ListerWatcher | Sequence[Collection],
        *,
        name: str = "",
        indexes: Mapping[str, IndexFunction] | None = None,
        transform: Transform | None = None,
        metadata_only: bool = False,
        resync_s: float = 0.0,
        options: ReflectorOptions | None = None,
    ) -> None:
        self.kind = kind
        self.name = name or kind.group_resource
        self.metadata_only = metadata_only
        self.processing = metrics.Tally(PROCESSING_BUCKETS)
        self._owner = LoopOwner(f"informer {self.name}")
        collections = source if isinstance(source, Sequence) else [Collection(source=source, transform=transform)]
        self.mirrors = tuple(
            Mirror(
                collection.name or self.name,
                kind,
                collection,
                self,
                self._owner,
                metadata_only=metadata_only,
                options=options,
            )
            for collection in collections
        )
        for mirror in self.mirrors:
            mirror.store.add_indexes(indexes or {})
            mirror.reflector.processing = self.processing
        self.lister = Lister({mirror.namespace: mirror.store for mirror in self.mirrors})
        self._registrations: list[Registration] = []
        self._resync = ResyncPeriods(self.name, resync_s)
        self._group: asyncio.TaskGroup | None = None
        self._synced = asyncio.Event()
        self._settled = asyncio.Event()
        self._progress = asyncio.Event()
        self._started = False
        self._stopped = False

    # --- state ---

    @property
    def has_synced(self) -> bool:
        """The cache has held the whole kind once."""
        return self._synced.is_set()

    @property
    def is_settled(self) -> bool:
        """Synced, or the server has said that it does not serve the kind: nothing to wait for."""
        return self._settled.is_set()

    @property
    def is_absent(self) -> bool:
        """The server does not serve the kind now; the informer goes on asking."""
        return self.state is ReflectorState.ABSENT

    @property
    def is_stopped(self) -> bool:
        """It has run, and its content is no longer kept up to date."""
        return self._stopped

    @property
    def state(self) -> ReflectorState:
        """Where the reflector is; of several, the one that is the furthest from watching."""
        return self._slowest.reflector.state

    @property
    def last_error(self) -> Exception | None:
        """What ended the last round or watch; None again as soon as the server answers well."""
        errors = (mirror.reflector.last_error for mirror in (self._slowest, *self.mirrors))
        return next((error for error in errors if error is not None), None)

    @property
    def _slowest(self) -> Mirror:
        return min(self.mirrors, key=lambda mirror: _PROGRESS.index(mirror.reflector.state))

    @property
    def registrations(self) -> tuple[Registration, ...]:
        """The handlers that listen now."""
        return tuple(self._registrations)

    def describe(self) -> str:
        """Where each mirror that is not complete is, and what went wrong last: for errors and logs."""
        late = [mirror for mirror in self.mirrors if not mirror.has_synced] or [self._slowest]
        return "; ".join(mirror.describe() for mirror in late)

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
                while not reached(self.lister.resource_version, resource_version):
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    def statistics(self) -> JsonObject:
        """Counts and state, as JSON."""
        mirrors: list[JsonValue] = [mirror.statistics() for mirror in self.mirrors]
        handlers: list[JsonValue] = [registration.statistics() for registration in self._registrations]
        return {
            "name": self.name,
            "state": self.state.value,
            "synced": self.has_synced,
            "stopped": self.is_stopped,
            "metadata_only": self.metadata_only,
            "objects": len(self.lister),
            "bytes": sum(mirror.store_bytes for mirror in self.mirrors),
            "decoded": self.lister.decoded_count,
            "backlog": sum(registration.pending for registration in self._registrations),
            "resource_version": self.lister.resource_version,
            "last_error": str(self.last_error) if self.last_error is not None else None,
            "resync_check_s": self._resync.check_s,
            "mirrors": mirrors,
            "handlers": handlers,
        }

    # --- use ---

    def add_indexes(self, indexes: Mapping[str, IndexFunction]) -> None:
        """Add indexes at any time. Raises ValueError for a name that has another function."""
        self._owner.check()
        for mirror in self.mirrors:
            mirror.store.add_indexes(indexes)

    def add_handler(
        self,
        handler: Handler | InThread,
        *,
        name: str = "",
        resync_s: float | None = None,
        coalesce: bool = False,
    ) -> Registration:
        """Tell `handler` of everything that exists and of every change. Raises InformerStopped.

        `resync_s`: how often to replay everything to it; 0 is never, None the informer's own period. `coalesce`: while
        it is busy, keep one change per object instead of all, for a handler that only needs keys.
        """
        self._owner.check()
        name = name or getattr(handler, "__qualname__", "handler")
        if self._stopped:
            raise InformerStopped(f"informer {self.name} has stopped already; the handler {name} was not added")
        period_s = self._resync.default_s if resync_s is None else self._resync.admit(resync_s)
        registration = Registration(name, handler, self._forget, resync_s=period_s, coalesce=coalesce)
        for mirror in self.mirrors:
            if len(mirror.store):
                registration.put_replay(list(mirror.store), initial=True)
        if self.has_synced:
            registration.end_initial_set()
        self._registrations.append(registration)
        if self._group is not None:
            registration.schedule(asyncio.get_running_loop().time())
            self._group.create_task(registration.deliver(), name=f"{self.name}:{registration.name}")
        return registration

    def _forget(self, registration: Registration) -> None:
        self._owner.check()
        if registration in self._registrations:
            self._registrations.remove(registration)

    async def run(self) -> None:
        """Fill the cache and keep it until cancelled. Raises InformerStopped when run before."""
        if self._started:
            raise InformerStopped(f"informer {self.name} was started before; make a new one")
        self._started = True
        self._owner.claim()
        self._resync.start()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                now = asyncio.get_running_loop().time()
                for registration in self._registrations:
                    registration.schedule(now)
                    group.create_task(registration.deliver(), name=f"{self.name}:{registration.name}")
                if self._resync.check_s > 0:
                    group.create_task(self._replay(now), name=f"{self.name}:resync")
                await self._reflect()
        finally:
            self.close()

    def close(self) -> None:
        """Take no more handlers and end those that listen; `run` does it at its end."""
        self._started = self._stopped = True
        for registration in self._registrations:
            registration.end()

    async def _reflect(self) -> None:
        """All reflectors; they end, and only then the handlers' tasks do."""
        async with asyncio.TaskGroup() as group:
            for mirror in self.mirrors:
                group.create_task(mirror.reflector.run(), name=f"reflector:{mirror.reflector.name}")

    async def _replay(self, tick: float) -> None:
        """At every check period, replay the stores to the handlers that are due."""
        clock = asyncio.get_running_loop().time
        while True:
            tick = max(tick + self._resync.check_s, clock())
            await asyncio.sleep(tick - clock())
            due = [registration for registration in self._registrations if registration.is_due(tick)]
            records = [record for mirror in self.mirrors for record in mirror.store] if due else []
            for registration in due:
                registration.put_replay(records, initial=False)

    # --- the mirrors' audience ---

    def hear(self, events: Sequence[ObjectEvent]) -> None:
        """What changed in a store goes to every handler."""
        for registration in self._registrations:
            registration.put(events)
        self._progress.set()

    def hear_first(self, records: Sequence[Record]) -> None:
        """A collection is there: it is part of every handler's initial set, which ends when all collections are."""
        complete = all(mirror.has_synced for mirror in self.mirrors)
        for registration in self._registrations:
            registration.put_replay(records, initial=True)
            if complete:
                registration.end_initial_set()
        if complete:
            self._synced.set()
        self.look_again()

    def look_again(self) -> None:
        """Wake up who waits for a state or a version."""
        if not self._settled.is_set() and all(mirror.is_settled for mirror in self.mirrors):
            self._settled.set()
        self._progress.set()


_PROGRESS = (
    ReflectorState.STOPPED,
    ReflectorState.ABSENT,
    ReflectorState.BACKOFF,
    ReflectorState.EMPTY,
    ReflectorState.LISTING,
    ReflectorState.STREAMING,
    ReflectorState.SYNCED,
    ReflectorState.WATCHING,
)
