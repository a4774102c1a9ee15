"""Which children that the plan no longer holds may go now. Pure.

A workload that another one replaces stays, with the Service in front of it, until the new one serves and requests come
to that one: a change of the plan leaves no gap. So does a route that HTTPRoutes replace, until a Gateway's controller
has taken these; of routes of other kinds no controller says so. What nothing replaces goes at once.
"""

from collections.abc import Collection, Iterable

from omectl.api.document import as_text, at
from omectl.api.json import JsonObject
from omectl.api.labels import COMPONENT
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.apply import Applier
from omectl.kube.resources import INGRESSES
from omectl.kube.third_party_kinds import HTTP_ROUTES, VIRTUAL_SERVICES
from omectl.planner.routing import is_taken
from omectl.planner.workloads.succession import PREDECESSORS
from omectl.planner.workloads.table import WORKLOAD_KINDS

Child = tuple[ResourceKind, JsonObject]

_PLANNED = {kind.group_kind: kind for kind in WORKLOAD_KINDS.values()}
_WORKLOADS = frozenset(_PLANNED)
_OTHER_ROUTES = frozenset({INGRESSES.group_kind, VIRTUAL_SERVICES.group_kind})
_IN_FRONT = frozenset({"Service", "PodDisruptionBudget.policy"})


def stale_of(children: Iterable[Child], planned: Iterable[Child], owner: JsonObject) -> list[Child]:
    """The owner's children that are not among the live objects of its plan."""
    wanted = {_name(*child) for child in planned}
    return [child for child in children if _name(*child) not in wanted and Applier.is_child(child[1], owner)]


def waiting(stale: Iterable[Child], planned: Collection[Child]) -> frozenset[str]:
    """The components whose old workload serves until the new one does; `planned` are the live objects of the plan."""
    return frozenset(
        component
        for component in {component_of(obj) for kind, obj in stale if kind.group_kind in _WORKLOADS}
        if any(
            kind.group_kind in _WORKLOADS
            and component_of(obj) == PREDECESSORS.get(component, component)
            and not is_serving(kind, obj)
            for kind, obj in planned
        )
    )


def replaced(stale: Iterable[Child], planned: Iterable[Child]) -> tuple[list[Child], list[Child]]:
    """The old workloads that others replace, and these others."""
    workloads = [child for child in planned if child[0].group_kind in _WORKLOADS]
    there = {component_of(obj) for _, obj in workloads}
    old = [(kind, obj) for kind, obj in stale if kind.group_kind in _WORKLOADS and _successor(obj) in there]
    successors = {_successor(obj) for _, obj in old}
    return old, [(kind, obj) for kind, obj in workloads if component_of(obj) in successors]


def may_go(stale: Iterable[Child], planned: Iterable[Child], staying: Collection[str]) -> list[Child]:
    """The part of `stale` that can be deleted while the old workloads of the components `staying` have to stay."""
    pending = any(kind == HTTP_ROUTES and not is_taken(obj) for kind, obj in planned)
    return [
        (kind, obj)
        for kind, obj in stale
        if (component_of(obj) not in staying or kind.group_kind not in _WORKLOADS | _IN_FRONT)
        and not (pending and kind.group_kind in _OTHER_ROUTES)
    ]


def is_workload(kind: ResourceKind) -> bool:
    """Whether objects of that kind run a component's pods."""
    return kind.group_kind in _WORKLOADS


def is_serving(kind: ResourceKind, workload: JsonObject) -> bool:
    """Its controller has seen the newest spec and says that it is available, and it is not being deleted."""
    if at(workload, "metadata", "deletionTimestamp") is not None:
        return False
    generation, observed = at(workload, "metadata", "generation"), at(workload, "status", "observedGeneration")
    if isinstance(generation, int) and isinstance(observed, int) and observed < generation:
        return False
    planned = _PLANNED.get(kind.group_kind)
    return planned is not None and planned.read([workload], 1).available


def component_of(obj: JsonObject) -> str:
    """The component that a child is part of, "" for the service as a whole."""
    return as_text(at(obj, "metadata", "labels", COMPONENT))


def describe(children: Iterable[Child]) -> str:
    """Names for a message."""
    return ", ".join(f"{kind.kind} {key_of(obj).name}" for kind, obj in children)


def _successor(workload: JsonObject) -> str:
    component = component_of(workload)
    return PREDECESSORS.get(component, component)


def _name(kind: ResourceKind, obj: JsonObject) -> tuple[str, str, str]:
    return (kind.api_version, kind.kind, key_of(obj).name)
