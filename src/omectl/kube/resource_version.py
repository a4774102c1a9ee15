"""Comparing resource versions: decimal numbers of any length, of one kind on one server."""


def is_comparable(version: str) -> bool:
    """A positive decimal number without sign or leading zeros."""
    return version.isascii() and version.isdigit() and version[0] != "0"


def compare(left: str, right: str) -> int:
    """Negative, zero or positive as `left` is older, equal or newer. Raises ValueError for anything but numbers."""
    for version in (left, right):
        if not is_comparable(version):
            raise ValueError(f"wanted a resource version like 4711, found {version!r}")
    if len(left) != len(right):
        return len(left) - len(right)
    return (left > right) - (left < right)


def reached(seen: str, wanted: str) -> bool:
    """`seen` is at least `wanted`; an unknown or opaque version has reached nothing but itself."""
    if seen == wanted:
        return True
    return is_comparable(seen) and is_comparable(wanted) and compare(seen, wanted) >= 0
