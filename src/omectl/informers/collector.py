"""What a scrape says about informers; nothing is counted on the event path."""

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from omectl import metrics
from omectl.informers.informer import Informer

_PRECISE_DIGITS = 15


class InformerCollector(Collector):
    """Reads every living informer."""

    def __init__(self) -> None:
        self._informers: WeakKeyDictionary[Informer, None] = WeakKeyDictionary()

    def add(self, informer: Informer) -> None:
        """Include an informer for as long as it lives."""
        self._informers[informer] = None

    def remove(self, informer: Informer) -> None:
        """Leave an informer out from now on, though it lives."""
        self._informers.pop(informer, None)

    def collect(self) -> Iterator[Metric]:
        """The series of all informers; of two with one name the newer one counts."""
        kind_labels = ("name", "group", "version", "resource")
        versions = GaugeMetricFamily(
            metrics.INFORMER_STORE_RESOURCE_VERSION,
            "Lowest 15 digits of the resource version that the cache reflects.",
            labels=kind_labels,
        )
        queued = GaugeMetricFamily(
            metrics.INFORMER_QUEUED_ITEMS, "Events that some handler has not heard yet.", labels=kind_labels
        )
        pending = GaugeMetricFamily(
            metrics.INFORMER_LISTENER_PENDING, "Events that wait for a handler.", labels=("informer", "handler")
        )
        latency = HistogramMetricFamily(
            metrics.INFORMER_PROCESSING_LATENCY,
            "Seconds from the arrival of a batch of events until the cache and the handlers' buffers had all of it.",
            labels=kind_labels,
        )
        for informer in {informer.name: informer for informer in self._informers}.values():
            kind = informer.kind
            labels = (informer.name, kind.group, kind.version, kind.plural)
            version = informer.lister.resource_version[-_PRECISE_DIGITS:]
            versions.add_metric(labels, float(version) if version.isdigit() else 0.0)
            waiting = {registration.name: registration.pending for registration in informer.registrations}
            queued.add_metric(labels, max(waiting.values(), default=0))
            informer.processing.add_to(latency, labels)
            for handler, count in waiting.items():
                pending.add_metric((informer.name, handler), count)
        yield from (versions, queued, pending, latency)


COLLECTOR = InformerCollector()
metrics.register(COLLECTOR)
