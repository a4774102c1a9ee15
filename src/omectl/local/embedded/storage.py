"""The objects and what happened to them. Pure and synchronous.

One counter numbers every change of every kind; a change is told to the listeners before the call that made it returns.
What is stored is never changed in place: who wants another state commits a new tree.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from omectl.api.document import as_object
from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.local.embedded import statuses
from omectl.local.embedded.served_kind import Resource
from omectl.local.embedded.statuses import VersionTooNew

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Stored:
    """An object at one version: the tree (not to be changed), and the same as compact JSON."""

    key: ObjectKey
    obj: JsonObject
    version: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit did. `after` is None for a deletion; then `before` is what was there."""

    resource: Resource
    version: int
    before: Stored | None
    after: Stored | None


Listener: TypeAlias = Callable[[Change], None]
State: TypeAlias = dict[ObjectKey, Stored]


@dataclass(slots=True)
class _Shelf:
    objects: State = field(default_factory=dict[ObjectKey, Stored])
    history: deque[Change] = field(default_factory=deque[Change])
    floor: int = 0
    """Changes after this version are all in `history`."""
    moved: int = 0
    """The version of the last change."""


class Storage:
    """Every object, by resource and key, with a bounded history per resource of `history_length` changes."""

    def __init__(self, history_length: int = 10_000) -> None:
        self._history_length = history_length
        self._shelves: dict[Resource, _Shelf] = {}
        self._version = 1
        self._compacted = 0
        self._forgotten = 0
        self._listeners: list[Listener] = []

    @property
    def version(self) -> int:
        """The newest resource version."""
        return self._version

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every change, at once and in order."""
        self._listeners.append(listener)

    def get(self, resource: Resource, key: ObjectKey) -> Stored | None:
        """The object now."""
        return self._shelf(resource).objects.get(key)

    def state(self, resource: Resource) -> State:
        """All objects now."""
        return self._shelf(resource).objects

    def moved(self, resource: Resource) -> int:
        """The version of the resource's last change; 0 before the first."""
        return self._shelf(resource).moved

    def commit(self, resource: Resource, key: ObjectKey, obj: JsonObject | None) -> Stored | None:
        """Store a tree that from now on nobody else changes, or delete (None). Returns what is stored."""
        shelf = self._shelf(resource)
        self._version += 1
        before = shelf.objects.get(key)
        after: Stored | None = None
        if obj is None:
            shelf.objects.pop(key, None)
        else:
            as_object(obj.get("metadata"))["resourceVersion"] = str(self._version)
            after = shelf.objects[key] = Stored(key, obj, self._version, _encode(obj))
        change = Change(resource, self._version, before, after)
        shelf.moved = self._version
        shelf.history.append(change)
        while len(shelf.history) > self._history_length:
            shelf.floor = shelf.history.popleft().version
        for listener in self._listeners:
            listener(change)
        return after

    def state_at(self, resource: Resource, version: int) -> State:
        """All objects as they were at a version. Raises VersionTooNew, Refusal (410) when it is forgotten."""
        self.await_version(version)
        shelf = self._shelf(resource)
        if version < max(shelf.floor, self._compacted):
            raise statuses.list_expired()
        state = dict(shelf.objects)
        for change in reversed(shelf.history):
            if change.version <= version:
                break
            stored = change.before or change.after
            assert stored is not None
            if change.before is None:
                state.pop(stored.key, None)
            else:
                state[stored.key] = change.before
        return state

    def remembers(self, resource: Resource, version: int) -> bool:
        """Whether a list at this version can still be told."""
        return version >= max(self._shelf(resource).floor, self._compacted)

    def changes_after(self, resource: Resource, version: int) -> list[Change]:
        """What happened since a version. Raises Refusal (410) when some of it is forgotten."""
        shelf = self._shelf(resource)
        if version < shelf.floor:
            raise statuses.version_expired(version, shelf.floor)
        return [change for change in shelf.history if change.version > version]

    def await_version(self, version: int) -> None:
        """Raises VersionTooNew when the version lies in the future."""
        if version > self._version:
            raise VersionTooNew(version, self._version)

    def compact(self) -> None:
        """Forget the past for lists: exact versions and continue tokens expire, watches go on."""
        self._compacted = self._version

    def forget(self) -> None:
        """Forget the past for watches and lists: whoever resumes from the newest version or before it is too late.

        The counter moves on, as it does by the writes of a starting server.
        """
        self._version += 1
        self._compacted = self._forgotten = self._version
        for shelf in self._shelves.values():
            shelf.history.clear()
            shelf.floor = self._version

    def _shelf(self, resource: Resource) -> _Shelf:
        shelf = self._shelves.get(resource)
        if shelf is None:
            # A kind that is served for the first time remembers from the last time that all was forgotten.
            shelf = self._shelves[resource] = _Shelf(floor=self._forgotten)
        return shelf
