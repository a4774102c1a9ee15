"""The registry and the plain-integer histogram."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import HistogramMetricFamily

from omectl import metrics


def test_declaring_a_name_twice_gives_the_same_metric() -> None:
    first = metrics.counter("test_twice_total", "Counted twice.", ("who",))
    assert metrics.counter("test_twice_total", "Counted twice.", ("who",)) is first


def test_a_name_can_not_be_two_kinds_of_metric() -> None:
    metrics.counter("test_kinds_total", "A counter.")
    with pytest.raises(TypeError, match=r"test_kinds_total is a Counter already.*asked for as a Gauge"):
        metrics.gauge("test_kinds_total", "A gauge.")


def test_the_exposition_is_what_prometheus_reads() -> None:
    metrics.counter("test_shown_total", "Shown.").inc()
    body, content_type = metrics.exposition()
    assert content_type.startswith("text/plain")
    assert b"test_shown_total 1.0" in body
    assert b"_created" not in body
    assert b"process_cpu_seconds_total" in body


def test_open_metrics_are_given_when_asked_for() -> None:
    body, content_type = metrics.exposition("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_queue_buckets_are_those_of_the_field() -> None:
    assert len(metrics.QUEUE_BUCKETS) == 12
    assert metrics.QUEUE_BUCKETS[:4] == (1e-08, 1e-07, 1e-06, 9.999999999999999e-06)


@given(st.lists(st.floats(0, 2000)))
def test_a_tally_counts_as_a_histogram_does(values: list[float]) -> None:
    tally = metrics.Tally(metrics.RECONCILE_TIME_BUCKETS)
    for value in values:
        tally.observe(value)
    family = HistogramMetricFamily("test", "Test.", labels=("a",))
    tally.add_to(family, ("b",))
    counts = {sample.labels["le"]: sample.value for sample in family.samples if sample.name == "test_bucket"}
    for bound in metrics.RECONCILE_TIME_BUCKETS:
        assert counts[repr(bound)] == sum(value <= bound for value in values)
    assert counts["+Inf"] == tally.count == len(values)


def test_tallies_add_up() -> None:
    first, second = metrics.Tally((1, 2)), metrics.Tally((1, 2))
    first.observe(0.5)
    second.observe(1.5)
    second.observe(9.0)
    both = metrics.merged((first, second))
    assert both.counts == [1, 1, 1]
    assert both.total == 11.0
