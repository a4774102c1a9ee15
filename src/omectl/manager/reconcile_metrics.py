"""The reconcile metrics, under controller-runtime's names."""

from __future__ import annotations

from omectl import metrics
from omectl.manager.result import RESULT_LABELS

_TOTAL = metrics.counter(metrics.RECONCILE_TOTAL, "Reconciles by result.", ("controller", "result"))
_ERRORS = metrics.counter(metrics.RECONCILE_ERRORS, "Reconciles that failed.", ("controller",))
_TERMINAL = metrics.counter(
    metrics.RECONCILE_TERMINAL_ERRORS, "Reconciles that failed and are not tried again.", ("controller",)
)
_PANICS = metrics.counter(metrics.RECONCILE_PANICS, "Reconciles ended by a bug's exception.", ("controller",))
_TIMEOUTS = metrics.counter(metrics.RECONCILE_TIMEOUTS, "Reconciles ended by the time-out.", ("controller",))
_TIME = metrics.histogram(
    metrics.RECONCILE_TIME, "Length of reconciles.", ("controller",), metrics.RECONCILE_TIME_BUCKETS
)
_MOST = metrics.gauge(metrics.MAX_CONCURRENT_RECONCILES, "Workers of the controller.", ("controller",))
_ACTIVE = metrics.gauge(metrics.ACTIVE_WORKERS, "Workers that reconcile now.", ("controller",))


class ReconcileMetrics:
    """One controller's series; all of them show zero from the start, so that rates work."""

    __slots__ = ("active", "errors", "panics", "results", "seconds", "terminal_errors", "timeouts")

    def __init__(self, controller: str, workers: int) -> None:
        self.results = {label: _TOTAL.labels(controller, label) for label in RESULT_LABELS}
        self.errors = _ERRORS.labels(controller)
        self.terminal_errors = _TERMINAL.labels(controller)
        self.panics = _PANICS.labels(controller)
        self.timeouts = _TIMEOUTS.labels(controller)
        self.seconds = _TIME.labels(controller)
        self.active = _ACTIVE.labels(controller)
        _MOST.labels(controller).set(workers)
