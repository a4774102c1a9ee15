"""Version specifiers as PEP 440 has them (`>=4.43,<5`), for the versions that models are written by.

Development and post releases, release candidates and forks (`4.51.3-SAM-HQ-preview`) compare as their base, unless the
specifier itself names one: `>=4.45` takes `4.45.0.dev0`, and `==4.45.0.dev0` takes only that.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

_LONGEST: Final = 200
_VERSION: Final = re.compile(
    r"v?(?:(?P<epoch>[0-9]{1,9})!)?(?P<release>[0-9]{1,18}(?:\.[0-9]{1,18}){0,9})(?P<suffix>(?:[-+._][a-z0-9]|[a-z]).*)?",
    re.ASCII | re.IGNORECASE,
)
_SUFFIX: Final = re.compile(
    r"(?:[-_.]?(?P<stage>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<of_stage>[0-9]{0,18}))?"
    r"(?:[-_.]?(?P<post>post|rev|r)[-_.]?(?P<of_post>[0-9]{0,18})|-(?P<bare_post>[0-9]{1,18}))?"
    r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<of_dev>[0-9]{0,18}))?"
    r"(?P<local>\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?",
    re.ASCII | re.IGNORECASE,
)
_CLAUSE: Final = re.compile(r"(?P<operator>~=|===|==|!=|<=|>=|<|>|)[ ]*(?P<version>[^\s<>=~]+)")
_STAGES: Final = {"alpha": 0, "a": 0, "beta": 1, "b": 1, "preview": 2, "pre": 2, "c": 2, "rc": 2}
_NO_STAGE: Final = 3
_Order: TypeAlias = tuple[int, ...]

_TAKEN: Final = {"==": (0,), "!=": (-1, 1), "<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}
"""For each operator: whether the version may be before (-1), at (0) or after (1) the bound."""


@dataclass(frozen=True, slots=True)
class Release:
    """A version. `base` has no zeros at its end; `order` is None when the suffix is none that PEP 440 knows."""

    text: str
    epoch: int
    base: tuple[int, ...]
    precision: int
    official: bool
    order: tuple[_Order, ...] | None


@lru_cache(maxsize=4096)
def parse_release(text: str) -> Release | None:
    """The version, or None when the text does not begin like one (`latest`)."""
    found = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    numbers = tuple(int(part) for part in found["release"].split("."))
    base = numbers
    while base and not base[-1]:
        base = base[:-1]
    epoch, suffix = int(found["epoch"] or 0), found["suffix"] or ""
    known = _SUFFIX.fullmatch(suffix)
    order = ((epoch, *base), *_suffix_order(known), _local(known["local"])) if known is not None else None
    return Release(text, epoch, base, len(numbers), not suffix, order)


@dataclass(frozen=True, slots=True)
class Clause:
    """One bound of a set. `prefix` is that of `==4.43.*`."""

    text: str
    operator: str
    release: Release
    prefix: bool = False

    def takes(self, found: Release) -> bool:
        """Whether the version is within the bound."""
        ours = self.release
        if self.operator == "===":
            return ours.text == found.text
        if self.operator == "~=":
            return self._side(found) >= 0 and _begins(found, ours, ours.precision - 1)
        if self.prefix:
            return _begins(found, ours, ours.precision) is (self.operator == "==")
        return self._side(found) in _TAKEN[self.operator]

    def _side(self, found: Release) -> int:
        """Where the version lies: before (-1), at (0) or after (1) the bound."""
        ours = self.release
        if not ours.official and ours.order is not None and found.order is not None:
            return (found.order > ours.order) - (found.order < ours.order)
        theirs, bound = (found.epoch, found.base), (ours.epoch, ours.base)
        side = (theirs > bound) - (theirs < bound)
        if side == 0 and not ours.official and found.text != ours.text:
            return 1  # a fork's suffix has no order: it is another version, beyond the bound
        return side


@dataclass(frozen=True, slots=True)
class SpecifierSet:
    """Bounds that all have to hold."""

    clauses: tuple[Clause, ...]

    @property
    def exact(self) -> bool:
        """Whether one version is named."""
        return any(clause.operator in ("==", "===") and not clause.prefix for clause in self.clauses)

    def failing(self, found: Release) -> str:
        """The first bound that the version breaks, "" when it keeps all."""
        return next((clause.text for clause in self.clauses if not clause.takes(found)), "")


@lru_cache(maxsize=4096)
def parse_specifiers(text: str) -> SpecifierSet | None:
    """The set, or None when the text is none. A version alone is `==`."""
    if len(text) > _LONGEST:
        return None
    clauses = [_clause(part.strip()) for part in text.split(",")]
    known = tuple(clause for clause in clauses if clause is not None)
    return SpecifierSet(known) if len(known) == len(clauses) else None


def _clause(text: str) -> Clause | None:
    found = _CLAUSE.fullmatch(text)
    if found is None:
        return None
    operator, version = found["operator"] or "==", found["version"]
    prefix = version.endswith(".*")
    release = parse_release(version.removesuffix(".*"))
    if release is None or (prefix and (operator not in ("==", "!=") or not release.official)):
        return None
    if operator == "~=" and release.precision < 2:
        return None
    return Clause(text, operator, release, prefix)


def _begins(found: Release, wanted: Release, length: int) -> bool:
    """Whether the first numbers agree, where those that are not written are 0."""
    padded = [(*one.base, *[0] * length)[:length] for one in (found, wanted)]
    return found.epoch == wanted.epoch and padded[0] == padded[1]


def _suffix_order(found: re.Match[str]) -> tuple[_Order, _Order, _Order]:
    """Of stage, post and dev release: dev before alpha before rc before the release before post."""
    post = found["post"] is not None or found["bare_post"] is not None
    dev = found["dev"] is not None
    if found["stage"]:
        stage = (_STAGES[found["stage"].lower()], int(found["of_stage"] or 0))
    else:
        stage = (-1, 0) if dev and not post else (_NO_STAGE, 0)
    number = int(found["of_post"] or found["bare_post"] or 0)
    return stage, (1, number) if post else (0, 0), (0, int(found["of_dev"] or 0)) if dev else (1, 0)


def _local(text: str | None) -> _Order:
    """Local versions are told apart and otherwise in no meaningful order."""
    return tuple(text.lower().encode()) if text else ()
