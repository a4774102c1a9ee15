"""Looking at one runtime: every check, and the supported format that takes the model."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from omectl.api.serving_runtime import ServingRuntime, SupportedModelFormat
from omectl.planner.model import ModelView
from omectl.planner.result import Candidate
from omectl.planner.selection.difference import OF_THE_MODEL, Code, Difference
from omectl.planner.selection.entry import Statement, Told, held_against, priority, score
from omectl.planner.selection.formats import EntryMerit, Formats, Runtime, formats_of
from omectl.planner.selection.request import Request, missing_components, template_field
from omectl.planner.selection.size import SizeRange

NAMESPACE: Final = "namespace"
CLUSTER: Final = "cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRules:
    """How entries of one runtime compare: `merit` is smaller for the better one of those that take the model.

    `automatic` is the choice among all runtimes; one that a service names need not allow that. With `needs_score` an
    entry whose score is not above 0 is not chosen then.
    """

    merit: EntryMerit
    automatic: bool
    needs_score: bool = False


class Assessment(NamedTuple):
    """One runtime with what speaks against it, and the entry that takes the model (or comes nearest to it).

    `hindrance` is why its accelerators would not do, of a runtime that fits otherwise; None also while nobody looked.
    """

    runtime: Runtime
    differences: tuple[Difference, ...]
    entry: int | None
    notes: tuple[str, ...]
    sizes: SizeRange
    hindrance: Difference | None = None

    @property
    def scope(self) -> str:
        """Where the runtime lives."""
        return scope_of(self.runtime)

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
        if self.differences:
            reasons = [difference.text for difference in self.differences]
            codes = tuple(dict.fromkeys([str(difference.code) for difference in self.differences]))
            return Candidate(
                self.runtime.name, self.scope, 0, accepted=False, reasons=(*reasons, *self.notes), codes=codes
            )
        entry = self.supported
        told = (standing, self.hindrance.text if self.hindrance is not None else "", *self.notes)
        return Candidate(
            name=self.runtime.name,
            scope=self.scope,
            score=score(entry),
            accepted=True,
            reasons=tuple([text for text in told if text]),
            rank=rank,
            entry=self.entry,
            priority=priority(entry),
        )


def scope_of(runtime: Runtime) -> str:
    """Where a runtime lives."""
    return NAMESPACE if isinstance(runtime, ServingRuntime) else CLUSTER


def entries(runtime: Runtime) -> tuple[SupportedModelFormat, ...]:
    """The runtime's supported formats."""
    return runtime.spec.supported_model_formats or ()


def assess(
    runtime: Runtime, model: ModelView, request: Request, rules: EntryRules, told: Told | None = None
) -> Assessment:
    """Every check of a runtime. `told` is one for all runtimes that are assessed for the same model: it spares work."""
    spec = runtime.spec
    found: list[Difference] = []
    notes: list[str] = []
    if spec.disabled:
        found.append(Difference(Code.DISABLED, "the runtime is disabled (spec.disabled is true)"))
    if request.accelerator_classes:
        requirements = spec.accelerator_requirements
        offered = (requirements.accelerator_classes or ()) if requirements is not None else ()
        if missing := sorted(request.accelerator_classes.difference(offered)):
            text = f"accelerator class: wanted {', '.join(missing)}, the runtime lists {', '.join(offered) or 'none'}"
            found.append(Difference(Code.ACCELERATOR, text))
    index, against = _best_entry(formats_of(runtime), model, rules, {} if told is None else told)
    found += against
    sizes = SizeRange.of(spec.model_size_range)
    if (size := sizes.difference(model)) is not None:
        found.append(size)
    for component in missing_components(request, spec):
        text = f"{component}: wanted by the service without an image, the runtime has no {template_field(component)}"
        found.append(Difference(Code.COMPONENT, text, component))
    if spec.decoder_config is not None and not request.wants_decoder:
        text = "the runtime's engine only prefills (it has a decoderConfig) and the service has no decoder"
        if rules.automatic:
            found.append(Difference(Code.NEEDS_DECODER, text))
        else:
            notes.append(text)
    if model.size is None and not sizes.open and not found:
        notes.append(f"the model's size is unknown, so the range {sizes.text} was not checked")
    return Assessment(runtime, tuple(found), index, tuple(notes), sizes)


def _best_entry(
    formats: Formats, model: ModelView, rules: EntryRules, told: Told
) -> tuple[int | None, list[Difference]]:
    """The entry that takes the model (of several the best), else what the nearest one lacks."""
    known, statements = formats.entries, formats.statements
    if not known:
        return None, [Difference(Code.NO_FORMATS, "the runtime supports no formats (supportedModelFormats is empty)")]
    if len(known) == 1:
        return 0, _against(known[0], statements[0], model, rules, told)
    checked = [_against(entry, stated, model, rules, told) for entry, stated in zip(known, statements, strict=True)]
    fewest = min(map(len, checked))
    closest = [index for index, against in enumerate(checked) if len(against) == fewest]
    if fewest and len(closest) > 1:
        misses = [_of_the_model(checked[index]) for index in closest]
        nearest = min(misses)
        closest = [index for index, missed in zip(closest, misses, strict=True) if missed == nearest]
    best = min(closest, key=formats.merits(rules.merit).__getitem__) if len(closest) > 1 else closest[0]
    against = checked[best]
    if against:
        last = against[-1]
        against[-1] = last._replace(text=f"{last.text} (nearest of {len(known)} supported formats)")
    return best, against


def _of_the_model(against: list[Difference]) -> int:
    """How many say that the entry does not take the model: nearer is one that only may not be chosen unasked."""
    return sum([difference.code in OF_THE_MODEL for difference in against])


def _against(
    entry: SupportedModelFormat, statements: tuple[Statement, ...], model: ModelView, rules: EntryRules, told: Told
) -> list[Difference]:
    """All that speaks against one entry."""
    against = held_against(statements, model, told)
    if not rules.automatic:
        return against
    if not entry.auto_select:
        text = "it may only be chosen by name (autoSelect is not true on the format)"
        against.append(Difference(Code.NOT_AUTO_SELECTABLE, text))
    if rules.needs_score and (points := score(entry)) <= 0:
        text = f"score: wanted more than 0, found {points} (priority {priority(entry)} times the weights)"
        against.append(Difference(Code.NO_SCORE, text))
    return against
