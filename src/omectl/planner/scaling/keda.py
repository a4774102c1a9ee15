"""KEDA's ScaledObject of a component."""

from typing import Final

from omectl.api import labels as keys
from omectl.api.autoscaler import KedaFallback, KedaSpec
from omectl.api.document import as_object, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import LABEL_VALUE_LENGTH, dns_shorten
from omectl.api.settings import KedaSettings
from omectl.planner.component import Component
from omectl.planner.metadata import Metadata
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.scaling.bounds import Replicas
from omectl.planner.scaling.queries import Queries
from omectl.planner.scaling.target import ScaleTarget, invalid
from omectl.planner.scaling.triggers import RESOURCES, Triggers, check_number, settled_triggers, stated_triggers
from omectl.planner.workloads.raw import object_metadata

_PREFIX: Final = "scaledobject-"
_HPA_PREFIX: Final = "keda-hpa-"
"""What KEDA puts before a ScaledObject's name to name the HorizontalPodAutoscaler that it makes."""
_SHORT_HPA_PREFIX: Final = "keda-"
_NAME_ROOM: Final = LABEL_VALUE_LENGTH - len(_PREFIX)
_NOT_ON_SCALERS: Final = frozenset(
    {
        keys.APP,
        keys.VOLCANO_QUEUE_LABEL,
        keys.KUEUE_QUEUE_LABEL,
        keys.KUEUE_PRIORITY_LABEL,
        keys.RAY_PRIORITY_CLASS,
        keys.RAY_SCHEDULER,
        "k8slens-edit-resource-version",
    }
)
"""KEDA copies the other labels to its HorizontalPodAutoscaler."""
_BY_FORMULA: Final = "scalingModifiers"
_FALLBACKS: Final = (
    "static",
    "currentReplicas",
    "currentReplicasIfHigher",
    "currentReplicasIfLower",
    _BY_FORMULA,
)


def scaled_object_name(component_object: str) -> str:
    """`scaledobject-<name>`, at most 63 characters, for KEDA makes a label's value of it."""
    return _PREFIX + dns_shorten(component_object, _NAME_ROOM)


def scaled_object(
    component: Component, metadata: Metadata, queries: Queries, stated: KedaSpec | None, settings: KedaSettings
) -> tuple[JsonObject, tuple[str, ...]]:
    """The ScaledObject, and warnings. `stated` is that part of an `autoscaler` block. Raises `PlanRefused`."""
    where = f"{component.origin('autoscaler')}.keda"
    bounds, target = queries.bounds, queries.target
    if stated is not None:
        triggers = stated_triggers(stated.triggers or (), queries, settings, f"{where}.triggers")
    else:
        triggers = settled_triggers(component, queries, settings)
    idle = stated.idle_replica_count if stated is not None else None
    _check_zero(component, triggers, bounds, idle, where)
    spec: JsonObject = {
        "scaleTargetRef": target.reference,
        "minReplicaCount": bounds.least,
        "maxReplicaCount": bounds.most,
        "triggers": list[JsonValue](triggers.rendered),
    }
    if stated is not None:
        spec |= _periods(stated, where)
        if stated.fallback is not None:
            spec["fallback"] = _fallback(stated.fallback, triggers, bounds, f"{where}.fallback")
    if idle is not None:
        spec["idleReplicaCount"] = idle
    name = scaled_object_name(component.object_name)
    advanced = _advanced(component, name, stated, target)
    if advanced:
        spec["advanced"] = advanced
    labels = {key: value for key, value in metadata.labels.items() if key not in _NOT_ON_SCALERS}
    made: JsonObject = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": object_metadata(component, name, labels, metadata.annotations),
        "spec": spec,
    }
    return made, triggers.warnings


