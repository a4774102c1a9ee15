"""What would change in a cluster, as text and as data."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omectl.api.json import JsonObject
    from omectl.cli.live_changes import Change, ServiceChanges

_WIDTH = 12


def table(told: "Iterable[ServiceChanges]") -> str:
    """A part for each service: its plan in short, what is written and deleted, and how many objects stay."""
    return "\n".join(_part(one) for one in told)


def _part(told: "ServiceChanges") -> str:
    from omectl.cli.live_changes import Action
    from omectl.cli.plan_summary import summary_lines

    lines = list(summary_lines(told.inputs, told.made, told.listed_bytes))
    if told.made.problem is not None:
        lines.append("  nothing would be written or deleted")
    quiet = 0
    for change in told.changes:
        if change.action is Action.LEAVE and not change.note:
            quiet += 1
            continue
        lines.extend(_lines(change))
    if quiet:
        lines.append(
            f"  {Action.LEAVE.value:<{_WIDTH}}  {'1 object as it is' if quiet == 1 else f'{quiet} objects as they are'}"
        )
    return "\n".join(lines) + "\n"


def _lines(change: "Change") -> "Iterable[str]":
    note = f": {change.note}" if change.note else ""
    yield f"  {change.action.value:<{_WIDTH}}  {change.kind} {change.name}{note}"
    for one in change.fields:
        yield f"  {'':<{_WIDTH}}    {one}"


def as_data(told: "ServiceChanges") -> "JsonObject":
    """The same, every object among it, for machines."""
    problem = told.made.problem
    return {
        "service": str(told.service),
        "problem": None if problem is None else {"reason": problem.reason, "message": problem.message},
        "wouldChange": told.would_change,
        "changes": [
            {
                "action": change.action.value,
                "kind": change.kind,
                "name": change.name,
                "note": change.note,
                "fields": [
                    {"edit": one.edit.value, "path": one.path, "before": one.before, "after": one.after}
                    for one in change.fields
                ],
            }
            for change in told.changes
        ],
        "unread": [one.text for one in told.unread],
    }
