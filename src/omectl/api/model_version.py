"""Versions of formats and frameworks, and how a runtime's compares with a model's."""

import re
from dataclasses import dataclass
from typing import Final, Self

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """`[v]major[.minor[.patch]]`; suffixes (`-pre`, `+build`, `.dev`) only after a patch part. Missing parts are 0."""

    release: tuple[int, int, int]
    precision: int
    prefixed: bool
    pre: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    dev: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The version, or None when the text is not one (`latest`, `1.08`, `1.2-rc1`)."""
        parts = text.split(".", 2)
        prefixed = parts[0].startswith("v")
        if prefixed:
            parts[0] = parts[0][1:]
        suffixes: dict[str, tuple[str, ...]] = {}
        if len(parts) == 3:
            for name, mark in (("build", "+"), ("pre", "-"), ("dev", ".")):
                parts[2], found, suffix = parts[2].partition(mark)
                if found:
                    suffixes[name] = tuple(suffix.split("."))
        if not all(_NUMBER.fullmatch(part) for part in parts) or any("" in suffix for suffix in suffixes.values()):
            return None
        numbers = [int(part) for part in parts] + [0, 0]
        return cls((numbers[0], numbers[1], numbers[2]), len(parts), prefixed, **suffixes)

    @property
    def official(self) -> bool:
        """Whether it is a plain release, without any suffix."""
        return not (self.pre or self.build or self.dev)

    def same_as(self, other: "ModelVersion") -> bool:
        """Equality of the numbers and suffixes; `1`, `1.0` and `v1.0.0` are the same."""
        return (self.release, self.pre, self.build, self.dev) == (other.release, other.pre, other.build, other.dev)


def version_matches(runtime: str, operator: str, model: str) -> bool:
    """Whether a runtime that states `operator runtime` takes a model of version `model`.

    The order is *runtime operator model*. Ordering needs plain releases of equal precision and prefix; an unofficial
    version on either side makes every operator an equality. A text that is no version matches nothing.
    """
    ours, theirs = ModelVersion.parse(runtime), ModelVersion.parse(model)
    if ours is None or theirs is None:
        return False
    if operator in ("", "Equal") or not (ours.official and theirs.official):
        return ours.same_as(theirs)
    if (ours.precision, ours.prefixed) != (theirs.precision, theirs.prefixed):
        return False
    if operator == "GreaterThan":
        return ours.release > theirs.release
    if operator == "GreaterThanOrEqual":
        return ours.release >= theirs.release
    return ours.same_as(theirs)
