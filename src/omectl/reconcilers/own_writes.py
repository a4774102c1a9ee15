"""Which events a controller need not look at: those of its own writes, when it knew all that was there before them."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from omectl.api.document import as_text, at
from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.informers import EventType, ObjectEvent
from omectl.manager import Predicate

_Place = tuple[ResourceKind, ObjectKey]


class OwnWrites:
    """Remembers the version of each object that was written last, until its event comes.

    Only what was made, or written over the very version that the pass had seen, may be noted: of everything else the
    event may tell of somebody's change too. The event often comes before the write's answer: so it is held while the
    write is under way, and `look` is told to look again when it turns out to be another's.
    """

    def __init__(self, look: Callable[[ObjectKey], None]) -> None:
        self._look = look
        self._versions: dict[_Place, str] = {}
        self._held: dict[_Place, list[str]] = {}

    @contextmanager
    def writing(self, kind: ResourceKind, key: ObjectKey, owner: ObjectKey) -> Generator[None]:
        """A write of the object is under way, for `owner`."""
        place = (kind, key)
        held = self._held[place] = []
        try:
            yield
        finally:
            del self._held[place]
            noted = self._versions.get(place)
            if noted in held:
                del self._versions[place]
            if any(version != noted for version in held):
                self._look(owner)

    def note(self, kind: ResourceKind, obj: JsonObject) -> None:
        """The object as the server answered, before `writing` ends."""
        self._versions[kind, key_of(obj)] = as_text(at(obj, "metadata", "resourceVersion"))

    def news(self, kind: ResourceKind) -> Predicate:
        """A predicate that keeps every event of that kind but those of noted writes."""

        def keep(event: ObjectEvent) -> bool:
            place = (kind, event.key)
            if event.type is EventType.DELETED:
                self._versions.pop(place, None)
                return True
            version = event.header.resource_version
            if place in self._held:
                self._held[place].append(version)
                return False
            if self._versions.get(place) != version:
                return True
            del self._versions[place]
            return False

        return keep
