"""What an estimate found: numbers and codes. Words are made elsewhere."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from omectl.planner.fit.constants import MEMORY_SHARE
from omectl.planner.fit.shape import Assumption
from omectl.planner.parallelism import Parallelism


class Verdict(StrEnum):
    """Whether the model fits."""

    FITS = "fits"
    TIGHT = "tight"
    """Only when the engine takes a larger share of the GPU than it does by default, or than it was told to."""
    DOES_NOT_FIT = "does_not_fit"
    UNKNOWN = "unknown"
    """The model's size or the GPU's memory are not known."""


class TermName(StrEnum):
    """Parts of the memory of one GPU."""

    WEIGHTS = "weights"
    CACHE = "cache"
    ACTIVATIONS = "activations"
    RUNTIME = "runtime"


@dataclass(frozen=True, slots=True)
class Term:
    """One part, in bytes on the fullest GPU."""

    name: TermName
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What is to be served. None: as much as the model can take, or as the engine would take by default.

    `concurrency` sequences run at once, each of `context` tokens, over all data ranks. `cache_bytes` is the size of one
    number in the cache. `dtype_bytes` overrides the size of an unquantized number.
    """

    context: int | None = None
    concurrency: int = 1
    batch_tokens: int | None = None
    sequences: int | None = None
    cache_bytes: int | None = None
    dtype_bytes: int | None = None
    memory_share: Fraction = MEMORY_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """The estimate for one GPU, the fullest.

    `required_bytes` is the sum of the terms, or what the runtime's author says (`author_bytes`). `budget_bytes` is the
    engine's share of `memory_bytes`. `largest_context` is for the asked concurrency and `largest_concurrency` for the
    asked context, both by memory alone; None when memory sets no bound or is unknown. `context_limit` is the model's.
    """

    verdict: Verdict
    parallelism: Parallelism
    terms: tuple[Term, ...] = ()
    context: int = 0
    concurrency: int = 0
    required_bytes: int = 0
    author_bytes: int | None = None
    memory_bytes: int | None = None
    budget_bytes: int | None = None
    largest_context: int | None = None
    largest_concurrency: int | None = None
    context_limit: int | None = None
    assumptions: tuple[Assumption, ...] = ()

    def bytes_of(self, name: TermName) -> int:
        """The bytes of one term, 0 when it is not there."""
        return next((term.bytes for term in self.terms if term.name == name), 0)
