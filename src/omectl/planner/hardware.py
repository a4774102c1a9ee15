"""Whether the accelerators that a runtime would get will do: a usable class, a node for a pod, room for the model.

To know it the engine is put together and its pod rendered, as a plan does it; so it is asked only of the runtimes that
come first, and what was put together is used again.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.document import as_objects
from omectl.api.facts import RecordedFacts
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.planner.accelerated import accelerator_names
from omectl.planner.accelerators.ask import ask_of
from omectl.planner.accelerators.resources import accelerators_asked, container_counts
from omectl.planner.assembly import Assembly, assemble
from omectl.planner.component import Component
from omectl.planner.fit import EngineFit, Hardware, engine_fit
from omectl.planner.fit.words import obstacle_of
from omectl.planner.inputs import PlanInputs
from omectl.planner.model import ModelView
from omectl.planner.names import DECODER, ENGINE
from omectl.planner.pod import RenderedPod, main_container, render_pod
from omectl.planner.result import PlanRefused
from omectl.planner.selection.candidates import Runtime, scope_of
from omectl.planner.selection.choice import Hindrance
from omectl.planner.selection.difference import Code, Difference
from omectl.planner.selection.sticky import picked_before

_WITH_CLASSES: Final = (ENGINE, DECODER)


class Trial:
    """A service put together with one runtime. Each thing is made once, when it is asked for."""

    def __init__(self, assembly: Assembly, resource: BaseModel | ClusterBaseModel, model: ModelView) -> None:
        self.assembly = assembly
        self._resource = resource
        self._model = model
        self._pods: dict[tuple[str, str], RenderedPod] = {}

    def pod_of(self, part: Component) -> RenderedPod:
        """The pod of one of the components, or of the workers of one. Raises `PlanRefused`."""
        key = (part.name, part.role)
        made = self._pods.get(key)
        if made is None:
            made = self._pods[key] = render_pod(part, self._model)
        return made

    @cached_property
    def fit(self) -> EngineFit | None:
        """The engine's memory, when it asks for accelerators; how much one has is known of a class that was chosen."""
        return self._fit(self.assembly.parts[0])

    @cached_property
    def decoder_fit(self) -> EngineFit | None:
        """The same of the decoder, which has all of the model too."""
        part = next((one for one in self.assembly.parts if one.name == DECODER), None)
        return self._fit(part) if part is not None else None

    def _fit(self, part: Component) -> EngineFit | None:
        model, status = self._model, self._resource.status
        container = main_container(part, self.pod_of(part).spec)
        use = part.use
        count = _counted(part, [container])
        if not count:
            return None
        facts = (status.facts if status is not None else None) or RecordedFacts()
        chosen, config = (use.accelerator_class, use.config) if use is not None else (None, None)
        hardware = Hardware.of_class(chosen, config, accelerators=count, pods=part.pods)
        return engine_fit(container, facts, hardware, size=model.size, quantization=model.quantization)


class Trials:
    """Puts a service together with the runtimes that come into question, each once. For one plan."""

    def __init__(self, inputs: PlanInputs, resource: BaseModel | ClusterBaseModel, model: ModelView) -> None:
        self._inputs = inputs
        self._resource = resource
        self._model = model
        self._before = picked_before(inputs.service)
        self._made: dict[tuple[str, str, int | None], Trial] = {}

    def of(self, runtime: Runtime | None, entry: int | None) -> "Trial":
        """The components with that runtime, by that entry of it. Raises `PlanRefused`."""
        key = ("", "", entry) if runtime is None else (runtime.namespace, runtime.name, entry)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._trial(self._inputs, runtime, entry)
        return made

    def _trial(self, inputs: PlanInputs, runtime: Runtime | None, entry: int | None) -> "Trial":
        return Trial(assemble(inputs, runtime, entry), self._resource, self._model)

    @property
    def hindrance(self) -> Hindrance | None:
        """Asks of a runtime why its accelerators will not do; None where nobody could know.

        Of accelerators without a class only the number is known, which strict selection minds all the same.
        """
        strict = self._inputs.settings.omectl.selection.strict
        return self._hindrance if strict or asks_for_a_class(self._inputs.service) else None

    def _hindrance(self, runtime: Runtime, entry: int | None) -> Difference | None:
        try:
            if self._before is None or (self._before.scope, self._before.runtime) == (scope_of(runtime), runtime.name):
                trial = self.of(runtime, entry)
            else:
                # What is free decides where a new service goes. Of one that has its place it would only make the
                # better runtime that its status tells of come and go.
                trial = self._trial(self._uncounted, runtime, entry)
            if trial.assembly.problem is not None:
                return Difference(Code.NO_CLASS, trial.assembly.problem.message)
            fits = {"": trial.fit, f"{DECODER}: ": trial.decoder_fit}
        except PlanRefused:
            return None  # what is wrong with the service or the runtime is told when it is chosen
        for whose, fit in fits.items():
            if fit is not None and (obstacle := obstacle_of(fit)) is not None:
                return Difference(Code.DOES_NOT_FIT, f"{whose}{obstacle.text}; {obstacle.step}")
        return None

    @cached_property
    def _uncounted(self) -> PlanInputs:
        classes = tuple(_uncounted(one) for one in self._inputs.accelerator_classes)
        return replace(self._inputs, accelerator_classes=classes)


def asks_for_a_class(service: InferenceService) -> bool:
    """Whether a component of the service names an accelerator class, or has a policy choose."""
    asked = (ask_of(service, None, name) for name in _WITH_CLASSES)
    return any(one.name or one.policy for one in asked)


def _uncounted(one: AcceleratorClass) -> AcceleratorClass:
    """The class while nobody has counted what is free."""
    if one.status is None:
        return one
    return one.model_copy(update={"status": one.status.model_copy(update={"available_accelerators": None})})


def accelerators_of(part: Component, pod: JsonObject) -> int:
    """How many accelerators one of the component's pods gets."""
    return _counted(part, as_objects(pod.get("containers")))


def _counted(part: Component, containers: Sequence[JsonObject]) -> int:
    """The accelerators of these containers: of a resource that the class counts in units, so many units each."""
    names = accelerator_names(part)
    if part.use is None or not names:
        return sum(accelerators_asked(container) for container in containers)
    units = part.use.units
    asked = ((name, sum(container_counts(one).get(name, 0) for one in containers)) for name in names)
    return sum(-(-count // (units[name].ceil() if name in units else 1)) for name, count in asked)
