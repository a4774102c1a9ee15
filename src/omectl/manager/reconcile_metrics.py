"""The reconcile metrics, under controller-runtime's names, read from plain counters at scrape time."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakSet

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from omectl import metrics
from omectl.manager.result import RESULT_LABELS

_LABELS = ("controller",)


class ReconcileMetrics:
    """One controller's counts, in plain numbers; all of them show zero from the start, so that rates work."""

    __slots__ = (
        "__weakref__",
        "active",
        "controller",
        "errors",
        "panics",
        "results",
        "seconds",
        "terminal_errors",
        "timeouts",
        "workers",
    )

    def __init__(self, controller: str, workers: int) -> None:
        self.controller = controller
        self.workers = workers
        self.active = 0
        self.results: dict[str, int] = dict.fromkeys(RESULT_LABELS, 0)
        self.errors = 0
        self.terminal_errors = 0
        self.panics = 0
        self.timeouts = 0
        self.seconds = metrics.Tally(metrics.RECONCILE_TIME_BUCKETS)


class ReconcileCollector(Collector):
    """The counts of all living controllers; controllers of one name show as one."""

    def __init__(self) -> None:
        self._watched: WeakSet[ReconcileMetrics] = WeakSet()

    def watch(self, counts: ReconcileMetrics) -> None:
        self._watched.add(counts)

    def collect(self) -> Iterator[Metric]:
        by_name: dict[str, list[ReconcileMetrics]] = {}
        for counts in self._watched:
            by_name.setdefault(counts.controller, []).append(counts)

        total = CounterMetricFamily(metrics.RECONCILE_TOTAL, "Reconciles by result.", labels=("controller", "result"))
        took = HistogramMetricFamily(metrics.RECONCILE_TIME, "Length of reconciles.", labels=_LABELS)
        for name, found in sorted(by_name.items()):
            for label in RESULT_LABELS:
                total.add_metric((name, label), sum(counts.results[label] for counts in found))
            metrics.merged([counts.seconds for counts in found]).add_to(took, (name,))
        yield from (total, took)

        errors = CounterMetricFamily(metrics.RECONCILE_ERRORS, "Reconciles that failed.", labels=_LABELS)
        terminal = CounterMetricFamily(
            metrics.RECONCILE_TERMINAL_ERRORS, "Reconciles that failed and are not tried again.", labels=_LABELS
        )
        panics = CounterMetricFamily(metrics.RECONCILE_PANICS, "Reconciles ended by a bug's exception.", labels=_LABELS)
        timeouts = CounterMetricFamily(metrics.RECONCILE_TIMEOUTS, "Reconciles ended by the time-out.", labels=_LABELS)
        most = GaugeMetricFamily(metrics.MAX_CONCURRENT_RECONCILES, "Workers of the controller.", labels=_LABELS)
        active = GaugeMetricFamily(metrics.ACTIVE_WORKERS, "Workers that reconcile now.", labels=_LABELS)
        for name, found in sorted(by_name.items()):
            errors.add_metric((name,), sum(counts.errors for counts in found))
            terminal.add_metric((name,), sum(counts.terminal_errors for counts in found))
            panics.add_metric((name,), sum(counts.panics for counts in found))
            timeouts.add_metric((name,), sum(counts.timeouts for counts in found))
            most.add_metric((name,), sum(counts.workers for counts in found))
            active.add_metric((name,), sum(counts.active for counts in found))
        yield from (errors, terminal, panics, timeouts, most, active)


_collector = ReconcileCollector()
metrics.register(_collector)


def publish(counts: ReconcileMetrics) -> None:
    """Show `counts` in the metrics for as long as they live."""
    _collector.watch(counts)
