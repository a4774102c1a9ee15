"""Lists of names and globs that a model's attribute is held against."""

from typing import Final

ANY: Final = "any"
"""Every model, also one that states nothing."""
NONE: Final = "none"
"""A model that states nothing."""
_STAR: Final = "*"


def takes(patterns: tuple[str, ...], found: str | None) -> bool:
    """Whether one of the patterns takes the attribute; None is one that the model does not state."""
    if ANY in patterns:
        return True
    if found is None:
        return NONE in patterns
    return any(glob_matches(pattern, found) for pattern in patterns if pattern != NONE)


def glob_matches(pattern: str, text: str) -> bool:
    """Whether the text is the pattern, where each `*` stands for any characters or none. Case counts."""
    first, *rest = pattern.split(_STAR)
    if not rest:
        return text == pattern
    last = rest.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in rest:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def pins(patterns: tuple[str, ...]) -> bool:
    """Whether only one value is taken."""
    return len(set(patterns)) == 1 and patterns[0] != ANY and _STAR not in patterns[0]


def narrows(patterns: tuple[str, ...]) -> bool:
    """Whether some value is refused."""
    return ANY not in patterns and (_STAR not in patterns or NONE not in patterns)
