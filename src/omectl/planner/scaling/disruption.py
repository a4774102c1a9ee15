"""How many pods of a component may be away at a time."""

import re
from typing import Final

from omectl.api.json import JsonObject
from omectl.planner.component import Component
from omectl.planner.metadata import Metadata
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.scaling.target import invalid
from omectl.planner.workloads.raw import object_metadata

_PERCENT: Final = re.compile(r"(?:100|[0-9]{1,2})%", re.ASCII)


def is_silent(component: Component) -> bool:
    """Whether nobody says how many of the component's pods may be away."""
    return component.scaling.min_available is None and component.scaling.max_unavailable is None


def disruption_budget(component: Component, metadata: Metadata) -> JsonObject:
    """The PodDisruptionBudget; by default one pod may be away. Raises `PlanRefused`."""
    least, most = component.scaling.min_available, component.scaling.max_unavailable
    if least is not None and most is not None:
        message = f"{component.name}: minAvailable and maxUnavailable are both set, and only one of them may be"
        raise PlanRefused(Reason.INVALID_SPEC, message, f"remove one of them from spec.{component.name}")
    for name, bound in (("minAvailable", least), ("maxUnavailable", most)):
        if bound is not None and not _is_bound(bound):
            raise invalid(component.origin(name), "a number of pods or a percentage such as 50%", bound, "correct it")
    bounds: JsonObject = (
        {"minAvailable": least} if least is not None else {"maxUnavailable": 1 if most is None else most}
    )
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": object_metadata(component, component.object_name, metadata.labels, metadata.annotations),
        "spec": {"selector": {"matchLabels": {"app": component.app}}, **bounds},
    }


def _is_bound(value: int | str) -> bool:
    return value >= 0 if isinstance(value, int) else _PERCENT.fullmatch(value) is not None
