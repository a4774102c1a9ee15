"""Versions of accelerator architectures, compared as numbers: 10.0 comes after 9.0."""

import re
from typing import Final

_FORM: Final = re.compile(r"[vV]?([0-9]{1,9}(?:\.[0-9]{1,9}){0,7})", re.ASCII)


def version_parts(text: str) -> tuple[int, ...] | None:
    """`9.0` as (9,), `8.9` as (8, 9): zeros at the end say nothing. None for what is no dotted number."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    parts = [int(part) for part in match[1].split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
