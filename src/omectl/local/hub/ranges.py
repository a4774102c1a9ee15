"""`Range` headers of HTTP, for one range of bytes."""

import re

_RANGE = re.compile(r"^bytes=(\d{0,18})-(\d{0,18})$")


class UnsatisfiableRangeError(ValueError):
    """The range lies outside the file."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last; None when the whole file is meant.

    A header that is not one range of bytes is ignored, as HTTP says.
    """
    match = _RANGE.match(header.replace(" ", "")) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        count = int(match[2])
        if count == 0 or size == 0:
            raise UnsatisfiableRangeError(header)
        return max(0, size - count), size
    start = int(match[1])
    end = int(match[2]) + 1 if match[2] else size
    if match[2] and end <= start:
        return None
    if start >= size:
        raise UnsatisfiableRangeError(header)
    return start, min(end, size)
