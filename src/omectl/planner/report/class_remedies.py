"""What would have to change for an accelerator class to be used: for each reason, which field of which object.

A class is passed over for what runtime and service demand of it, so its remedy is a demand less, or a fact more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonValue
from omectl.api.labels import ACCELERATOR_CLASS
from omectl.planner.accelerators.ask import Ask, ask_of
from omectl.planner.accelerators.constraints import Constraints, objections
from omectl.planner.accelerators.decision import ClassCandidate, Code
from omectl.planner.accelerators.memory import gibibytes
from omectl.planner.accelerators.traits import Traits, traits_of
from omectl.planner.accelerators.versions import version_parts
from omectl.planner.report.change import Change
from omectl.planner.selection.candidates import Runtime
from omectl.planner.spelling import similar

_FILLS: Final[Mapping[Code, tuple[str, str]]] = {
    Code.MEMORY_UNKNOWN: ("capabilities.memoryGB", "<memory>"),
    Code.VERSION_UNKNOWN: ("capabilities.computeCapability", "<version>"),
    Code.COST_UNKNOWN: ("cost.perHour", "<price>"),
}
"""What a class does not say of itself."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What was asked for one component, by whom, and the classes that are there."""

    service: InferenceService
    runtime: Runtime | None
    ask: Ask
    known: Mapping[str, AcceleratorClass]

    @classmethod
    def of(
        cls, service: InferenceService, runtime: Runtime | None, component: str, classes: Sequence[AcceleratorClass]
    ) -> "Demands":
        """The demands of a component."""
        return cls(service, runtime, ask_of(service, runtime, component), {one.name: one for one in classes})

    @property
    def asked_by(self) -> str:
        """The field of the service that asks for a class, "" for none."""
        field = self.ask.name_field or self.ask.policy_field
        return f"metadata.annotations[{ACCELERATOR_CLASS}]" if field.startswith("annotation ") else field

    def in_service(self, field: str, value: JsonValue = None) -> Change:
        """A change of the service."""
        return Change(f"InferenceService {self.service.name}", field, value)

    def in_runtime(self, field: str, value: JsonValue = None) -> Change:
        """A change of what the runtime requires of accelerators."""
        runtime = self.runtime
        named = f"{runtime.resource_kind.kind} {runtime.name}" if runtime is not None else ""
        return Change(named, f"spec.acceleratorRequirements.{field}", value)

    def in_layer(self, layer: Constraints, field: str, value: JsonValue) -> Change:
        """A change of one layer of constraints; an empty list takes the field out."""
        value = value if value != [] else None
        if layer.field.startswith("spec."):
            return self.in_service(f"{layer.field}.{field}", value)
        return self.in_runtime(field, value)


def changes_for(candidate: ClassCandidate, demands: Demands) -> list[tuple[Change, ...]]:
    """For each reason against the class, all that would end it; nothing where no field is wrong."""
    found = demands.known.get(candidate.name)
    if found is None:
        return [_missing(candidate.name, demands)] * len(candidate.codes)
    traits = traits_of(found)
    layers = {one.text: layer for layer in demands.ask.layers for one in objections(traits, (layer,))}
    told = zip(candidate.codes, candidate.reasons, strict=True)
    return [_changes(Code(code), traits, layers.get(reason), demands) for code, reason in told]


def classes_listed(demands: Demands) -> tuple[Change, ...]:
    """The runtime lists every class that is there; nothing without a runtime or classes."""
    if demands.runtime is None or not demands.known:
        return ()
    return (demands.in_runtime("acceleratorClasses", [*sorted(demands.known)]),)


def _missing(name: str, demands: Demands) -> tuple[Change, ...]:
    near = similar(name, demands.known)
    if demands.ask.name == name:
        return (demands.in_service(demands.asked_by, near[0]),) if near else ()
    listed: list[JsonValue] = [one for one in demands.ask.listed if one != name]
    # A policy needs at least one class to choose from.
    return (demands.in_runtime("acceleratorClasses", listed),) if listed else ()


def _changes(code: Code, traits: Traits, layer: Constraints | None, demands: Demands) -> tuple[Change, ...]:
    if layer is None:
        return (_filled(code, traits),) if code is Code.COST_UNKNOWN else ()
    demand = _demand(code, traits, layer, demands)
    if demand is not None:
        return (demands.in_layer(layer, *demand),)
    if code is Code.VERSION_UNKNOWN and version_parts(layer.min_version) is None:
        return (demands.in_layer(layer, "minArchitectureVersion", None),)
    return (_filled(code, traits),) if code in _FILLS else ()


def _filled(code: Code, traits: Traits) -> Change:
    field, value = _FILLS[code]
    return Change(f"AcceleratorClass {traits.name}", f"spec.{field}", value)


def _demand(code: Code, traits: Traits, layer: Constraints, demands: Demands) -> tuple[str, JsonValue] | None:
    """The field of the layer that demands too much, and what would do."""
    memory = gibibytes(traits.memory) if traits.memory is not None else None
    match code:
        case Code.EXCLUDED:
            return "excludedClasses", [one for one in layer.excluded if one != traits.name]
        case Code.FAMILY:
            return "architectureFamilies", [*layer.families, traits.family] if traits.family else []
        case Code.MEMORY_TOO_SMALL if memory is not None:
            return "minMemory", memory
        case Code.MEMORY_TOO_LARGE if memory is not None:
            return "maxMemory", memory
        case Code.FEATURE:
            return "requiredFeatures", [one for one in layer.features if one.strip().lower() in traits.features]
        case Code.VERSION:
            return "minArchitectureVersion", traits.version
        case _:
            return None
