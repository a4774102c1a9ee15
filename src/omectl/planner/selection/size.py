"""A runtime's range of model sizes: does a model fit, and how well."""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Self

from omectl.api.serving_runtime import ModelSizeRangeSpec
from omectl.planner.model import ModelView, read_size
from omectl.planner.selection.entry import Code, Difference


class Fit(NamedTuple):
    """How well a range fits, smaller being better: bounded before open, narrow before wide, then near the centre."""

    openness: int
    width: int
    distance: Fraction


@dataclass(frozen=True, slots=True)
class SizeRange:
    """A range of parameter counts, both ends included; None is open. `unreadable` names a bound that is no size."""

    low: int | None
    high: int | None
    text: str
    unreadable: str = ""

    @classmethod
    def of(cls, spec: ModelSizeRangeSpec | None) -> Self:
        """The range that a runtime states, open on both sides when it states none."""
        if spec is None:
            return cls(None, None, "")
        bounds = (("min", spec.min), ("max", spec.max))
        low, high = (read_size(text) for _, text in bounds)
        odd = [f"modelSizeRange.{name} {text!r}" for name, text in bounds if text is not None and not read_size(text)]
        return cls(low, high, f"{spec.min or '0'} to {spec.max or 'any'}", odd[0] if odd else "")

    @property
    def open(self) -> bool:
        """Whether every size is inside."""
        return self.low is None and self.high is None and not self.unreadable

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

    def fit(self, size: int | None) -> Fit:
        """How well a model of this size fits, which it does. Without a size every range is as good as another."""
        if size is None:
            return Fit(0, 0, Fraction(0))
        if self.low is None or self.high is None:
            return Fit((self.low is None) + (self.high is None), 0, Fraction(0))
        centre = Fraction(self.low + self.high, 2)
        ratio = Fraction(size) / centre
        return Fit(0, self.high - self.low, max(ratio, 1 / ratio))
