"""What a live autoscaler says is wrong with it."""

from collections.abc import Iterator
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, at
from omectl.api.json import JsonObject
from omectl.planner.inputs import LiveState
from omectl.planner.scaling.scaling import Scaling

_BAD: Final = {
    "ScaledObject": {"Ready": "False", "Paused": "True", "Fallback": "True", "HPAActive": "False"},
    "HorizontalPodAutoscaler": {"AbleToScale": "False", "ScalingActive": "False"},
}
"""Conditions, and the status of each that is a fault."""
_SAYS: Final = {
    "Ready": "does not work",
    "Paused": "is paused",
    "Fallback": "cannot read a trigger and keeps to its fallback",
    "HPAActive": "does not scale",
    "AbleToScale": "cannot set the replicas",
    "ScalingActive": "does not scale",
}
_CHANGING: Final = frozenset({"HPAActive", "AbleToScale", "ScalingActive"})
"""Conditions whose message names another pod each time; their reason is told alone."""
_NUMBERS: Final = ("desiredReplicas", "lastScaleTime")
_NO_FAULT: Final = frozenset({"ScalingDisabled", "FailedGetResourceMetric"})
"""Reasons of a HorizontalPodAutoscaler whose workload is at zero, and of every one while its pods are new."""


def scaler_fault(scaling: Scaling, live: LiveState) -> str:
    """The first fault with what to do next, "" for none, for one that is to rest or that nobody looked at yet."""
    if scaling.scaler is None or scaling.stopped:
        return ""
    kind, name = as_text(scaling.scaler.get("kind")), as_text(at(scaling.scaler, "metadata", "name"))
    found = next(_faults(kind, live.get(kind, name) or {}), None)
    if found is None:
        return ""
    condition = as_text(found.get("type"))
    message = as_text(found.get("message")) if condition not in _CHANGING else ""
    told = ": ".join(filter(None, (f"{kind} {name} {_SAYS[condition]}", as_text(found.get("reason")), message)))
    step = f"kubectl describe {kind.lower()} {name}"
    if condition == "Paused":
        step = "take the annotation off that pauses it"
    return f"{told}; next: {step}"


def _faults(kind: str, obj: JsonObject) -> Iterator[JsonObject]:
    conditions = {as_text(one.get("type")): one for one in as_objects(at(obj, "status", "conditions"))}
    for name, status in _BAD[kind].items():
        found = conditions.get(name, {})
        if found.get("status") == status and found.get("reason") not in _NO_FAULT:
            yield found


def scaler_numbers(scaling: Scaling, live: LiveState) -> JsonObject:
    """How many replicas a live HorizontalPodAutoscaler wants, and since when; empty of any other scaler.

    One that has measured nothing yet wants 0, which means nothing. KEDA's number is in an object of its own, and
    follows in that of the workload.
    """
    if scaling.scaler is None:
        return {}
    kind, name = as_text(scaling.scaler.get("kind")), as_text(at(scaling.scaler, "metadata", "name"))
    status = as_object(at(live.get(kind, name) or {}, "status"))
    return {key: status[key] for key in _NUMBERS if status.get(key)}
