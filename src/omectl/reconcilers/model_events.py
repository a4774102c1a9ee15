"""Which Events a model's new status is worth: transitions only. Pure."""

from typing import Final

from omectl.api.conditions import FALSE, TRUE, Condition
from omectl.api.model_status import ModelStatusSpec
from omectl.reconcilers.model_status import ALL_NODES_READY, FACTS_KNOWN, READY
from omectl.reconcilers.service_events import Tale

_NO_NEWS: Final = frozenset({"Deleting", "Downloading", "NotReadYet", "WaitingForAgent"})
"""Reasons of a model that is on its way, or that somebody wanted so."""


def model_tales(old: ModelStatusSpec | None, new: ModelStatusSpec) -> list[Tale]:
    """What changed for people between two statuses.

    A reason is told when it comes, once though several conditions give it; the same reason with another message, such
    as of one more node, is no transition.
    """
    before, after = _by_type(old), _by_type(new)
    was, now = before.get(READY), after.get(READY)
    tales: list[Tale] = []
    if now is not None and now.status == TRUE and (was is None or was.status != TRUE):
        tales.append(Tale("Normal", "ModelReady", now.message or ""))
    told = {condition.reason for condition in before.values()}
    for condition in (after.get(name) for name in (ALL_NODES_READY, FACTS_KNOWN)):
        if condition is None or condition.status != FALSE or condition.reason in told or condition.reason in _NO_NEWS:
            continue
        told.add(condition.reason)
        tales.append(Tale("Warning", condition.reason or "", condition.message or ""))
    return tales


def _by_type(status: ModelStatusSpec | None) -> dict[str, Condition]:
    return {condition.type: condition for condition in (status.conditions if status is not None else None) or ()}
