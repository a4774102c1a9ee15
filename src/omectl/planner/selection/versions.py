"""Whether a runtime's statement about a version takes a model's version.

The older fields read *runtime operator model*: `GreaterThanOrEqual` names the newest model version that the runtime
takes. An unofficial version (`4.45.0.dev0`) counts as its base, unless the runtime itself states an unofficial one. A
specifier set, where the runtime states one, takes the place of both.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from omectl.api.model_version import ModelVersion
from omectl.planner.selection.specifiers import parse_release, parse_specifiers

EQUAL: Final = "Equal"
AT_MOST: Final = "GreaterThanOrEqual"
OPERATORS: Final = (EQUAL, "GreaterThan", AT_MOST)


def version_problem(runtime: str | None, operator: str, model: str | None) -> str:
    """Nothing when the versions fit, else what was wanted and what was found."""
    if runtime is None and model is None:
        return ""
    if runtime is None:
        return f"the runtime states no version, found {model}"
    if operator and operator not in OPERATORS:
        return f"the runtime's operator {operator} is not one of {', '.join(OPERATORS)}"
    if model is None:
        return f"wanted {_wanted(runtime, operator)}, the model has no version"
    return "" if _fits(runtime, operator or EQUAL, model) else f"wanted {_wanted(runtime, operator)}, found {model}"


def specifier_problem(specifiers: str, model: str | None) -> str:
    """The same for a specifier set that can be read; it names the bound that fails."""
    known = parse_specifiers(specifiers)
    if known is None:
        return f"{specifiers!r} is no specifier set"
    if model is None:
        return f"wanted {specifiers}, the model has no version"
    release = parse_release(model)
    if release is None:
        return f"wanted {specifiers}, found {model}, which is no version"
    failing = known.failing(release)
    if not failing:
        return ""
    bound = f", which is not {failing}" if len(known.clauses) > 1 else ""
    return f"wanted {specifiers}, found {model}{bound}"


def exact(operator: str) -> bool:
    """Whether the statement names one version only."""
    return operator in ("", EQUAL)


def _wanted(version: str, operator: str) -> str:
    """In words, from the model's side: the runtime's version is the upper bound."""
    if operator == "GreaterThan":
        return f"a version before {version}"
    if operator == "GreaterThanOrEqual":
        return f"at most {version}"
    return version


@lru_cache(maxsize=8192)
def _fits(runtime: str, operator: str, model: str) -> bool:
    ours, theirs = ModelVersion.parse(runtime), ModelVersion.parse(model)
    if ours is None or theirs is None:
        return runtime == model
    if not ours.official:
        return ours.same_as(theirs)
    theirs = replace(theirs, pre=(), build=(), dev=())
    if operator == EQUAL:
        return ours.same_as(theirs)
    if (ours.precision, ours.prefixed) != (theirs.precision, theirs.prefixed):
        return False
    return ours.release > theirs.release if operator == "GreaterThan" else ours.release >= theirs.release
