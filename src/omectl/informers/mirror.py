"""One collection of an informer: a reflector, and the store that it fills."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers.events import ObjectEvent
from omectl.informers.lister_watcher import ListerWatcher
from omectl.informers.record import Record, RecordReader, Transform
from omectl.informers.reflector import Reflector
from omectl.informers.reflector_state import ReflectorOptions
from omectl.informers.store import Store
from omectl.informers.threads import LoopOwner


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What one reflector lists and watches; `namespace` "" is every namespace, or the rest of them.

    `name` "" is the informer's.
    """

    source: ListerWatcher
    name: str = ""
    namespace: str = ""
    transform: Transform | None = None


class Audience(Protocol):
    """Whom a mirror tells, after its store has changed."""

    def hear(self, events: Sequence[ObjectEvent]) -> None:
        """What changed, maybe nothing; the version has moved."""
        ...

    def hear_first(self, records: Sequence[Record]) -> None:
        """The whole collection, for the first time."""
        ...

    def look_again(self) -> None:
        """The mirror's state or version has moved."""
        ...


class Mirror:
    """The sink of one reflector. Owned by one event loop; the store changes before anybody hears of it."""

    def __init__(
        self,
        name: str,
        kind: ResourceKind,
        collection: Collection,
        audience: Audience,
        owner: LoopOwner,
        *,
        metadata_only: bool,
        options: ReflectorOptions | None,
    ) -> None:
        self.namespace = collection.namespace
        self.store = Store(name)
        self.reader = RecordReader(kind, collection.transform, metadata_only=metadata_only)
        self.reflector = Reflector(name, collection.source, self.reader, self, options)
        self.has_synced = False
        self.is_settled = False
        self._audience = audience
        self._owner = owner

    @property
    def store_bytes(self) -> int:
        """Size of the stored objects' JSON."""
        return sum(len(record.body) for record in self.store)

    def describe(self) -> str:
        """Where the reflector is and what went wrong last, in words."""
        error = self.reflector.last_error
        return f"{self.reflector.name} ({self.reflector.where}{f': {error}' if error is not None else ''})"

    def statistics(self) -> JsonObject:
        """Counts and state, as JSON."""
        reflector: dict[str, JsonValue] = dict(asdict(self.reflector.statistics))
        return {
            "name": self.reflector.name,
            "state": self.reflector.state.value,
            "synced": self.has_synced,
            "objects": len(self.store),
            "resource_version": self.store.resource_version,
            "skipped": self.reader.skipped,
            "transform_errors": self.reader.transform_errors,
            "index_errors": self.store.index_errors,
            "reflector": reflector,
        }

    def replace(self, records: dict[ObjectKey, Record], resource_version: str) -> None:
        """The whole collection: missing objects become deletes, then the rest in the server's order."""
        self._owner.check()
        if self.has_synced:
            self._audience.hear(self.store.replace(records, resource_version))
        else:
            self.store.fill(records, resource_version)
            self.has_synced = self.is_settled = True
            self._audience.hear_first(list(self.store))

    def change(self, event_type: str, record: Record) -> None:
        """One event of the watch."""
        self._owner.check()
        self._audience.hear(self.store.remove(record) if event_type == "DELETED" else self.store.put(record))

    def bookmark(self, resource_version: str) -> None:
        """Nothing changed up to this version."""
        self._owner.check()
        self.store.bookmark(resource_version)
        self._audience.look_again()

    def absent(self) -> None:
        """The server does not serve the kind."""
        self._owner.check()
        self.is_settled = True
        self._audience.look_again()
