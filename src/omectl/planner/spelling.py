"""Names that somebody may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_NEAREST: Final = 3
_LIKENESS: Final = 0.55


def similar(name: str, known: Iterable[str]) -> list[str]:
    """Known names that are spelled like this one, the nearest first; case does not count."""
    by_spelling: dict[str, str] = {}
    for one in sorted(set(known) - {name}):
        by_spelling.setdefault(one.lower(), one)
    near = get_close_matches(name.lower(), list(by_spelling), n=_NEAREST, cutoff=_LIKENESS)
    return [by_spelling[spelling] for spelling in near]
