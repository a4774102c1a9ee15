"""Which children that the plan no longer holds may go now. Pure.

A workload that another one replaces stays, with the Service in front of it, until the new one serves, and a Service
that both have goes on selecting the old pods: a change of the plan leaves no gap. What nothing replaces goes at once.
"""

from collections.abc import Collection, Iterable

from omectl.api.document import as_text, at
from omectl.api.json import JsonObject
from omectl.api.labels import COMPONENT
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.apply import Applier
from omectl.kube.resources import SERVICES
from omectl.planner.workloads.table import WORKLOAD_KINDS

Child = tuple[ResourceKind, JsonObject]

_PLANNED = {kind.group_kind: kind for kind in WORKLOAD_KINDS.values()}
_WORKLOADS = frozenset({*_PLANNED, "StatefulSet.apps"})
_IN_FRONT = frozenset({"Service", "PodDisruptionBudget.policy"})
_COMPONENTS = frozenset({"predictor", "engine", "decoder", "router"})
_REPLACED_BY = {"predictor": "engine"}
"""Components of the old form, and what serves in their place."""


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
            and component_of(obj) == _REPLACED_BY.get(component, component)
            and not is_serving(kind, obj)
            for kind, obj in planned
        )
    )


def may_go(stale: Iterable[Child], planned: Collection[Child]) -> list[Child]:
    """The part of `stale` that can be deleted now; `planned` are the live objects of the plan."""
    found = list(stale)
    staying = waiting(found, planned)
    return [
        (kind, obj)
        for kind, obj in found
        if component_of(obj) not in staying or kind.group_kind not in _WORKLOADS | _IN_FRONT
    ]


def is_held(kind: ResourceKind, component: str, staying: frozenset[str]) -> bool:
    """Whether an object that is there is left as it is while `staying` components wait for their new workload.

    What selects pods goes on selecting those that serve; the service's own objects follow whatever component it is.
    """
    names = staying | {_REPLACED_BY.get(one, one) for one in staying}
    return bool(staying) and kind == SERVICES and (component in names or component not in _COMPONENTS)


def is_serving(kind: ResourceKind, workload: JsonObject) -> bool:
    """The workload's controller has seen its newest spec and says that it is available."""
    generation, observed = at(workload, "metadata", "generation"), at(workload, "status", "observedGeneration")
    if isinstance(generation, int) and isinstance(observed, int) and observed < generation:
        return False
    planned = _PLANNED.get(kind.group_kind)
    return planned is not None and planned.read([workload], 1).available


def is_workload(kind: ResourceKind) -> bool:
    """Whether objects of the kind run pods."""
    return kind.group_kind in _WORKLOADS


def component_of(obj: JsonObject) -> str:
    """The component that a child is part of, "" for the service as a whole."""
    return as_text(at(obj, "metadata", "labels", COMPONENT))


def describe(children: Iterable[Child]) -> str:
    """Names for a message."""
    return ", ".join(f"{kind.kind} {key_of(obj).name}" for kind, obj in children)


def _name(kind: ResourceKind, obj: JsonObject) -> tuple[str, str, str]:
    return (kind.api_version, kind.kind, key_of(obj).name)
