"""Counts what becomes of selections: each change of what a service's status says of its runtime, once."""

from omectl import metrics
from omectl.api.selection_status import SelectionStatus
from omectl.reconcilers.selection_events import named

_SELECTIONS = metrics.counter(
    metrics.SELECTIONS,
    "Changes of what a service's status says of its runtime, by how the selection ended and why it was made.",
    ("outcome", "cause", "ambiguous"),
)
_MISSES = metrics.counter(
    metrics.SELECTION_MISSES, "Reasons against the runtimes that came nearest to a service that gets none.", ("code",)
)


def count_selection(old: SelectionStatus | None, new: SelectionStatus | None, cause: str) -> None:
    """Count a status that was written; `cause` is the code of why the runtime was picked or kept, "" for none."""
    if new is None or (old is not None and _said(old) == _said(new)):
        return
    _SELECTIONS.labels(new.reason, cause, str(bool(new.ambiguous)).lower()).inc()
    for miss in new.nearest or ():
        for code in miss.codes or ():
            _MISSES.labels(code).inc()


def _said(selection: SelectionStatus) -> tuple[object, ...]:
    nearest = [(named(miss), miss.codes) for miss in selection.nearest or ()]
    better = named(selection.better_candidate)
    return selection.reason, named(selection.runtime), bool(selection.ambiguous), better, nearest
