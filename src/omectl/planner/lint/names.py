"""Sizes that names tell: `70b`, `1-5b` for 1.5, `7b1` for 7.1, `8x7b`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_UNITS: Final = {"b": 10**9, "m": 10**6, "t": 10**12}
_SIZE: Final = re.compile(
    r"(?<![a-z0-9])(?:(?P<whole>[0-9]{1,3})[-.])?(?:(?P<experts>[0-9]{1,3})x)?"
    r"(?P<number>[0-9]{1,4})(?P<unit>[bmt])(?P<tenths>[0-9]?)(?![a-z0-9])",
    re.ASCII,
)
_EXPERTS: Final = re.compile(r"(?<![a-z0-9])[0-9]{1,3}e(?![a-z0-9])", re.ASCII)
_SLACK: Final = Fraction(1, 10)
"""A model that is called 7b may have a tenth more or fewer parameters."""


@dataclass(frozen=True, slots=True)
class NamedSize:
    """A size that a name tells, as parameters from `least` to `most`."""

    text: str
    least: Fraction
    most: Fraction


def named_sizes(name: str) -> tuple[NamedSize, ...]:
    """What the name may mean, each reading once; nothing when it tells no size, or that of one expert (`17b-16e`)."""
    text = name.lower()
    if _EXPERTS.search(text) is not None:
        return ()
    return tuple(dict.fromkeys(size for match in _SIZE.finditer(text) for size in _readings(match)))


def _readings(match: re.Match[str]) -> Iterator[NamedSize]:
    unit = match["unit"]
    number = Fraction(f"{match['number']}.{match['tenths'] or 0}")
    if match["experts"] is not None:
        # Experts share what is not in them, so that the whole lies between one expert and all of them.
        yield _sized(match[0].rpartition("-")[2], number, number * int(match["experts"]), unit)
        return
    written = f"{match['number']}.{match['tenths']}" if match["tenths"] else match["number"]
    yield _sized(f"{written}{unit.upper()}", number, number, unit)
    if match["whole"] is not None and not match["tenths"]:
        both = f"{match['whole']}.{match['number']}"
        yield _sized(f"{both}{unit.upper()}", Fraction(both), Fraction(both), unit)


def _sized(text: str, least: Fraction, most: Fraction, unit: str) -> NamedSize:
    return NamedSize(text, least * _UNITS[unit] * (1 - _SLACK), most * _UNITS[unit] * (1 + _SLACK))
