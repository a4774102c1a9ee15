"""What a scrape says about informers."""

import gc

import pytest
from prometheus_client import Metric

from omectl.informers import Informer
from omectl.informers.collector import InformerCollector
from omectl.informers.record import Record, RecordReader
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS


def gauges(collector: InformerCollector) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Name, then labels in their order, then value."""
    return {
        family.name: {tuple(sample.labels.items()): sample.value for sample in family.samples}
        for family in collector.collect()
        if family.type == "gauge"
    }


def of(informer: Informer) -> InformerCollector:
    collector = InformerCollector()
    collector.add(informer)
    return collector


LABELS = (("name", "deployments.apps"), ("group", "apps"), ("version", "v1"), ("resource", "deployments"))


async def test_versions_and_waiting_events_are_shown_per_informer_and_handler(source) -> None:
    informer = Informer(DEPLOYMENTS, source)
    informer.add_handler(lambda event: None, name="mine")
    line = b'{"type":"ADDED","object":{"kind":"Deployment","metadata":{"name":"a","resourceVersion":"9"}}}'
    record = RecordReader(DEPLOYMENTS).event(line).record
    assert isinstance(record, Record)
    (mirror,) = informer.mirrors
    mirror.change("ADDED", record)
    mirror.bookmark("123456789012345678")
    informer.add_handler(lambda event: None, name="later")
    assert gauges(of(informer)) == {
        "informer_store_resource_version": {LABELS: 456789012345678.0},
        "informer_queued_items": {LABELS: 1.0},
        "informer_listener_pending": {
            (("informer", "deployments.apps"), ("handler", "mine")): 1.0,
            (("informer", "deployments.apps"), ("handler", "later")): 1.0,
        },
    }


@pytest.mark.parametrize("version", ["", "not a number"])
async def test_an_informer_without_version_and_handlers_shows_zeros(source, version: str) -> None:
    informer = Informer(DEPLOYMENTS, source)
    if version:
        informer.mirrors[0].bookmark(version)
    assert gauges(of(informer)) == {
        "informer_store_resource_version": {LABELS: 0.0},
        "informer_queued_items": {LABELS: 0.0},
        "informer_listener_pending": {},
    }


async def test_the_time_that_batches_took_is_shown_per_kind(source) -> None:
    informer = Informer(DEPLOYMENTS, source)
    informer.processing.observe(0.002)
    informer.processing.observe(3.0)
    (family,) = [family for family in of(informer).collect() if family.type == "histogram"]
    assert {tuple(sample.labels.items())[:4] for sample in family.samples} == {LABELS}
    found = {(s.name, s.labels.get("le", "")): s.value for s in family.samples}
    name = "informer_processing_latency_seconds"
    assert [found[f"{name}_bucket", bound] for bound in ("0.001", "0.005", "2.5", "5.0", "10.0", "+Inf")] == [
        *(0, 1, 1, 2, 2, 2)
    ]
    assert found[f"{name}_sum", ""] == 3.002


async def test_every_series_says_what_it_is() -> None:
    found: list[Metric] = list(InformerCollector().collect())
    assert {family.name: family.documentation for family in found} == {
        "informer_store_resource_version": "Lowest 15 digits of the resource version that the cache reflects.",
        "informer_queued_items": "Events that some handler has not heard yet.",
        "informer_listener_pending": "Events that wait for a handler.",
        "informer_processing_latency_seconds": (
            "Seconds from the arrival of a batch of events until the cache and the handlers' buffers had all of it."
        ),
    }


async def test_an_informer_that_is_gone_or_removed_is_not_shown(source) -> None:
    collector = of(Informer(CONFIG_MAPS, source))
    kept = Informer(CONFIG_MAPS, source)
    collector.add(kept)
    collector.remove(kept)
    collector.remove(kept)
    gc.collect()
    assert [sample for family in collector.collect() for sample in family.samples] == []


async def test_of_informers_with_one_name_the_newest_is_shown(source) -> None:
    collector = InformerCollector()
    all_of_them = [Informer(DEPLOYMENTS, source) for _ in range(20)]
    for number, informer in enumerate(all_of_them):
        informer.mirrors[0].bookmark(str(number))
        collector.add(informer)
    assert gauges(collector)["informer_store_resource_version"] == {LABELS: 19.0}
