"""Times at which a component has to have so many replicas: KEDA's `cron` trigger.

Between `start` and `end` there are at least `desiredReplicas`; outside, the other triggers and the lower bound decide.
"""

import re
from collections.abc import Mapping
from typing import Final

from omectl.planner.scaling.bounds import Replicas
from omectl.planner.scaling.target import invalid

CRON: Final = "cron"
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 6, _DAYS))
"""Lowest and highest number, and the names that stand for numbers: minute, hour, day, month, day of the week."""
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII)


def check_schedule(metadata: Mapping[str, str], bounds: Replicas, where: str) -> None:
    """Refuse a `cron` trigger that KEDA cannot read, or that cannot have its replicas. Raises `PlanRefused`."""
    for name in ("start", "end"):
        text = metadata.get(name, "")
        if not is_cron(text):
            wanted = "minute, hour, day, month and day of the week, such as 0 8 * * 1-5"
            raise invalid(f"{where}.{name}", wanted, repr(text), "correct it")
    if metadata["start"] == metadata["end"]:
        raise invalid(f"{where}.end", "another time than start", repr(metadata["end"]), "correct it")
    zone = metadata.get("timezone", "")
    if not _ZONE.fullmatch(zone):
        raise invalid(
            f"{where}.timezone", "a name of the time zone database, such as Europe/Berlin", repr(zone), "set it"
        )
    number = metadata.get("desiredReplicas", "")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= bounds.most):
        wanted = f"a number from 1 to maxReplicas ({bounds.most})"
        raise invalid(f"{where}.desiredReplicas", wanted, repr(number), "correct it, or raise maxReplicas")


def is_cron(text: str) -> bool:
    """Whether the text is a schedule of five fields."""
    parts = text.split()
    return len(parts) == len(_FIELDS) and all(
        all(_is_range(one.lower(), *field) for one in part.split(","))
        for part, field in zip(parts, _FIELDS, strict=True)
    )


def _is_range(text: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    """`*`, `?`, `3`, `3-9`, each with `/2` behind it."""
    span, slash, step = text.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
        return False
    if span in ("*", "?"):
        return True
    first, hyphen, last = span.partition("-")
    numbers = [_number(one, low, high, names) for one in ((first, last) if hyphen else (first,))]
    return all(number >= 0 for number in numbers) and numbers == sorted(numbers)


def _number(text: str, low: int, high: int, names: tuple[str, ...]) -> int:
    """The number that the text stands for, -1 for none in the bounds."""
    if text in names:
        return names.index(text) + low
    found = int(text) if text.isascii() and text.isdigit() else -1
    return found if low <= found <= high else -1
