"""One reason against a runtime or a class, and what would end it."""

from dataclasses import dataclass

from omectl.planner.report.change import Change


@dataclass(frozen=True, slots=True)
class Check:
    """One reason against, with wanted and found in words.

    Every one of `changes`, or every one of `instead`, would end it; of many runtimes in an answer nobody wants all.
    `advice` says in words what to do where no field is wrong.
    """

    code: str
    text: str
    changes: tuple[Change, ...] = ()
    instead: tuple[Change, ...] = ()
    advice: str = ""


def ready(check: Check) -> tuple[Change, ...]:
    """The first way that needs nothing of the user's own, else the first; nothing where no field is wrong."""
    ways = [way for way in (check.changes, check.instead) if way]
    return next((way for way in ways if not any(one.to_fill for one in way)), ways[0] if ways else ())
