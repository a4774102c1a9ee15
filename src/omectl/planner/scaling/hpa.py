"""The HorizontalPodAutoscaler of a component, `autoscaling/v2`."""

from typing import Final

from omectl.api.autoscaler import HpaSpec
from omectl.api.document import as_object, as_objects, as_text
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import METRICS, TARGET_UTILIZATION
from omectl.api.quantity import Quantity, QuantityError
from omectl.planner.component import Component
from omectl.planner.metadata import Metadata
from omectl.planner.scaling.bounds import Replicas
from omectl.planner.scaling.target import ScaleTarget, invalid
from omectl.planner.workloads.raw import object_metadata

DEFAULT_UTILIZATION: Final = 80
_RESOURCES: Final = ("cpu", "memory")

_SOURCES: Final = {
    "Resource": ("resource", ("name",)),
    "ContainerResource": ("containerResource", ("name", "container")),
    "Pods": ("pods", ("metric.name",)),
    "Object": ("object", ("metric.name", "describedObject.kind", "describedObject.name")),
    "External": ("external", ("metric.name",)),
}
"""Of each type of metric the field with its source, and the texts that there have to be."""
_TARGETS: Final = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
_TARGETS_OF: Final = {
    "Resource": ("Utilization", "AverageValue"),
    "ContainerResource": ("Utilization", "AverageValue"),
    "Pods": ("AverageValue",),
    "Object": ("Value", "AverageValue"),
    "External": ("Value", "AverageValue"),
}
_DIRECTIONS: Final = ("scaleUp", "scaleDown")
_LONGEST_WINDOW_S: Final = 3600


def horizontal_pod_autoscaler(
    component: Component, metadata: Metadata, target: ScaleTarget, bounds: Replicas, stated: HpaSpec | None
) -> JsonObject:
    """`stated` are the metrics and behaviour of an `autoscaler` block. Raises `PlanRefused`."""
    where = f"{component.origin('autoscaler')}.hpa"
    metrics: list[JsonValue] = []
    if stated is not None and stated.metrics:
        metrics += [_checked(metric, f"{where}.metrics[{place}]") for place, metric in enumerate(stated.metrics)]
    else:
        metrics.append(_default_metric(component))
    spec: JsonObject = {
        "scaleTargetRef": target.reference,
        "minReplicas": bounds.least,
        "maxReplicas": bounds.most,
        "metrics": metrics,
    }
    if stated is not None and stated.behavior:
        spec["behavior"] = _checked_behavior(stated.behavior, f"{where}.behavior")
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": object_metadata(component, component.object_name, metadata.labels, metadata.annotations),
        "spec": spec,
    }


def utilization(component: Component) -> int:
    """The share of its request that a resource is to be used at, in percent. Raises `PlanRefused`."""
    text = component.annotations.get(TARGET_UTILIZATION)
    if text is None:
        found = component.scaling.scale_target
        if found is not None and not 0 <= found <= 100:
            raise invalid(component.origin("scaleTarget"), "a percentage from 1 to 100", found, "correct it")
        return found or DEFAULT_UTILIZATION
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 100:
        return int(text)
    wanted = "a whole number from 1 to 100"
    raise invalid(f"annotation {TARGET_UTILIZATION}", wanted, repr(text), "correct the annotation")


def _default_metric(component: Component) -> JsonObject:
    metric = component.scaling.scale_metric or component.annotations.get(METRICS) or "cpu"
    if metric not in _RESOURCES:
        field = component.origin("scaleMetric") if component.scaling.scale_metric else f"annotation {METRICS}"
        wanted = "cpu or memory for a HorizontalPodAutoscaler"
        remedy = f"choose one of them, or have KEDA scale the {component.name} (autoscaler.class KEDA)"
        raise invalid(field, wanted, metric, remedy)
    target: JsonObject = {"type": "Utilization", "averageUtilization": utilization(component)}
    return {"type": "Resource", "resource": {"name": metric, "target": target}}


def _checked(metric: JsonObject, where: str) -> JsonObject:
    """The metric as it was written, when Kubernetes can read it. Raises `PlanRefused`."""
    remedy = "write it as an autoscaling/v2 metric"
    kind = as_text(metric.get("type"))
    if kind not in _SOURCES:
        raise invalid(f"{where}.type", f"one of {', '.join(_SOURCES)}", kind or "nothing", remedy)
    name, texts = _SOURCES[kind]
    source = as_object(metric.get(name))
    for text in texts:
        if not _text_at(source, text):
            raise invalid(f"{where}.{name}.{text}", "a name", "nothing", remedy)
    target = as_object(source.get("target"))
    found = as_text(target.get("type"))
    if found not in _TARGETS_OF[kind]:
        raise invalid(f"{where}.{name}.target.type", " or ".join(_TARGETS_OF[kind]), found or "nothing", remedy)
    field = _TARGETS[found]
    _check_amount(target.get(field), found, f"{where}.{name}.target.{field}")
    return metric


def _check_amount(value: JsonValue, kind: str, where: str) -> None:
    if kind == "Utilization":
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise invalid(where, "a whole number of percent, 1 or more", value, "correct it")
        return
    try:
        amount = Quantity.parse(value) if isinstance(value, int | str) else None
    except QuantityError:
        amount = None
    if amount is None or amount.amount <= 0:
        raise invalid(where, "a quantity above 0, such as 10 or 500m", value, "correct it")


def _checked_behavior(behavior: JsonObject, where: str) -> JsonObject:
    for other in sorted(behavior.keys() - _DIRECTIONS):
        raise invalid(where, " and ".join(_DIRECTIONS), other, "remove it")
    for direction in _DIRECTIONS:
        rules = as_object(behavior.get(direction))
        window = rules.get("stabilizationWindowSeconds", 0)
        if not isinstance(window, int) or not 0 <= window <= _LONGEST_WINDOW_S:
            wanted = f"seconds from 0 to {_LONGEST_WINDOW_S}"
            raise invalid(f"{where}.{direction}.stabilizationWindowSeconds", wanted, window, "correct it")
        for place, policy in enumerate(as_objects(rules.get("policies"))):
            for field in ("value", "periodSeconds"):
                number = policy.get(field)
                if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                    wanted = "a whole number above 0"
                    raise invalid(f"{where}.{direction}.policies[{place}].{field}", wanted, number, "correct it")
    return behavior


def _text_at(source: JsonObject, path: str) -> str:
    value: JsonValue = source
    for step in path.split("."):
        value = as_object(value).get(step)
    return as_text(value)
