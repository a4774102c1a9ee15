"""Kubernetes quantities: exact numbers with a unit."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import total_ordering
from typing import Final, Self

_BINARY: Final = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60}
_DECIMAL: Final = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
}
_FORM: Final = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?", re.ASCII
)
_LONGEST: Final = 64


class QuantityError(ValueError):
    """A text is not a quantity."""

    def __init__(self, found: object) -> None:
        self.found = found
        super().__init__(found)

    def __str__(self) -> str:
        return f"wanted a quantity such as 80Gi, 500m or 2.5, found {self.found!r:.80}; correct the value"


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An exact amount. Equal amounts are equal however they were written; `text` is how this one was."""

    amount: Fraction
    text: str = ""

    @classmethod
    def parse(cls, value: str | int) -> Self:
        """The amount of `80Gi`, `500m`, `1e3`, `2.5` or a whole number. Raises: `QuantityError`."""
        text = str(value)
        match = None if isinstance(value, bool) or len(text) > _LONGEST else _FORM.fullmatch(text)
        if match is None:
            raise QuantityError(value)
        number, suffix, exponent = match.groups()
        if exponent is not None:
            unit = Fraction(10) ** int(exponent)
        else:
            unit = Fraction(_BINARY[suffix]) if suffix in _BINARY else _DECIMAL[suffix or ""]
        return cls(Fraction(number.rstrip(".") if number[-1] == "." else number) * unit, text)

    @classmethod
    def of_bytes(cls, count: int) -> Self:
        """A number of bytes, written with the largest binary unit that divides it."""
        for suffix, unit in reversed(_BINARY.items()):
            if count and count % unit == 0:
                return cls(Fraction(count), f"{count // unit}{suffix}")
        return cls(Fraction(count), str(count))

    def ceil(self) -> int:
        """The smallest whole number that is not less, as Kubernetes' `Value()` (away from zero)."""
        whole = -((-abs(self.amount)) // 1)
        return int(whole if self.amount >= 0 else -whole)

    def __str__(self) -> str:
        return self.text or _canonical(self.amount)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.amount == other.amount

    def __lt__(self, other: "Quantity") -> bool:
        return self.amount < other.amount

    def __hash__(self) -> int:
        return hash(self.amount)

    def __add__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.amount + other.amount)

    def __sub__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.amount - other.amount)

    def __mul__(self, factor: int) -> "Quantity":
        return Quantity(self.amount * factor)


def _canonical(amount: Fraction) -> str:
    """Decimal SI form: the largest unit that leaves a whole number; below a billionth it rounds away from zero."""
    for suffix, unit in reversed(_DECIMAL.items()):
        scaled = amount / unit
        if scaled.denominator == 1 and (scaled or not suffix):
            return f"{scaled.numerator}{suffix}"
    billionths = -((-abs(amount) * 10**9) // 1)
    return f"{'-' if amount < 0 else ''}{billionths}n"
