"""Whom the Services of a component lead to while one workload takes the place of another.

As long as there are both, Services lead to every pod that serves, whosesoever it is: then no order of events leaves
them without one. That takes labels that all those pods have and no other, and equal ports. Where there are none, they
lead to the old pods until the new workload serves, and then to the new ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from omectl.api.document import as_object, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import COMPONENT
from omectl.planner.component import Component
from omectl.planner.inputs import LiveState, kind_in_words
from omectl.planner.names import ENGINE
from omectl.planner.workloads.raw import DEPLOYMENT, service_ports
from omectl.planner.workloads.table import WORKLOAD_KINDS, maker_of
from omectl.planner.workloads.workload import Workload, WorkloadKind, WorkloadState

_PREDICTOR: Final = "predictor"
PREDECESSORS: Final[Mapping[str, str]] = {_PREDICTOR: ENGINE}
"""Components of the old form, and what serves in their place."""


@dataclass(frozen=True, slots=True)
class _Old:
    """A live workload that another one is to replace; `component` is the label of its pods."""

    kind: WorkloadKind
    component: str
    state: WorkloadState
    pod: JsonObject

    @property
    def serves(self) -> bool:
        """Whether a pod of it serves, be they enough or not."""
        return self.state.available or (self.state.ready or 0) > 0


def in_service(workload: Workload, live: LiveState, count: int) -> Workload:
    """The workload as Services and routes are to see it: whose labels, ports and own Service they have."""
    olds = list(_olds(workload, live))
    found = _in_service(workload, olds, live, count)
    others = any(not kind.own_service for kind in (workload.of, *(old.kind for old in olds)))
    return replace(found, nameless=True) if found.of.own_service and others else found


def _in_service(workload: Workload, olds: list[_Old], live: LiveState, count: int) -> Workload:
    component = workload.component
    if not olds:
        # Pods that do not serve and have no probe count as ready until they are gone.
        return replace(workload, marks=workload.of.marks(component)) if _lingers(workload, live) else workload
    own = workload.of.state(live, component.object_name, count)
    serves = own is not None and own.available
    before = next((one for one in olds if one.serves), None)
    marks = _shared_marks(workload, olds)
    if marks is None:
        if serves or before is None:
            return replace(workload, marks=workload.of.marks(component))
        return _led_to(before, workload, before.kind.marks(component) if before.component == component.name else {})
    hands_over = serves and any(one.kind.own_service != workload.of.own_service for one in olds)
    return replace(workload, marks=marks) if hands_over or before is None else _led_to(before, workload, marks)


def _led_to(old: _Old, workload: Workload, marks: Mapping[str, str]) -> Workload:
    pods = old.component if old.component != workload.component.name else ""
    return replace(workload, of=old.kind, pod=old.pod or workload.pod, marks=marks, pods_of=pods)


def _olds(workload: Workload, live: LiveState) -> Iterator[_Old]:
    own = workload.component.name
    names = {own: own, **{old: new for old, new in PREDECESSORS.items() if new == own}}
    for component in names:
        for kind in WORKLOAD_KINDS.values():
            if (component == own and kind is workload.of) or (component != own and kind is not DEPLOYMENT):
                continue
            found = [one for one in _of_kind(kind, live) if at(one, "metadata", "labels", COMPONENT) == component]
            if found:
                state = kind.read(found, len(found))
                yield _Old(kind, component, state, as_object(at(found[0], *kind.template, "spec")))


def _of_kind(kind: WorkloadKind, live: LiveState) -> Iterator[JsonObject]:
    words = kind_in_words(kind.group, kind.kind)
    for (found, _), obj in live.children.items():
        if found == words and at(obj, "metadata", "deletionTimestamp") is None:
            yield obj


def _lingers(workload: Workload, live: LiveState) -> bool:
    """Whether there are pods of a kind that has some which do not serve."""
    groups = {kind.group_kind for kind in WORKLOAD_KINDS.values() if kind.serving and kind is not workload.of}
    return not workload.of.serving and any(
        maker_of(obj)[0] in groups and at(obj, "metadata", "labels", COMPONENT) == workload.component.name
        for (kind, _), obj in live.children.items()
        if kind == "Pod"
    )


def _shared_marks(workload: Workload, olds: list[_Old]) -> Mapping[str, str] | None:
    """Labels by which all pods that serve are told from all that do not; None where there are none, or other ports."""
    component = workload.component
    if any(old.component != component.name for old in olds):
        return None
    ports = _ports(component, workload.pod)
    if any(old.pod.get("containers") and _ports(component, old.pod) != ports for old in olds):
        return None
    kinds = (workload.of, *(old.kind for old in olds))
    marks = [kind.marks(component) for kind in kinds]
    shared = {key: value for key, value in marks[0].items() if all(one.get(key) == value for one in marks)}
    return shared if shared or not any(kind.serving for kind in kinds) else None


def _ports(component: Component, pod: JsonObject) -> list[tuple[JsonValue, JsonValue]]:
    return [(port.get("port"), port.get("protocol")) for port in service_ports(component, pod)]
