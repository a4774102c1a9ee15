"""One line that says what is happening with a service and what to do. Pure."""

from collections.abc import Iterator
from typing import Final

from omectl.api.conditions import TRUE, KnativeCondition, find_condition
from omectl.api.inference_service_status import ComponentStatusSpec, InferenceServiceStatus
from omectl.planner.names import COMPONENT_CONDITIONS

_NEXT: Final = "; next: "
_LONGEST_FOUND: Final = 160
_LONGEST_STEP: Final = 100


def summary_of(status: InferenceServiceStatus) -> str:
    """`Ready: engine 2 of 2`, with what is wrong all the same; else why it is not, and the next step."""
    conditions = status.conditions or ()
    ready = find_condition(conditions, "Ready")
    if ready is None:
        return ""
    if ready.status != TRUE:
        return f"{ready.reason or ready.status}: {_short(ready.message or 'wait')}"
    counts = ", ".join(_counts(status)) or _short(ready.message or "yes")
    told = next((_short(one.message or "") for one in conditions if serves_with_trouble(one)), "")
    return f"Ready: {counts}; {told}" if told else f"Ready: {counts}"


def serves_with_trouble(condition: KnativeCondition) -> bool:
    """Whether it is one of a component that serves and for which there is something to do all the same."""
    component = condition.type in COMPONENT_CONDITIONS.values()
    return component and condition.status == TRUE and _NEXT in (condition.message or "")


def _counts(status: InferenceServiceStatus) -> Iterator[str]:
    components = status.components or {}
    for name in COMPONENT_CONDITIONS:
        found = components.get(name)
        if found is not None and found.replicas is not None:
            yield f"{name} {found.ready_replicas or 0} of {_wanted(found)}"


def _wanted(component: ComponentStatusSpec) -> int:
    scaler = component.autoscaler
    desired = scaler.desired_replicas if scaler is not None else None
    return desired if desired is not None else component.replicas or 0


def _short(message: str) -> str:
    """The message as one line of bounded length that keeps its next step."""
    found, mark, step = " ".join(message.split()).rpartition(_NEXT)
    if not mark:
        found, step = step, ""
    return _cut(found, _LONGEST_FOUND) + mark + _cut(step, _LONGEST_STEP)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
