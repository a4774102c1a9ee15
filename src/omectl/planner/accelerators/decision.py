"""The choice of a class as data: what was asked, every candidate with its reasons, what it costs."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Code(StrEnum):
    """Why a class was passed over."""

    NOT_FOUND = "ClassNotFound"
    DELETING = "ClassDeleting"
    EXCLUDED = "Excluded"
    FAMILY = "FamilyMismatch"
    MEMORY_UNKNOWN = "MemoryUnknown"
    MEMORY_TOO_SMALL = "MemoryTooSmall"
    MEMORY_TOO_LARGE = "MemoryTooLarge"
    FEATURE = "FeatureMissing"
    VERSION_UNKNOWN = "ArchitectureVersionUnknown"
    VERSION = "ArchitectureVersionTooLow"
    NO_NODES = "NoNodes"
    COST_UNKNOWN = "CostUnknown"
    NO_ROOM = "NoFreeAccelerators"
    """It fits, but no pod finds its accelerators there now; such a class comes after those with room."""
    BEHIND = "RankedLower"


class Outcome(StrEnum):
    """How a component came to its class, or why it has none."""

    NOT_ASKED = "NotAsked"
    NAMED_BY_COMPONENT = "NamedByComponent"
    NAMED_BY_SERVICE = "NamedByService"
    NAMED_BY_ANNOTATION = "NamedByAnnotation"
    CHOSEN_BY_POLICY = "ChosenByPolicy"
    KEPT = "Kept"
    CLASS_NOT_FOUND = "ClassNotFound"
    UNKNOWN_POLICY = "UnknownPolicy"
    NO_CLASSES_LISTED = "RuntimeListsNoClasses"
    NONE_ELIGIBLE = "NoEligibleClass"


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason against a class, and what would have to change for it to go."""

    code: Code
    text: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCandidate:
    """One class that was looked at.

    `rank` counts from 1 among the eligible, None for the others. `score` is the policy's own number, larger being
    better but for Cheapest, where it is the price; None when nothing was scored. `free` and `nodes` are None while
    nobody has counted. `codes`, `reasons` and `remedies` belong together, one by one; a remedy is what would have to
    change, "" where there is nothing to mend.
    """

    name: str
    rank: int | None = None
    score: float | None = None
    nodes: int | None = None
    free: int | None = None
    codes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassDecision:
    """What one component gets. `class_name` is "" without a class.

    `accelerators` are those of one pod as it is rendered; prices are dollars an hour of it, None when unknown. `better`
    names the class that the policy would choose afresh when the one that the component has was kept; `tied` are classes
    that only the name put behind the one chosen. `ask` is the mark of what was asked: a class is kept as long as it
    stays the same.
    """

    component: str
    class_name: str = ""
    outcome: Outcome = Outcome.NOT_ASKED
    text: str = ""
    policy: str = ""
    candidates: tuple[ClassCandidate, ...] = ()
    accelerators: int = 0
    cost_per_hour: Fraction | None = None
    spot_cost_per_hour: Fraction | None = None
    better: str = ""
    tied: tuple[str, ...] = ()
    ask: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def came_by(self) -> Outcome:
        """How the component came to its class, whether or not another would be chosen by now."""
        return Outcome.CHOSEN_BY_POLICY if self.outcome is Outcome.KEPT else self.outcome
