"""Which events are worth a reconcile.

A predicate answers whether to keep an event; several on one source must all keep it, so put the cheap ones first. Most
compare headers and so cost no decoding. Creations and deletions pass unless a predicate says otherwise; an update whose
state before is not known passes none of those that compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from omectl.api.document import at
from omectl.api.json import JsonObject
from omectl.api.matching import matches_labels
from omectl.informers.events import EventType, ObjectEvent

Predicate: TypeAlias = Callable[[ObjectEvent], bool]


def generation_changed(event: ObjectEvent) -> bool:
    """Updates only when the spec moved.

    Hides changes of labels, annotations, finalizers and status; and of anything at all on kinds whose generation never
    moves (ConfigMap, Secret, Service, Node). The mark of deletion moves the generation of our kinds.
    """
    old = event.old_header
    return event.type is not EventType.UPDATED or (old is not None and old.generation != event.header.generation)


def resource_version_changed(event: ObjectEvent) -> bool:
    """Updates only when the object was written: no replays after a relist."""
    old = event.old_header
    return event.type is not EventType.UPDATED or (
        old is not None and old.resource_version != event.header.resource_version
    )


def labels_changed(event: ObjectEvent) -> bool:
    """Updates only when a label moved."""
    old = event.old_header
    return event.type is not EventType.UPDATED or (old is not None and old.labels != event.header.labels)


def deletion_started(event: ObjectEvent) -> bool:
    """Updates only when the object began to wait for its finalizers."""
    old = event.old_header
    return event.type is not EventType.UPDATED or (old is not None and event.header.deleting and not old.deleting)


def content_changed(part: Callable[[JsonObject], object]) -> Predicate:
    """Updates only when `part(object)` differs, for example `lambda node: node.get("spec")`; decodes both objects."""

    def keep(event: ObjectEvent) -> bool:
        if event.type is not EventType.UPDATED:
            return True
        old = event.old_object()
        return old is not None and part(old) != part(event.object())

    return keep


def annotations_changed(event: ObjectEvent) -> bool:
    """Updates only when an annotation moved; decodes both objects."""
    return _annotations_changed(event)


def has_labels(selector: JsonObject) -> Predicate:
    """Objects that a `metav1.LabelSelector` selects, before or after the change."""

    def keep(event: ObjectEvent) -> bool:
        old = event.old_header
        return matches_labels(selector, event.header.labels) or (
            old is not None and matches_labels(selector, old.labels)
        )

    return keep


def in_namespace(namespace: str) -> Predicate:
    """Objects of one namespace."""
    return lambda event: event.key.namespace == namespace


def named(name: str) -> Predicate:
    """Objects of one name, in whatever namespace."""
    return lambda event: event.key.name == name


def on(
    *,
    created: Predicate | bool = True,
    updated: Predicate | bool = True,
    deleted: Predicate | bool = True,
) -> Predicate:
    """A rule per type of event."""
    rules: Mapping[EventType, Predicate | bool] = {
        EventType.ADDED: created,
        EventType.UPDATED: updated,
        EventType.DELETED: deleted,
    }

    def keep(event: ObjectEvent) -> bool:
        rule = rules[event.type]
        return rule if isinstance(rule, bool) else rule(event)

    return keep


def any_of(*predicates: Predicate) -> Predicate:
    """Events that one of the predicates keeps."""
    return lambda event: any(predicate(event) for predicate in predicates)


def all_of(*predicates: Predicate) -> Predicate:
    """Events that all of the predicates keep."""
    return lambda event: all(predicate(event) for predicate in predicates)


def none_of(*predicates: Predicate) -> Predicate:
    """Events that none of the predicates keeps."""
    return lambda event: not any(predicate(event) for predicate in predicates)


def _annotations(obj: JsonObject) -> object:
    return at(obj, "metadata", "annotations") or {}


_annotations_changed = content_changed(_annotations)

WITHOUT_MEMORY: frozenset[Predicate] = frozenset(
    (generation_changed, resource_version_changed, labels_changed, annotations_changed, deletion_started)
)
"""Predicates that keep a change which sums up several whenever they would have kept one of them."""
