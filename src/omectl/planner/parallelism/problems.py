"""What is wrong with a parallelism, as data: a code, the numbers, and no prose."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Kinds of trouble."""

    HEADS_UNEVEN = "HeadsUneven"
    """The attention heads (`wanted`) cannot be split over the tensor-parallel GPUs (`found`)."""
    KEY_VALUE_HEADS_UNEVEN = "KeyValueHeadsUneven"
    """Neither the heads of keys and values (`wanted`) divide by the tensor-parallel GPUs (`found`), nor the reverse."""
    TOO_MANY_STAGES = "TooManyStages"
    """More pipeline stages (`found`) than layers (`wanted`)."""
    GPUS_DIFFER = "GpusDiffer"
    """Fewer ranks (`found`) than GPUs that the pods ask for (`wanted`): the others idle."""
    TOO_MANY_RANKS = "TooManyRanks"
    """More ranks (`found`) than GPUs that the pods ask for (`wanted`): no engine starts so."""
    MORE_THAN_A_NODE = "MoreThanANode"
    """A pod asks for more GPUs (`found`) than a node has (`wanted`)."""
    EXPERTS_UNEVEN = "ExpertsUneven"
    """The experts (`wanted`) cannot be split over the GPUs that share them (`found`)."""
    DIMENSION_OVERRULED = "DimensionOverruled"
    """The author of the service wrote another value (`found`) than the one computed or set (`wanted`) for `subject`."""
    NOT_RENDERED = "NotRendered"
    """`subject` could not be written with the value `wanted`: there is only a shell's text to write into."""
    COUNT_RAISED = "CountRaised"
    """A container asks for more GPUs (`wanted`) than the class or the parallelism gives (`found`); the more counts."""
    COUNT_TOO_SMALL = "CountTooSmall"
    """The author of the service asks for fewer GPUs (`found`) than the parallelism needs (`wanted`)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One of them; `subject` names a flag, a variable or a field, "" for the whole."""

    code: Code
    wanted: str
    found: str
    subject: str = ""
