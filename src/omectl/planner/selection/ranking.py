"""The order of the runtimes that fit, and what decided between two of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from omectl.planner.selection.candidates import Assessment
from omectl.planner.selection.policy import Measure, Policy


@dataclass(frozen=True, slots=True)
class Ranked:
    """A runtime that fits, with its measure under each criterion of the policy."""

    assessment: Assessment
    measures: tuple[Measure, ...]

    @property
    def name(self) -> str:
        """The runtime's name."""
        return self.assessment.runtime.name

    @property
    def key(self) -> tuple[str, str]:
        """Scope and name."""
        return self.assessment.scope, self.name

    def ties(self, other: "Ranked") -> bool:
        """Whether only the name tells them apart."""
        return self.measures == other.measures


def ranked(assessments: Iterable[Assessment], size: int | None, policy: Policy) -> list[Ranked]:
    """The accepted ones, the best first; the name decides what nothing else does."""
    measured = [
        Ranked(one, tuple(criterion.measure(one, size) for criterion in policy.criteria))
        for one in assessments
        if one.accepted
    ]
    return sorted(measured, key=lambda one: (one.measures, one.name))


def deciding(best: Ranked, other: Ranked, policy: Policy) -> str:
    """What put `best` before `other`."""
    pairs = zip(policy.criteria, best.measures, other.measures, strict=True)
    return next(
        (criterion.text for criterion, ours, theirs in pairs if ours != theirs),
        "only the name, in alphabetical order",
    )
