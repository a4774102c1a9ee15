"""Which Events a change of a service's choices is worth: transitions only. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from omectl.api.conditions import FALSE, find_condition
from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.api.selection_status import RuntimeName, SelectionStatus
from omectl.planner.pinning import DRIFTED
from omectl.planner.selection_conditions import FITS
from omectl.reconcilers.service_events import Tale

RUNTIME_SELECTED: Final = "RuntimeSelected"
BETTER_RUNTIME: Final = "BetterRuntimeAvailable"
RUNTIME_PINNED: Final = "RuntimePinned"
CLASS_SELECTED: Final = "AcceleratorSelected"
DOES_NOT_FIT: Final = "ModelDoesNotFit"

_NOTHING: Final = SelectionStatus(reason="")


def selection_tales(
    name: str, old: InferenceServiceStatus | None, new: InferenceServiceStatus | None, why: str
) -> list[Tale]:
    """What changed for people in a service's choices; `why` is what decided between the runtimes.

    What a service names itself is no news.
    """
    before, after = _selection(old), _selection(new)
    tales: list[Tale] = []
    has, had = after.runtime, before.runtime
    if has is not None and after.inputs and named(has) != named(had):
        instead = f" instead of {named(had)}" if had is not None else ""
        tales.append(Tale("Normal", RUNTIME_SELECTED, f"{name} gets {named(has)}{instead}: {why}"))
    better = named(after.better_candidate)
    if better and better != named(before.better_candidate):
        keeps = named(has) or "its own runner"
        tales.append(Tale("Normal", BETTER_RUNTIME, f"{better} would be chosen for {name} today, which keeps {keeps}"))
    classes, known = _chosen_classes(after), _chosen_classes(before)
    for component, one in classes.items():
        if known.get(component) != one:
            tales.append(Tale("Normal", CLASS_SELECTED, f"the {component} of {name} gets AcceleratorClass {one}"))
    tales += _pin_tales(name, old, new)
    too_large = _too_large(new)
    if too_large and not _too_large(old):
        tales.append(Tale("Warning", DOES_NOT_FIT, too_large))
    return tales


def _pin_tales(name: str, old: InferenceServiceStatus | None, new: InferenceServiceStatus | None) -> Iterator[Tale]:
    """What keeps a pinned runtime, when that is another than before, and that the runtime itself is not as it was."""
    kept, before = (one.pinned_revision_name if one is not None else None for one in (new, old))
    if kept and kept != before:
        yield Tale("Normal", RUNTIME_PINNED, f"{name} keeps its runtime as ControllerRevision {kept}")
    now, then = (find_condition((one.conditions or ()) if one is not None else (), DRIFTED) for one in (new, old))
    if now is not None and (then is None or (then.reason, then.message) != (now.reason, now.message)):
        yield Tale("Normal", DRIFTED, now.message or DRIFTED)


def named(runtime: RuntimeName | None) -> str:
    """Kind and name, "" for none."""
    return f"{runtime.kind} {runtime.name}" if runtime is not None else ""


def _selection(status: InferenceServiceStatus | None) -> SelectionStatus:
    return (status.selection if status is not None else None) or _NOTHING


def _chosen_classes(selection: SelectionStatus) -> Mapping[str, str]:
    found = sorted((selection.accelerators or {}).items())
    return {component: one.accelerator_class for component, one in found if one.policy}


def _too_large(status: InferenceServiceStatus | None) -> str:
    condition = find_condition((status.conditions or ()) if status is not None else (), FITS)
    return (condition.message or FITS) if condition is not None and condition.status == FALSE else ""
