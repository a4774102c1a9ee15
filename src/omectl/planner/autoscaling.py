"""Replicas of a component: bounds, autoscaler, disruption budget."""

from dataclasses import dataclass

from omectl.api.json import JsonObject
from omectl.api.labels import AUTOSCALER_CLASS, TARGET_UTILIZATION
from omectl.planner.component import Component
from omectl.planner.metadata import Metadata
from omectl.planner.names import ROUTER
from omectl.planner.result import PlanRefused, Reason, Scale
from omectl.planner.workloads.raw import object_metadata

_DEFAULT_UTILIZATION = 80


@dataclass(frozen=True, slots=True)
class Replicas:
    """Bounds, both at least 1."""

    least: int
    most: int


def replicas(component: Component) -> Replicas:
    """The service's bounds, else the runtime's, else 1 to 3 (a router: 1 to 2). An upper bound of 0 is absent."""
    stated_least, stated_most = component.scaling.min_replicas, component.scaling.max_replicas
    least = max(stated_least if stated_least is not None else 1, 1)
    most = stated_most or (2 if component.name == ROUTER else 3)
    return Replicas(least, max(most, least))


def scale(component: Component) -> Scale:
    """The bounds as they hold: what something else scales has no upper one that is known here."""
    bounds = replicas(component)
    most = None if _scaled_by_others(component) else bounds.most
    return Scale(component=component.name, pods=component.pods, least=bounds.least, most=most)


def autoscaler(component: Component, metadata: Metadata) -> JsonObject | None:
    """The HorizontalPodAutoscaler; None when something else scales the component. Raises `PlanRefused`."""
    if _scaled_by_others(component):
        return None
    bounds = replicas(component)
    target: JsonObject = {"type": "Utilization", "averageUtilization": _utilization(component)}
    metric = component.scaling.scale_metric or "cpu"
    if metric not in ("cpu", "memory"):
        message = (
            f"spec.{component.name}.scaleMetric: wanted cpu or memory for a HorizontalPodAutoscaler, found {metric}"
        )
        raise PlanRefused(Reason.INVALID_SPEC, message, "choose one of them; others need KEDA, which is not there yet")
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": object_metadata(component, component.object_name, metadata.labels, metadata.annotations),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": component.object_name},
            "minReplicas": bounds.least,
            "maxReplicas": bounds.most,
            "metrics": [{"type": "Resource", "resource": {"name": metric, "target": target}}],
        },
    }


def disruption_budget(component: Component, metadata: Metadata) -> JsonObject:
    """The PodDisruptionBudget; by default one pod may be away. Raises `PlanRefused`."""
    least, most = component.scaling.min_available, component.scaling.max_unavailable
    if least is not None and most is not None:
        message = f"{component.name}: minAvailable and maxUnavailable are both set, and only one of them may be"
        raise PlanRefused(Reason.INVALID_SPEC, message, f"remove one of them from spec.{component.name}")
    bound: JsonObject = (
        {"minAvailable": least} if least is not None else {"maxUnavailable": 1 if most is None else most}
    )
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": object_metadata(component, component.object_name, metadata.labels, metadata.annotations),
        "spec": {"selector": {"matchLabels": {"app": component.app}}, **bound},
    }


def _scaled_by_others(component: Component) -> bool:
    return component.annotations.get(AUTOSCALER_CLASS) == "external"


def _utilization(component: Component) -> int:
    text = component.annotations.get(TARGET_UTILIZATION)
    if text is None:
        return component.scaling.scale_target or _DEFAULT_UTILIZATION
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 100:
        return int(text)
    message = f"annotation {TARGET_UTILIZATION}: wanted a whole number from 1 to 100, found {text!r}"
    raise PlanRefused(Reason.INVALID_SPEC, message, "correct the annotation")
