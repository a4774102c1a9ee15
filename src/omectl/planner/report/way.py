"""One way out of a problem."""

from dataclasses import dataclass

from omectl.planner.report.change import Change


@dataclass(frozen=True, slots=True)
class Way:
    """One way: in words, and the changes that it consists of; none where nobody but the user can say which."""

    text: str
    changes: tuple[Change, ...] = ()
