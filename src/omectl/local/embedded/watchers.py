"""The events of one watch. Pure: the storage's changes go in, lines ready to be sent come out."""

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum

import msgspec

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.kube.owners import metadata_of
from omectl.local.embedded.representations import Representation
from omectl.local.embedded.selectors import Selection
from omectl.local.embedded.served_kind import Resource
from omectl.local.embedded.storage import Change, Stored


class Closing(Enum):
    """How a watch ends."""

    CLEAN = "clean"
    RESET = "reset"


class Watcher:
    """One open watch: filters changes, keeps lines until they are taken.

    Told of changes in the order of their versions, of which those up to `after` are passed over; calls `wake` whenever
    there is something to take. A watch that was closed is told of nothing more.
    """

    def __init__(
        self,
        representation: Representation,
        namespace: str,
        selection: Selection,
        *,
        wake: Callable[[], None],
        after: int,
    ) -> None:
        self.representation = representation
        self.closing: Closing | None = None
        self._after = after
        self._resource = representation.served.shelf
        self._namespace = namespace
        self._selection = selection
        self._wake = wake
        self._lines: deque[bytes] = deque()

    @property
    def resource(self) -> Resource:
        """What is watched."""
        return self._resource

    def initial(self, objects: Iterable[Stored]) -> None:
        """Begin with what is there, as ADDED events."""
        for stored in objects:
            if self._selects(stored):
                self._lines.append(_line("ADDED", self.representation.one(stored)))

    def catch_up(self, changes: Iterable[Change]) -> None:
        """What happened between the version asked for and now."""
        for change in changes:
            self.offer(change)

    def offer(self, change: Change) -> None:
        """A change that has just been made; others' resources, namespaces and labels are passed over."""
        if change.resource != self._resource or change.version <= self._after or self.closing is not None:
            return
        was = change.before is not None and self._selects(change.before)
        now = change.after is not None and self._selects(change.after)
        if now:
            assert change.after is not None
            self._lines.append(_line("MODIFIED" if was else "ADDED", self.representation.one(change.after)))
        elif was:
            assert change.before is not None
            gone = self.representation.document(_at_version(change.before.obj, change.version))
            self._lines.append(_line("DELETED", gone))
        else:
            return
        self._wake()

    def bookmark(self, version: int, marker: str | None = None) -> None:
        """Say how far the watch is; with a marker, that the initial events are over."""
        self._lines.append(_line("BOOKMARK", self.representation.bookmark(version, marker)))
        self._wake()

    def fail(self, status: JsonObject) -> None:
        """End with an ERROR event."""
        self.inject(_line("ERROR", msgspec.json.encode(status)))
        self.close(Closing.CLEAN)

    def inject(self, line: bytes) -> None:
        """Send something that no storage ever said."""
        self._lines.append(line)
        self._wake()

    def close(self, closing: Closing) -> None:
        """End the watch after what it has to say; a reset says nothing more."""
        if self.closing is None:
            self.closing = closing
            if closing is Closing.RESET:
                self._lines.clear()
        self._wake()

    def take(self) -> list[bytes]:
        """The lines since the last call."""
        taken = list(self._lines)
        self._lines.clear()
        return taken

    def _selects(self, stored: Stored) -> bool:
        key: ObjectKey = stored.key
        return (not self._namespace or key.namespace == self._namespace) and self._selection.matches(stored.obj)


def _line(kind: str, obj: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + obj + b"}\n"


def _at_version(obj: JsonObject, version: int) -> JsonObject:
    return {**obj, "metadata": {**metadata_of(obj), "resourceVersion": str(version)}}
