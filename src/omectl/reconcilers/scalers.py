"""Autoscalers as children: when one has to go before another one comes, and what of them is worth a pass. Pure.

KEDA's admission refuses a ScaledObject for a workload that a HorizontalPodAutoscaler has, and two autoscalers of one
workload scale nothing. So of two the old one goes first. The number is the workload's own: nobody changes it meanwhile.
"""

from collections.abc import Iterable
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.resources import HORIZONTAL_POD_AUTOSCALERS
from omectl.kube.third_party_kinds import SCALED_OBJECTS
from omectl.reconcilers.pruning import Child

SCALER_KINDS: Final = (HORIZONTAL_POD_AUTOSCALERS, SCALED_OBJECTS)
_SCALERS: Final = frozenset(kind.group_kind for kind in SCALER_KINDS)
_NOISE: Final = frozenset({"managedFields", "resourceVersion"})


def displaced(children: Iterable[Child], planned: Iterable[Child]) -> list[Child]:
    """The scalers among `children` whose workload gets another one by the plan; `planned` can all be written."""
    coming = {_target(obj): (kind.group_kind, key_of(obj).name) for kind, obj in planned if kind.group_kind in _SCALERS}
    return [
        (kind, obj)
        for kind, obj in children
        if kind.group_kind in _SCALERS
        and coming.get(_target(obj), (kind.group_kind, key_of(obj).name)) != (kind.group_kind, key_of(obj).name)
    ]


def scalers_of(children: Iterable[Child], kind: ResourceKind, name: str) -> list[Child]:
    """The scalers among `children` of the workload of that kind and name."""
    return [child for child in children if child[0] in SCALER_KINDS and _target(child[1]) == (kind.kind, name)]


def what_scalers_say(scaler: JsonObject) -> JsonValue:
    """A scaler without what it writes all the time: measures, and messages that name one pod after the other."""
    metadata: JsonObject = {
        name: value for name, value in as_object(scaler.get("metadata")).items() if name not in _NOISE
    }
    told = ("type", "status", "reason")
    if scaler.get("kind") == SCALED_OBJECTS.kind:
        told = (*told, "message")
    conditions: list[JsonValue] = [
        [one.get(name) for name in told] for one in as_objects(at(scaler, "status", "conditions"))
    ]
    numbers = [at(scaler, "status", name) for name in ("desiredReplicas", "lastScaleTime")]
    return [metadata, scaler.get("spec"), conditions, numbers]


def _target(scaler: JsonObject) -> tuple[str, str]:
    reference = at(scaler, "spec", "scaleTargetRef")
    return as_text(at(reference, "kind")), as_text(at(reference, "name"))
