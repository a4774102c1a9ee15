"""The order of the runtimes that fit, and what decided between two of them."""

from collections.abc import Iterable
from typing import Final

from omectl.planner.model import ModelView
from omectl.planner.selection.candidates import NAMESPACE, Assessment, merit

_CRITERIA: Final = (
    "a runtime of the namespace comes before one of the cluster",
    "the higher priority",
    "the higher weights",
    "more attributes of the model pinned",
    "one node before several",
    "a bounded size range before an open one",
    "the narrower size range",
    "the size nearer to the middle of the range",
)


def ranked(assessments: Iterable[Assessment], model: ModelView) -> list[Assessment]:
    """The accepted ones, the best first; the name decides what nothing else does."""
    accepted = [one for one in assessments if one.accepted]
    return sorted(accepted, key=lambda one: (_merits(one, model), one.runtime.name))


def tied(best: Assessment, other: Assessment, model: ModelView) -> bool:
    """Whether only the name tells them apart."""
    return _merits(best, model) == _merits(other, model)


def deciding(best: Assessment, other: Assessment, model: ModelView) -> str:
    """What put `best` before `other`."""
    pairs = zip(_CRITERIA, _merits(best, model), _merits(other, model), strict=True)
    return next((name for name, ours, theirs in pairs if ours != theirs), "only the name, in alphabetical order")


def _merits(one: Assessment, model: ModelView) -> tuple[object, ...]:
    engine = one.runtime.spec.engine_config
    several = engine is not None and (engine.leader is not None or engine.worker is not None)
    return (one.scope != NAMESPACE, *merit(one.supported), several, *one.sizes.fit(model.size))
