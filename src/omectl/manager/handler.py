"""Which keys an event of a watched object queues.

A handler answers keys; the source removes doubles and chooses the priority. It may read caches and must not block.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers.events import EventType, ObjectEvent
from omectl.informers.header import Header

K = TypeVar("K", bound=Hashable)

Handler: TypeAlias = Callable[[ObjectEvent], Iterable[K]]


@dataclass(frozen=True, slots=True)
class KeyOnly(Generic[K]):
    """A handler that keeps nothing between events: one change that sums up many queues what matters of them.

    A source lets the informer coalesce for it. Wrap a handler of your own when that is true of it.
    """

    handle: Handler[K]

    def __call__(self, event: ObjectEvent) -> Iterable[K]:
        return self.handle(event)


def enqueue_object() -> KeyOnly[ObjectKey]:
    """The object itself."""

    def handle(event: ObjectEvent) -> tuple[ObjectKey, ...]:
        return (event.key,)

    return KeyOnly(handle)


def enqueue_owner(owner: ResourceKind, *, only_controller: bool = True) -> KeyOnly[ObjectKey]:
    """The owners of kind `owner` (group and kind count, the version does not), before and after the change."""

    def owners(header: Header) -> list[ObjectKey]:
        namespace = header.namespace if owner.namespaced else ""
        return [
            ObjectKey(namespace, reference.name)
            for reference in header.owners
            if reference.kind == owner.kind
            and _group(reference.api_version) == owner.group
            and (reference.controller or not only_controller)
        ]

    def handle(event: ObjectEvent) -> list[ObjectKey]:
        found = owners(event.header)
        if event.old_header is not None:
            found.extend(owners(event.old_header))
        return found

    return KeyOnly(handle)


def enqueue_mapped(map_event: Callable[[ObjectEvent], Iterable[K]], *, also_before: bool = False) -> Handler[K]:
    """What `map_event` answers; it is called once per event and may look at the state before.

    With `also_before` it is called a second time for an update, with an event whose object is the one before: for maps
    that only know how to read an object.
    """
    if not also_before:
        return map_event

    def handle(event: ObjectEvent) -> Iterable[K]:
        if event.old_record is None:
            return map_event(event)
        before = ObjectEvent(event.type, event.old_record, initial=event.initial, resync=event.resync)
        return [*map_event(event), *map_event(before)]

    return handle


def enqueue_by_type(
    *,
    created: Handler[K] | None = None,
    updated: Handler[K] | None = None,
    deleted: Handler[K] | None = None,
) -> Handler[K]:
    """A handler per type of event; a type without one queues nothing."""
    handlers = {EventType.ADDED: created, EventType.UPDATED: updated, EventType.DELETED: deleted}

    def handle(event: ObjectEvent) -> Iterable[K]:
        chosen = handlers[event.type]
        return () if chosen is None else chosen(event)

    return handle


def _group(api_version: str) -> str | None:
    """ "" is the core group. What is no API version gives what is no kind's group; no server would have stored it."""
    group, _, version = api_version.rpartition("/")
    return group if version else None
