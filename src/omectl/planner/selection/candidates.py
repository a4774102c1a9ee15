"""Looking at one runtime: every check, and the supported format that takes the model."""

from dataclasses import dataclass, field
from typing import TypeAlias

from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime, SupportedModelFormat
from omectl.planner.model import ModelView
from omectl.planner.result import Candidate
from omectl.planner.selection.entry import Code, Difference, differences, priority, score, specificity
from omectl.planner.selection.request import Request, missing_components, template_field
from omectl.planner.selection.size import SizeRange

Runtime: TypeAlias = ServingRuntime | ClusterServingRuntime

NAMESPACE = "namespace"
CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Assessment:
    """One runtime with what speaks against it, and the entry that takes the model (or comes nearest to it)."""

    runtime: Runtime
    differences: tuple[Difference, ...]
    entry: int | None
    notes: tuple[str, ...] = ()
    sizes: SizeRange = field(default_factory=lambda: SizeRange.of(None))

    @property
    def scope(self) -> str:
        """Where the runtime lives."""
        return NAMESPACE if isinstance(self.runtime, ServingRuntime) else CLUSTER

    @property
    def accepted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.differences

    @property
    def supported(self) -> SupportedModelFormat:
        """The entry of an accepted runtime."""
        if self.entry is None:
            raise ValueError(f"runtime {self.runtime.name} has no supported format")
        return entries(self.runtime)[self.entry]

    @property
    def text(self) -> str:
        """All that speaks against it, in words."""
        return "; ".join(difference.text for difference in self.differences)

    def candidate(self, rank: int | None = None, standing: str = "") -> Candidate:
        """The assessment as data; `standing` says in words how the runtime did among the accepted."""
        reasons = (*(difference.text for difference in self.differences), *self.notes)
        return Candidate(
            name=self.runtime.name,
            scope=self.scope,
            score=score(self.supported) if self.accepted else 0,
            accepted=self.accepted,
            reasons=(standing, *reasons) if standing else reasons,
            codes=tuple(dict.fromkeys(difference.code.value for difference in self.differences)),
            rank=rank,
            entry=self.entry if self.accepted else None,
        )


def entries(runtime: Runtime) -> tuple[SupportedModelFormat, ...]:
    """The runtime's supported formats."""
    return runtime.spec.supported_model_formats or ()


def merit(entry: SupportedModelFormat) -> tuple[int, int, int]:
    """What makes one matching entry better than another, smaller being better: priority, weights, pinned attributes."""
    return (-priority(entry), -score(entry), -specificity(entry))


def assess(runtime: Runtime, model: ModelView, request: Request, *, automatic: bool) -> Assessment:
    """Every check of a runtime. `automatic` is the choice among all; one that a service names need not allow that."""
    spec = runtime.spec
    found: list[Difference] = []
    if spec.disabled:
        found.append(Difference(Code.DISABLED, "the runtime is disabled (spec.disabled is true)"))
    requirements = spec.accelerator_requirements
    offered = (requirements.accelerator_classes or ()) if requirements is not None else ()
    if missing := sorted(request.accelerator_classes.difference(offered)):
        text = f"accelerator class: wanted {', '.join(missing)}, the runtime lists {', '.join(offered) or 'none'}"
        found.append(Difference(Code.ACCELERATOR, text))
    index, against = _best_entry(runtime, model, automatic=automatic)
    found += against
    sizes = SizeRange.of(spec.model_size_range)
    if (size := sizes.difference(model)) is not None:
        found.append(size)
    for component in missing_components(request, spec):
        text = f"{component}: wanted by the service without an image, the runtime has no {template_field(component)}"
        found.append(Difference(Code.COMPONENT, text))
    notes: list[str] = []
    if spec.decoder_config is not None and not request.wants_decoder:
        text = "the runtime's engine only prefills (it has a decoderConfig) and the service has no decoder"
        if automatic:
            found.append(Difference(Code.NEEDS_DECODER, text))
        else:
            notes.append(text)
    if model.size is None and not sizes.open and not found:
        notes.append(f"the model's size is unknown, so the range {sizes.text} was not checked")
    return Assessment(runtime, tuple(found), index, tuple(notes), sizes)


def _best_entry(runtime: Runtime, model: ModelView, *, automatic: bool) -> tuple[int | None, list[Difference]]:
    """The entry that takes the model (of several the best), else what the nearest one lacks."""
    known = entries(runtime)
    if not known:
        return None, [Difference(Code.NO_FORMATS, "the runtime supports no formats (supportedModelFormats is empty)")]
    checked: list[list[Difference]] = []
    for entry in known:
        against = list(differences(entry, model))
        if automatic and not entry.auto_select:
            text = "it may only be chosen by name (autoSelect is not true on the format)"
            against.append(Difference(Code.NOT_AUTO_SELECTABLE, text))
        checked.append(against)
    nearest = min(len(against) for against in checked)
    closest = [index for index, against in enumerate(checked) if len(against) == nearest]
    best = min(closest, key=lambda index: (*merit(known[index]), index))
    against = checked[best]
    if against and len(known) > 1:
        last = against[-1]
        against[-1] = Difference(last.code, f"{last.text} (nearest of {len(known)} supported formats)")
    return best, against
