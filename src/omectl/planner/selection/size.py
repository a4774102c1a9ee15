"""A runtime's range of model sizes: does a model fit, and how well."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from omectl.api.serving_runtime import ModelSizeRangeSpec
from omectl.planner.model import ModelView, read_size
from omectl.planner.selection.difference import Code, Difference

_ZERO: Final = re.compile(r"0+(?:\.0*)?[TBMK]?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SizeRange:
    """A range of parameter counts, both ends included; None is open. `unreadable` names a bound that is no size."""

    low: int | None
    high: int | None
    text: str
    unreadable: str = ""

    @classmethod
    def of(cls, spec: ModelSizeRangeSpec | None) -> "SizeRange":
        """The range that a runtime states, open on both sides when it states none."""
        return _read(spec.min, spec.max) if spec is not None else _OPEN

    @property
    def open(self) -> bool:
        """Whether every size is inside."""
        return self.low is None and self.high is None and not self.unreadable

    @property
    def open_ends(self) -> int:
        """How many of the two ends are open."""
        return (self.low is None) + (self.high is None)

    @property
    def width(self) -> int:
        """From end to end, 0 when one is open."""
        return self.high - self.low if self.low is not None and self.high is not None else 0

    def difference(self, model: ModelView) -> Difference | None:
        """Why the model does not fit. One whose size nobody knows fits every range."""
        if self.open or (model.size is None and model.size_readable):
            return None
        if model.size is None:
            text = f"size: wanted {self.text}, modelParameterSize {model.size_text!r} is no size; write 7B or 350M"
            return Difference(Code.SIZE_UNREADABLE, text)
        if self.unreadable:
            return Difference(Code.SIZE_UNREADABLE, f"size: {self.unreadable} is no size; write 7B or 350M")
        if (self.low is not None and model.size < self.low) or (self.high is not None and model.size > self.high):
            return Difference(Code.SIZE, f"size: wanted {self.text}, found {model.size_text}")
        return None

    def distance(self, size: int) -> Fraction:
        """How often the size goes into the middle of the range, or the middle into it; 0 when an end is open."""
        if self.low is None or self.high is None:
            return Fraction(0)
        ratio = Fraction(2 * size, self.low + self.high)
        return max(ratio, 1 / ratio)


_OPEN: Final = SizeRange(None, None, "")


@lru_cache(maxsize=4096)
def _read(low: str | None, high: str | None) -> SizeRange:
    least, most = _bound(low), _bound(high)
    odd = ""
    if high is not None and most is None:
        odd = f"modelSizeRange.max {high!r}"
    if low is not None and least is None:
        odd = f"modelSizeRange.min {low!r}"
    return SizeRange(least, most, f"{low or '0'} to {high or 'any'}", odd)


def _bound(text: str | None) -> int | None:
    return 0 if text is not None and _ZERO.fullmatch(text[:40]) else read_size(text)
