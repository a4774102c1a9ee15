"""The queues' metrics, read from their plain counters at scrape time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from weakref import WeakSet

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from omectl import metrics
from omectl.workqueue.statistics import QueueStatistics

MOST_PRIORITIES = 25
OTHER_PRIORITIES = "exceeded_cardinality_limit"
_LABELS = ("name", "controller")


class Measured(Protocol):
    """A queue, as its metrics see it; queues hash by identity."""

    name: str

    def statistics(self) -> QueueStatistics: ...

    def durations(self) -> tuple[metrics.Tally, metrics.Tally]: ...


class QueueCollector(Collector):
    """All living queues that have a name; queues of one name show as one."""

    def __init__(self) -> None:
        self._queues: WeakSet[Measured] = WeakSet()
        self._priorities: set[int] = set()

    def watch(self, queue: Measured) -> None:
        self._queues.add(queue)

    def collect(self) -> Iterator[Metric]:
        by_name: dict[str, list[Measured]] = {}
        for queue in self._queues:
            by_name.setdefault(queue.name, []).append(queue)
        names = sorted(by_name)
        yield self._depth(by_name)

        adds = CounterMetricFamily(metrics.WORKQUEUE_ADDS, "Keys that became ready.", labels=_LABELS)
        retries = CounterMetricFamily(metrics.WORKQUEUE_RETRIES, "Adds with a delay.", labels=_LABELS)
        unfinished = GaugeMetricFamily(
            metrics.WORKQUEUE_UNFINISHED_WORK, "Age of all keys in processing, summed.", labels=_LABELS
        )
        longest = GaugeMetricFamily(
            metrics.WORKQUEUE_LONGEST_RUNNING, "Age of the oldest key in processing.", labels=_LABELS
        )
        tracked = GaugeMetricFamily(metrics.WORKQUEUE_TRACKED, "Keys whose failures are remembered.", labels=_LABELS)
        for name in names:
            found = [queue.statistics() for queue in by_name[name]]
            labels = (name, name)
            adds.add_metric(labels, sum(one.adds for one in found))
            retries.add_metric(labels, sum(one.retries for one in found))
            unfinished.add_metric(labels, sum(one.unfinished_work_s for one in found))
            longest.add_metric(labels, max(one.longest_running_s for one in found))
            tracked.add_metric(labels, sum(one.tracked for one in found))
        yield from (adds, retries, unfinished, longest, tracked)

        waited = HistogramMetricFamily(metrics.WORKQUEUE_QUEUE_DURATION, "From ready to handed out.", labels=_LABELS)
        worked = HistogramMetricFamily(metrics.WORKQUEUE_WORK_DURATION, "From handed out to done.", labels=_LABELS)
        for name in names:
            durations = [queue.durations() for queue in by_name[name]]
            metrics.merged([one for one, _ in durations]).add_to(waited, (name, name))
            metrics.merged([one for _, one in durations]).add_to(worked, (name, name))
        yield from (waited, worked)

    def _depth(self, by_name: dict[str, list[Measured]]) -> Metric:
        family = GaugeMetricFamily(
            metrics.WORKQUEUE_DEPTH, "Keys that are ready, by priority.", labels=(*_LABELS, "priority")
        )
        for name in sorted(by_name):
            depth = {str(priority): 0 for priority in sorted(self._priorities)}
            for queue in by_name[name]:
                for priority, ready in queue.statistics().depth.items():
                    label = self._priority_label(priority)
                    depth[label] = depth.get(label, 0) + ready
            for label, ready in depth.items():
                family.add_metric((name, name, label), ready)
        return family

    def _priority_label(self, priority: int) -> str:
        if priority not in self._priorities:
            if len(self._priorities) >= MOST_PRIORITIES:
                return OTHER_PRIORITIES
            self._priorities.add(priority)
        return str(priority)


_collector = QueueCollector()
metrics.register(_collector)


def publish(queue: Measured) -> None:
    """Show `queue` in the metrics for as long as it lives."""
    _collector.watch(queue)
