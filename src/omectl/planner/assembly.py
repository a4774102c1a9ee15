"""The components of a service, each with the accelerator class that was chosen for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from omectl.planner.accelerators.choice import ClassChoice
from omectl.planner.accelerators.component import accelerator_of
from omectl.planner.class_use import ClassUse
from omectl.planner.component import Component, component_names
from omectl.planner.inputs import PlanInputs
from omectl.planner.layers import LEADER, WORKER
from omectl.planner.modes import MULTI_NODE, PREFILL_DECODE, RAY, mode_of
from omectl.planner.names import DECODER, ENGINE, ROUTER
from omectl.planner.result import Problem
from omectl.planner.scaling import choose_scaler
from omectl.planner.selection.candidates import Runtime


@dataclass(frozen=True, slots=True)
class Assembly:
    """The components, engine first, their modes, and the choices of their classes by component; a router has none.

    Of a component on several nodes its part is the leader, and `workers` the others of a group, where they differ.
    """

    parts: tuple[Component, ...]
    modes: Mapping[str, str]
    choices: Mapping[str, ClassChoice]
    workers: Mapping[str, Component]

    @property
    def mode(self) -> str:
        """The service's mode: its engine's, or that the engine only prefills for a decoder."""
        return PREFILL_DECODE if DECODER in self.modes else self.modes[ENGINE]

    @property
    def problem(self) -> Problem | None:
        """Why a component has no class although one was asked for."""
        return next((one.problem for one in self.choices.values() if one.problem is not None), None)


def assemble(inputs: PlanInputs, runtime: Runtime | None, entry: int | None) -> Assembly:
    """The components as runtime, accelerator classes and service describe them. Raises `PlanRefused`.

    `entry` is the index of the runtime's supported format whose overrides apply.
    """
    service = inputs.service
    names = component_names(service, runtime)
    plain = tuple(Component.merged(name, service, runtime) for name in names)
    default = inputs.settings.deploy.default_deployment_mode
    modes = {part.name: mode_of(part, choose_scaler(part), default, paired=DECODER in names) for part in plain}
    choices = {part.name: accelerator_of(part, inputs.accelerator_classes) for part in plain if part.name != ROUTER}
    uses = {name: ClassUse.of(choice.chosen, runtime, entry) for name, choice in choices.items()}
    parts = tuple(_deployed(part, modes[part.name], uses.get(part.name)) for part in plain)
    workers = {
        part.name: Component.merged(part.name, service, runtime, uses.get(part.name), WORKER)
        for part in plain
        if modes[part.name] == MULTI_NODE and WORKER in part.document
    }
    return Assembly(parts, modes, choices, workers)


def _deployed(plain: Component, mode: str, use: ClassUse | None) -> Component:
    """The component with its class; on several nodes, where it has a leader or workers, with the leader's pod."""
    part = Component.merged(plain.name, plain.service, plain.runtime, use) if use is not None else plain
    if mode not in (MULTI_NODE, RAY) or not {LEADER, WORKER} & plain.document.keys():
        return part
    return Component.merged(plain.name, plain.service, plain.runtime, use, LEADER)
