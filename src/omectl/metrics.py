"""The process's metric registry, and the names that dashboards of the field already use.

A module declares its own metrics at import: `counter(REST_CLIENT_REQUESTS, "...", ("code", "method", "host"))`.
Declaring the same name twice gives the same metric, so two managers in one process share their series. Code on a hot
path counts in plain integers (`Tally` for a histogram) and registers a collector that reads them at scrape time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, repeat
from operator import mul
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

WORKQUEUE_DEPTH = "workqueue_depth"
WORKQUEUE_ADDS = "workqueue_adds_total"
WORKQUEUE_RETRIES = "workqueue_retries_total"
WORKQUEUE_QUEUE_DURATION = "workqueue_queue_duration_seconds"
WORKQUEUE_WORK_DURATION = "workqueue_work_duration_seconds"
WORKQUEUE_UNFINISHED_WORK = "workqueue_unfinished_work_seconds"
WORKQUEUE_LONGEST_RUNNING = "workqueue_longest_running_processor_seconds"
WORKQUEUE_TRACKED = "omectl_workqueue_tracked_keys"

RECONCILE_TOTAL = "controller_runtime_reconcile_total"
RECONCILE_ERRORS = "controller_runtime_reconcile_errors_total"
RECONCILE_TERMINAL_ERRORS = "controller_runtime_terminal_reconcile_errors_total"
RECONCILE_PANICS = "controller_runtime_reconcile_panics_total"
RECONCILE_TIMEOUTS = "controller_runtime_reconcile_timeouts_total"
RECONCILE_TIME = "controller_runtime_reconcile_time_seconds"
MAX_CONCURRENT_RECONCILES = "controller_runtime_max_concurrent_reconciles"
ACTIVE_WORKERS = "controller_runtime_active_workers"

WEBHOOK_REQUESTS = "controller_runtime_webhook_requests_total"
WEBHOOK_LATENCY = "controller_runtime_webhook_latency_seconds"
WEBHOOK_IN_FLIGHT = "controller_runtime_webhook_requests_in_flight"
WEBHOOK_PANICS = "controller_runtime_webhook_panics_total"
CONVERSION_PANICS = "controller_runtime_conversion_webhook_panics_total"
CERTWATCHER_READS = "certwatcher_read_certificate_total"
CERTWATCHER_READ_ERRORS = "certwatcher_read_certificate_errors_total"

LEADER_ELECTION_STATUS = "leader_election_master_status"
LEADER_ELECTION_SLOWPATH = "leader_election_slowpath_total"
LEADER_ELECTION_RENEW_DURATION = "leader_election_renew_duration_seconds"

REST_CLIENT_REQUESTS = "rest_client_requests_total"
REST_CLIENT_REQUEST_DURATION = "rest_client_request_duration_seconds"
REST_CLIENT_REQUEST_SIZE = "rest_client_request_size_bytes"
REST_CLIENT_RESPONSE_SIZE = "rest_client_response_size_bytes"
REST_CLIENT_REQUEST_RETRIES = "rest_client_request_retries_total"

INFORMER_QUEUED_ITEMS = "informer_queued_items"
INFORMER_PROCESSING_LATENCY = "informer_processing_latency_seconds"
INFORMER_STORE_RESOURCE_VERSION = "informer_store_resource_version"
INFORMER_LISTENER_PENDING = "informer_listener_pending"
REFLECTOR_LISTS = "reflector_lists_total"
REFLECTOR_LIST_DURATION = "reflector_list_duration_seconds"
REFLECTOR_ITEMS_PER_LIST = "reflector_items_per_list"
REFLECTOR_WATCHES = "reflector_watches_total"
REFLECTOR_SHORT_WATCHES = "reflector_short_watches_total"
REFLECTOR_WATCH_DURATION = "reflector_watch_duration_seconds"
REFLECTOR_ITEMS_PER_WATCH = "reflector_items_per_watch"
REFLECTOR_RELISTS = "reflector_relists_total"
REFLECTOR_STREAMING_FALLBACKS = "omectl_reflector_streaming_fallbacks_total"

EVENTS_RECORDED = "omectl_events_recorded_total"
EVENTS_DROPPED = "omectl_events_dropped_total"
EVENT_LOOP_LAG = "omectl_event_loop_lag_seconds"
EVENT_LOOP_STALLS = "omectl_event_loop_stalls_total"
READ_YOUR_WRITES_PARKED = "omectl_read_your_writes_parked_total"
READ_YOUR_WRITES_OVERDUE = "omectl_read_your_writes_overdue_total"
SOURCE_ERRORS = "omectl_source_errors_total"

SELECTIONS = "omectl_selections_total"
SELECTION_MISSES = "omectl_selection_misses_total"

RECONCILE_TIME_BUCKETS: tuple[float, ...] = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9),
    *(1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0),
    *(10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0),
)


def exponential_buckets(start: float, factor: float, count: int) -> tuple[float, ...]:
    """`count` upper bounds: start, start·factor, start·factor·factor, ... (rounded as the field's exporters do)."""
    return tuple(accumulate(repeat(factor, count - 1), mul, initial=start))


QUEUE_BUCKETS = exponential_buckets(1e-8, 10, 12)

disable_created_metrics()
REGISTRY = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=REGISTRY)

_M = TypeVar("_M", bound=MetricWrapperBase)
_declared: dict[str, MetricWrapperBase] = {}


def counter(name: str, documentation: str, labels: Iterable[str] = ()) -> Counter:
    """The counter of this name (with or without its `_total`), made on first use."""
    return _declare(Counter, name, lambda: Counter(name, documentation, tuple(labels), registry=REGISTRY))


def gauge(name: str, documentation: str, labels: Iterable[str] = ()) -> Gauge:
    """The gauge of this name, made on first use."""
    return _declare(Gauge, name, lambda: Gauge(name, documentation, tuple(labels), registry=REGISTRY))


def histogram(
    name: str, documentation: str, labels: Iterable[str] = (), buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS
) -> Histogram:
    """The histogram of this name, made on first use."""
    return _declare(
        Histogram, name, lambda: Histogram(name, documentation, tuple(labels), buckets=buckets, registry=REGISTRY)
    )


def register(collector: Collector) -> None:
    """Let `collector` be asked at every scrape."""
    REGISTRY.register(collector)


def exposition(accept: str = "") -> tuple[bytes, str]:
    """All metrics as (body, content type), in the format that an `Accept` header asks for."""
    encode, content_type = choose_encoder(accept)
    return encode(REGISTRY), content_type


class Tally:
    """A histogram in plain integers: `observe` costs a bisection and two additions.

    `bounds` are inclusive upper bounds; `counts` has one slot more, for everything above the last.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = [float(bound) for bound in bounds]
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts)

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Write this tally as one labelled series of `family`."""
        running = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(repr, self.bounds), "+Inf"), self.counts, strict=True):
            running += count
            buckets.append((bound, running))
        family.add_metric(labels, buckets, self.total)


def _declare(kind: type[_M], name: str, make: Callable[[], _M]) -> _M:
    known = _declared.get(name)
    if known is None:
        made = make()
        _declared[name] = made
        return made
    if not isinstance(known, kind):
        raise TypeError(f"metric {name} is a {type(known).__name__} already, and was asked for as a {kind.__name__}")
    return known


def merged(tallies: Sequence[Tally]) -> Tally:
    """The sum of tallies that share their bounds; at least one."""
    result = Tally(tallies[0].bounds)
    for tally in tallies:
        result.counts = [one + other for one, other in zip(result.counts, tally.counts, strict=True)]
        result.total += tally.total
    return result
