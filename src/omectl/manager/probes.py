"""Named health checks and the text of a probe's answer. No input or output.

A check answers what is wrong, or None. It runs at every probe in the event loop, so it only looks at memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Check: TypeAlias = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and text of one probe."""

    healthy: bool
    text: str

    @property
    def status(self) -> int:
        return 200 if self.healthy else 500


class Checks:
    """The checks behind one probe path; without any, an implicit `ping` that is always well."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Add a check; its name is also its sub-path, so it has no slash."""
        if not name or "/" in name or name in self._checks:
            raise ValueError(f"wanted a new check's name without a slash for {self.name}, found {name!r}")
        self._checks[name] = check

    def remove(self, name: str) -> None:
        self._checks.pop(name, None)

    def answer(self, *, verbose: bool = False, exclude: Iterable[str] = ()) -> Answer:
        """The answer for all checks but the excluded ones; it lists every check when one fails or when asked to."""
        checks: Mapping[str, Check] = self._checks or {"ping": _always_well}
        excluded = set(exclude)
        lines: list[str] = []
        healthy = True
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok")
                continue
            problem = _run(check)
            healthy = healthy and problem is None
            lines.append(f"[+]{name} ok" if problem is None else f"[-]{name} failed: {problem}")
        unknown = sorted(excluded - checks.keys())
        if unknown:
            lines.append("warn: some health checks cannot be excluded: no matches for " + ", ".join(unknown))
        if healthy and not verbose:
            return Answer(True, "ok")
        lines.append(f"{self.name} check {'passed' if healthy else 'failed'}")
        return Answer(healthy, "\n".join(lines) + "\n")

    def answer_one(self, name: str) -> Answer | None:
        """The answer of one check; None when there is none of that name."""
        check = self._checks.get(name, _always_well if name == "ping" and not self._checks else None)
        if check is None:
            return None
        problem = _run(check)
        return Answer(True, "ok") if problem is None else Answer(False, f"{name} failed: {problem}\n")


def _run(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # a broken check is an unhealthy one
        return f"the check itself failed: {type(error).__name__}: {error}"


def _always_well() -> str | None:
    return None
