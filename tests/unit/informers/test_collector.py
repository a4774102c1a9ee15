"""What a scrape says about informers."""

import gc

from omectl.informers import Informer
from omectl.informers.collector import InformerCollector
from omectl.informers.record import Record, RecordReader
from omectl.kube.resources import CONFIG_MAPS


async def test_versions_and_waiting_events_are_shown_per_informer_and_handler(source) -> None:
    informer = Informer(CONFIG_MAPS, source)
    informer.add_handler(lambda event: None, name="mine")
    record = (
        RecordReader(CONFIG_MAPS)
        .event(b'{"type":"ADDED","object":{"kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"9"}}}')
        .record
    )
    assert isinstance(record, Record)
    (mirror,) = informer.mirrors
    mirror.change("ADDED", record)
    mirror.bookmark("123456789012345678")
    collector = InformerCollector()
    collector.add(informer)
    families = [family for family in collector.collect() if family.type == "gauge"]
    found = {(s.name, s.labels.get("handler", "")): s.value for family in families for s in family.samples}
    assert found == {
        ("informer_store_resource_version", ""): 456789012345678.0,
        ("informer_queued_items", ""): 1.0,
        ("informer_listener_pending", "mine"): 1.0,
    }


async def test_the_time_that_batches_took_is_shown_per_kind(source) -> None:
    informer = Informer(CONFIG_MAPS, source)
    informer.processing.observe(0.002)
    informer.processing.observe(3.0)
    collector = InformerCollector()
    collector.add(informer)
    (family,) = [family for family in collector.collect() if family.type == "histogram"]
    assert {sample.labels["name"] for sample in family.samples} == {"configmaps"}
    found = {(s.name, s.labels.get("le", "")): s.value for s in family.samples}
    name = "informer_processing_latency_seconds"
    assert [found[f"{name}_bucket", bound] for bound in ("0.001", "0.005", "2.5", "5.0", "10.0", "+Inf")] == [
        *(0, 1, 1, 2, 2, 2)
    ]
    assert found[f"{name}_sum", ""] == 3.002


async def test_an_informer_that_is_gone_is_not_shown(source) -> None:
    collector = InformerCollector()
    collector.add(Informer(CONFIG_MAPS, source))
    gc.collect()
    assert [sample for family in collector.collect() for sample in family.samples] == []