def _check_zero(component: Component, triggers: Triggers, bounds: Replicas, idle: int | None, where: str) -> None:
    """Zero replicas are for what something outside the component's own pods can wake again."""
    if idle is not None and idle != 0:
        raise invalid(f"{where}.idleReplicaCount", "0, the only one that KEDA knows", idle, "set it to 0 or remove it")
    if idle is not None and bounds.least < 1:
        wanted = "no idleReplicaCount, or minReplicas of 1 or more beside it"
        raise invalid(component.origin("minReplicas"), wanted, bounds.least, "raise minReplicas or remove the other")
    if (bounds.least == 0 or idle == 0) and not triggers.waking:
        message = (
            f"{component.name}: it may go down to zero replicas, and every trigger reads its own pods, of which there "
            "are none then: nothing would ever wake it"
        )
        remedy = (
            "add a trigger on something outside, such as a gateway's queue or a cron schedule, or set minReplicas to 1"
        )
        raise PlanRefused(Reason.INVALID_SPEC, message, remedy)


def _periods(stated: KedaSpec, where: str) -> JsonObject:
    found = {
        "pollingInterval": (stated.polling_interval, 1),
        "cooldownPeriod": (stated.cooldown_period, 0),
        "initialCooldownPeriod": (stated.initial_cooldown_period, 0),
    }
    for name, (value, least) in found.items():
        if value is not None and value < least:
            raise invalid(f"{where}.{name}", f"{least} seconds or more", value, "correct it")
    return {name: value for name, (value, _) in found.items() if value is not None}


def _fallback(fallback: KedaFallback, triggers: Triggers, bounds: Replicas, where: str) -> JsonObject:
    if all(trigger["type"] in RESOURCES for trigger in triggers.rendered):
        wanted = "a trigger other than cpu and memory, which cannot be read by KEDA"
        raise invalid(where, wanted, "none", "add one, or remove the fallback")
    if fallback.failure_threshold < 0 or not 0 <= fallback.replicas <= bounds.most:
        wanted = f"failureThreshold of 0 or more, and replicas from 0 to maxReplicas ({bounds.most})"
        found = f"{fallback.failure_threshold} and {fallback.replicas}"
        raise invalid(where, wanted, found, "correct it, or raise maxReplicas")
    made: JsonObject = {"failureThreshold": fallback.failure_threshold, "replicas": fallback.replicas}
    if fallback.behavior:
        if fallback.behavior not in _FALLBACKS:
            raise invalid(f"{where}.behavior", f"one of {', '.join(_FALLBACKS)}", fallback.behavior, "correct it")
        made["behavior"] = fallback.behavior
    return made


def _advanced(component: Component, name: str, stated: KedaSpec | None, target: ScaleTarget) -> JsonObject:
    """What was stated, and a name for KEDA's HorizontalPodAutoscaler where its own would be too long."""
    advanced = dict(stated.advanced or {}) if stated is not None else {}
    _check_modifiers(advanced, stated, f"{component.origin('autoscaler')}.keda")
    own = as_text(at(advanced, "horizontalPodAutoscalerConfig", "name"))
    if own or len(_HPA_PREFIX + name) <= LABEL_VALUE_LENGTH:
        return advanced
    short = _SHORT_HPA_PREFIX + dns_shorten(component.object_name, LABEL_VALUE_LENGTH - len(_SHORT_HPA_PREFIX))
    config = as_object(advanced.get("horizontalPodAutoscalerConfig"))
    return {**advanced, "horizontalPodAutoscalerConfig": {**config, "name": short}}


def _check_modifiers(advanced: JsonObject, stated: KedaSpec | None, where: str) -> None:
    """A formula that joins triggers needs a target, and what speaks of a formula needs one."""
    modifiers = as_object(advanced.get("scalingModifiers"))
    formula, field = as_text(modifiers.get("formula")), f"{where}.advanced.scalingModifiers"
    fallback = stated.fallback if stated is not None else None
    if not formula and (modifiers or (fallback is not None and fallback.behavior == _BY_FORMULA)):
        raise invalid(f"{field}.formula", "a formula over the triggers' names", "nothing", "write it, or leave it out")
    if formula:
        check_number(as_text(modifiers.get("target")), f"{field}.target")
