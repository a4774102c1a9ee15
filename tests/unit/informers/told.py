"""Handlers that remember, and objects made by hand."""

from collections.abc import Iterable

from omectl.api.resource import ObjectKey
from omectl.informers import EventType, Header, ObjectEvent
from omectl.informers.record import Record


class Told:
    """A handler that remembers."""

    def __init__(self) -> None:
        self.events: list[ObjectEvent] = []

    def __call__(self, event: ObjectEvent) -> None:
        self.events.append(event)

    def lines(self) -> list[str]:
        flags = {(False, False): "", (True, False): " initial", (False, True): " resync"}
        return [f"{e.type.value} {e.key.name}{flags[e.initial, e.resync]}" for e in self.events]


def record(
    name: str,
    version: int = 1,
    *,
    namespace: str = "ns",
    uid: str = "",
    labels: dict[str, str] | None = None,
    data: str = "{}",
) -> Record:
    """An object as the cache keeps it; `data` is JSON."""
    header = Header(namespace, name, uid or f"uid-{name}", str(version), 0, labels or {}, (), deleting=False)
    body = f'{{"metadata":{{"name":"{name}","namespace":"{namespace}"}},"data":{data}}}'
    return Record(ObjectKey(namespace, name), header, body.encode())


def added(new: Record, *, initial: bool = False) -> ObjectEvent:
    return ObjectEvent(EventType.ADDED, new, initial=initial)


def updated(old: Record, new: Record, *, resync: bool = False) -> ObjectEvent:
    return ObjectEvent(EventType.UPDATED, new, old, resync=resync)


def deleted(last: Record, *, tombstone: bool = False) -> ObjectEvent:
    return ObjectEvent(EventType.DELETED, last, tombstone=tombstone)


def in_words(events: Iterable[ObjectEvent]) -> list[str]:
    """What each event says: "updated a 1>3 resync"."""
    lines: list[str] = []
    for event in events:
        old = f"{event.old_header.resource_version}>" if event.old_header is not None else ""
        flags = "".join(f" {flag}" for flag in ("initial", "resync", "tombstone") if getattr(event, flag))
        lines.append(f"{event.type.value} {event.key.name} {old}{event.header.resource_version}{flags}")
    return lines
