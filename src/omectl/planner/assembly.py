"""The components of a service, each with the accelerator class that was chosen for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from omectl.planner.accelerators.choice import ClassChoice
from omectl.planner.accelerators.component import accelerator_of
from omectl.planner.class_use import ClassUse
from omectl.planner.component import Component, component_names
from omectl.planner.inputs import PlanInputs
from omectl.planner.modes import mode_of
from omectl.planner.names import ROUTER
from omectl.planner.result import Problem
from omectl.planner.scaling import ScalerClass, choose_scaler
from omectl.planner.selection.candidates import Runtime


@dataclass(frozen=True, slots=True)
class Assembly:
    """The components, engine first, their modes, and the choices of their classes by component; a router has none."""

    parts: tuple[Component, ...]
    modes: Mapping[str, str]
    choices: Mapping[str, ClassChoice]

    @property
    def problem(self) -> Problem | None:
        """Why a component has no class although one was asked for."""
        return next((one.problem for one in self.choices.values() if one.problem is not None), None)


def assemble(inputs: PlanInputs, runtime: Runtime | None, entry: int | None) -> Assembly:
    """The components as runtime, accelerator classes and service describe them. Raises `PlanRefused`.

    `entry` is the index of the runtime's supported format whose overrides apply.
    """
    service = inputs.service
    plain = tuple(Component.merged(name, service, runtime) for name in component_names(service))
    modes = {
        part.name: mode_of(part, can_be_zero=choose_scaler(part).scaler_class is ScalerClass.KEDA) for part in plain
    }
    choices = {part.name: accelerator_of(part, inputs.accelerator_classes) for part in plain if part.name != ROUTER}
    uses = {name: ClassUse.of(choice.chosen, runtime, entry) for name, choice in choices.items()}
    parts = tuple(
        Component.merged(part.name, service, runtime, use) if (use := uses.get(part.name)) is not None else part
        for part in plain
    )
    return Assembly(parts, modes, choices)
