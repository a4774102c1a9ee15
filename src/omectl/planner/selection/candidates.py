"""Looking at one runtime: every check, and the supported format that takes the model."""

from typing import Final, NamedTuple

from omectl.api.serving_runtime import ServingRuntime, SupportedModelFormat
from omectl.planner.result import Candidate
from omectl.planner.selection.difference import OF_THE_MODEL, Difference
from omectl.planner.selection.entry import priority, score
from omectl.planner.selection.inquiry import Answers
from omectl.planner.selection.size import SizeRange
from omectl.planner.selection.terms import PREFILLS_ONLY, Runtime, Terms, terms_of

NAMESPACE: Final = "namespace"
CLUSTER: Final = "cluster"


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


def assess(runtime: Runtime, answers: Answers) -> Assessment:
    """Every check of a runtime, in words."""
    terms, inquiry = terms_of(runtime), answers.inquiry
    index, against = _best_entry(terms, answers)
    found = (*answers.against(terms.first), *against, *answers.against(terms.last))
    notes: list[str] = []
    decodes = inquiry.request.wants_decoder or inquiry.request.takes_all
    if runtime.spec.decoder_config is not None and not decodes and not inquiry.rules.automatic:
        notes.append(PREFILLS_ONLY)
    if inquiry.model.size is None and not terms.sizes.open and not found:
        notes.append(f"the model's size is unknown, so the range {terms.sizes.text} was not checked")
    return Assessment(runtime, found, index, tuple(notes), terms.sizes)


def _best_entry(terms: Terms, answers: Answers) -> tuple[int | None, list[Difference]]:
    """The entry that takes the model (of several the best), else what the nearest one lacks."""
    checked = [answers.against(stated) for stated in terms.statements]
    if len(checked) < 2:
        return (0, checked[0]) if checked else (None, [])
    fewest = min(map(len, checked))
    closest = [index for index, against in enumerate(checked) if len(against) == fewest]
    if fewest and len(closest) > 1:
        misses = [_of_the_model(checked[index]) for index in closest]
        nearest = min(misses)
        closest = [index for index, missed in zip(closest, misses, strict=True) if missed == nearest]
    best = min(closest, key=terms.merits(answers.inquiry.rules.merit).__getitem__) if len(closest) > 1 else closest[0]
    against = checked[best]
    if against:
        last = against[-1]
        against[-1] = last._replace(text=f"{last.text} (nearest of {len(checked)} supported formats)")
    return best, against


def _of_the_model(against: list[Difference]) -> int:
    """How many say that the entry does not take the model: nearer is one that only may not be chosen unasked."""
    return sum([difference.code in OF_THE_MODEL for difference in against])
