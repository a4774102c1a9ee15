"""The accelerator class of one component of a plan."""

from collections.abc import Sequence

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.document import as_objects
from omectl.planner.accelerators.choice import ClassChoice, CurrentClass, choose_class
from omectl.planner.accelerators.resources import accelerators_asked
from omectl.planner.component import Component
from omectl.planner.selection.sticky import asks_anew


def accelerator_of(component: Component, classes: Sequence[AcceleratorClass]) -> ClassChoice:
    """The class of a component, which it keeps while the same is asked: the service's status remembers both."""
    return choose_class(
        component.service,
        component.runtime,
        component.name,
        classes,
        accelerators=_accelerators(component),
        current=_current(component),
    )


def _accelerators(component: Component) -> int:
    """How many accelerators a pod asks for: those of all containers, and of the runner, which becomes one of them."""
    containers = as_objects(component.document.get("containers"))
    runner = component.runner
    if runner is not None:
        containers = [one for one in containers if one.get("name") != runner.get("name")]
        containers.append(runner)
    return sum(accelerators_asked(container) for container in containers)


def _current(component: Component) -> CurrentClass | None:
    status = component.service.status
    told = status.selection if status is not None else None
    if told is None or asks_anew(component.service):
        return None
    one = (told.accelerators or {}).get(component.name)
    return CurrentClass(name=one.accelerator_class, ask=one.ask) if one is not None and one.ask else None
