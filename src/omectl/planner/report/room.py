"""Ways to make an engine fit its accelerators: less context, a class with more memory, or more accelerators."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, as_texts, at
from omectl.api.facts import RecordedFacts
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.accelerators.memory import in_words
from omectl.planner.accelerators.traits import traits_of
from omectl.planner.arguments import is_shell_text, with_value
from omectl.planner.dialects import Dialect, Flag, dialect_of
from omectl.planner.fit import EngineFit, FitReport, Verdict, Workload, estimate
from omectl.planner.flag_tables import flag_table
from omectl.planner.inputs import PlanInputs
from omectl.planner.model import ModelView
from omectl.planner.names import ENGINE
from omectl.planner.parallelism import Code
from omectl.planner.report.change import Change
from omectl.planner.report.told import AcceleratorTold
from omectl.planner.report.way import Way
from omectl.planner.selection.candidates import Runtime

_CLASSES: Final = 3
_MOST_TENSOR: Final = 16
_LIMITS: Final = ("limits", "requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine as it was planned, and what is known around it."""

    inputs: PlanInputs
    model: ModelView | None
    runtime: Runtime | None
    accelerator: AcceleratorTold | None
    container: JsonObject

    @property
    def dialect(self) -> Dialect | None:
        """The engine's flags, when its arguments may be added to: a shell's text is not touched."""
        command, args = as_texts(self.container.get("command")), as_texts(self.container.get("args"))
        if is_shell_text(command, args):
            return None
        return dialect_of(as_text(self.container.get("image")), command, args)

    def with_flag(self, flag: Flag, value: int) -> Change:
        """The service's engine gets the arguments that it has now, with this flag."""
        command, args = as_texts(self.container.get("command")), as_texts(self.container.get("args"))
        table = flag_table(as_text(self.container.get("image")), command, args)
        words = with_value((), args, flag.names[0], str(value), table).args
        return self.in_service("spec.engine.runner.args", list[JsonValue](words))

    def in_service(self, field: str, value: JsonValue = None) -> Change:
        """A change of the service."""
        return Change(f"InferenceService {self.inputs.service.name}", field, value)


def main_container_of(objects: Sequence[JsonObject]) -> JsonObject:
    """The engine's container among planned objects; empty when there is none."""
    for obj in objects:
        pod = as_object(at(obj, "spec", "template", "spec"))
        if as_text(at(obj, "metadata", "name")).endswith(f"-{ENGINE}") and pod:
            containers = as_objects(pod.get("containers"))
            return next(filter(accelerator_resources, containers), JsonObject())
    return {}


def accelerator_resources(container: JsonObject) -> list[str]:
    """Names of the extended resources that the container asks for."""
    return [name for name in as_object(at(container, "resources", "limits")) if "/" in name]


def room_for(fit: EngineFit | None, engine: Engine) -> tuple[Way, ...]:
    """The ways, the least change first; nothing when the engine fits or nobody knows."""
    if fit is None:
        return ()
    found = fit.report
    if found.verdict not in (Verdict.TIGHT, Verdict.DOES_NOT_FIT):
        return tuple(_even_split(fit, engine))
    return (*_less_context(found, engine), *_larger_class(found, engine), *_more_accelerators(found, engine))


def _less_context(found: FitReport, engine: Engine) -> Iterator[Way]:
    most = found.largest_context
    if not most or most >= found.context:
        return
    dialect = engine.dialect
    changes = (engine.with_flag(dialect.context, most),) if dialect is not None else ()
    yield Way(f"limit the context to {most} of {found.context} tokens", changes)


def _larger_class(found: FitReport, engine: Engine) -> Iterator[Way]:
    """Classes of which one accelerator holds what is needed, the smallest first."""
    if not found.memory_bytes or found.budget_bytes is None:
        return
    classes = [traits_of(one) for one in engine.inputs.accelerator_classes]
    holding = [
        (one.memory, one.name)
        for one in classes
        if one.memory is not None
        and not one.deleting
        and one.capacity.nodes != 0
        and one.memory * found.budget_bytes >= found.required_bytes * found.memory_bytes
    ]
    for memory, name in sorted(holding)[:_CLASSES]:
        yield Way(f"use class {name}, of {in_words(memory)} each", tuple(_by_class(name, engine)))


def _by_class(name: str, engine: Engine) -> Iterator[Change]:
    asked_by = engine.accelerator.asked_by if engine.accelerator is not None else ""
    field = asked_by or "spec.acceleratorSelector.acceleratorClass"
    if field.endswith(".policy"):
        field = f"{field.removesuffix('.policy')}.acceleratorClass"
    yield engine.in_service(field, name)
    runtime = engine.runtime
    if runtime is None:
        return
    requirements = runtime.spec.accelerator_requirements
    listed = (requirements.accelerator_classes or ()) if requirements is not None else ()
    if name not in listed:
        named = f"{runtime.resource_kind.kind} {runtime.name}"
        yield Change(named, "spec.acceleratorRequirements.acceleratorClasses", [*listed, name])


def _even_split(fit: EngineFit, engine: Engine) -> Iterator[Way]:
    """As many accelerators as the model's heads can be split over, where they cannot."""
    spread = fit.report.parallelism
    heads = next((int(one.wanted) for one in fit.problems if one.code is Code.HEADS_UNEVEN), 0)
    tensor = next((count for count in range(spread.tensor - 1, 0, -1) if heads % count == 0), 0) if heads else 0
    if tensor:
        count = spread.gpus_per_pod // spread.tensor * tensor
        yield from _spread_over(tensor, count, engine)


def _spread_over(tensor: int, count: int, engine: Engine) -> Iterator[Way]:
    """So many tensor-parallel accelerators, of so many in each pod."""
    dialect, names = engine.dialect, accelerator_resources(engine.container)
    if dialect is None or len(names) != 1:
        return
    changes = [engine.with_flag(dialect.tensor, tensor)]
    changes += [engine.in_service(f"spec.engine.runner.resources.{part}[{names[0]}]", str(count)) for part in _LIMITS]
    yield Way(f"spread the model over {count} accelerators of each pod", tuple(changes))


def _more_accelerators(found: FitReport, engine: Engine) -> Iterator[Way]:
    """Twice as many of each pod's accelerators until the model fits, if it does within a node."""
    model, resource = engine.model, engine.inputs.model
    if model is None or resource is None or found.author_bytes is not None:
        return
    facts = (resource.status.facts if resource.status is not None else None) or RecordedFacts()
    spread = found.parallelism
    share = Fraction(found.budget_bytes or 1, found.memory_bytes or 1)
    asked = Workload(context=found.context, concurrency=found.concurrency, memory_share=share)
    while (tensor := spread.tensor * 2) <= _MOST_TENSOR:
        if any(heads % tensor for heads in (facts.attention_heads,) if heads):
            return
        spread = replace(spread, tensor=tensor, gpus_per_pod=spread.gpus_per_pod * 2)
        now = estimate(
            facts, spread, memory=found.memory_bytes, workload=asked, size=model.size, quantization=model.quantization
        )
        if now.verdict is Verdict.FITS:
            yield from _spread_over(tensor, spread.gpus_per_pod, engine)
            return
