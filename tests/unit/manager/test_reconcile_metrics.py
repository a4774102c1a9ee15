"""The reconcile metrics, as dashboards read them."""

import gc

import pytest
from prometheus_client import CollectorRegistry

from omectl import metrics
from omectl.manager.reconcile_metrics import ReconcileCollector, ReconcileMetrics, publish

PREFIX = "controller_runtime_"


class Scrape:
    """The counts of some controllers behind one collector."""

    def __init__(self, *watched: ReconcileMetrics) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        collector = ReconcileCollector()
        for counts in watched:
            collector.watch(counts)
        self.registry.register(collector)

    def series(self) -> dict[tuple[str, ...], float]:
        """Every sample but the buckets, by its name without the prefix and the values of its labels."""
        return {
            (sample.name.removeprefix(PREFIX), *sample.labels.values()): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if not sample.name.endswith("_bucket")
        }

    def bucket(self, controller: str, bound: str) -> float | None:
        labels = {"controller": controller, "le": bound}
        return self.registry.get_sample_value(f"{PREFIX}reconcile_time_seconds_bucket", labels)


def counted(name: str) -> ReconcileMetrics:
    """Counts of which each differs from the others."""
    counts = ReconcileMetrics(name, 7)
    counts.active = 2
    counts.results = {"error": 3, "requeue": 4, "requeue_after": 5, "success": 6}
    counts.errors, counts.terminal_errors, counts.panics, counts.timeouts = 11, 12, 13, 14
    counts.seconds.observe(0.25)
    counts.seconds.observe(1.0)
    return counts


def expected(name: str, times: int) -> dict[tuple[str, ...], float]:
    return {
        ("reconcile_total", name, "error"): 3 * times,
        ("reconcile_total", name, "requeue"): 4 * times,
        ("reconcile_total", name, "requeue_after"): 5 * times,
        ("reconcile_total", name, "success"): 6 * times,
        ("reconcile_time_seconds_count", name): 2 * times,
        ("reconcile_time_seconds_sum", name): 1.25 * times,
        ("reconcile_errors_total", name): 11 * times,
        ("terminal_reconcile_errors_total", name): 12 * times,
        ("reconcile_panics_total", name): 13 * times,
        ("reconcile_timeouts_total", name): 14 * times,
        ("max_concurrent_reconciles", name): 7 * times,
        ("active_workers", name): 2 * times,
    }


def test_every_count_has_its_series() -> None:
    counts = counted("one")
    scrape = Scrape(counts)
    assert scrape.series() == expected("one", 1)
    assert [scrape.bucket("one", bound) for bound in ("0.2", "0.25", "0.9", "1.0", "60.0", "+Inf")] == [
        0,
        1,
        1,
        2,
        2,
        2,
    ]


def test_a_new_controller_shows_zeros_and_its_workers() -> None:
    counts = ReconcileMetrics("new", 3)
    shown = Scrape(counts).series()
    assert shown.pop(("max_concurrent_reconciles", "new")) == 3
    assert shown == {name: 0 for name in expected("new", 1) if name[0] != "max_concurrent_reconciles"}


def test_controllers_of_one_name_show_as_one_beside_others() -> None:
    watched = [counted("shared"), counted("other"), counted("shared")]
    assert Scrape(*watched).series() == expected("shared", 2) | expected("other", 1)


def test_controllers_are_in_the_order_of_their_names() -> None:
    watched = [ReconcileMetrics(name, 1) for name in ("b", "c", "a")]
    shown = list(dict.fromkeys(name[1] for name in Scrape(*watched).series()))
    assert shown == ["a", "b", "c"]


def test_a_controller_that_is_gone_shows_nothing() -> None:
    counts: ReconcileMetrics | None = ReconcileMetrics("gone", 1)
    assert counts is not None
    scrape = Scrape(counts)
    assert scrape.series()
    counts = None
    gc.collect()
    assert scrape.series() == {}


def test_what_is_published_is_in_the_metrics_of_the_process() -> None:
    counts = counted("published-counts")
    labels = {"controller": "published-counts"}
    assert metrics.REGISTRY.get_sample_value(f"{PREFIX}reconcile_errors_total", labels) is None
    publish(counts)
    assert metrics.REGISTRY.get_sample_value(f"{PREFIX}reconcile_errors_total", labels) == 11


@pytest.mark.parametrize("watched", [[], [ReconcileMetrics("named", 1)]], ids=["no controller", "one"])
def test_the_metrics_carry_the_names_types_and_texts_that_dashboards_know(watched: list[ReconcileMetrics]) -> None:
    found = {family.name: (family.type, family.documentation) for family in Scrape(*watched).registry.collect()}
    assert found == {
        "controller_runtime_reconcile": ("counter", "Reconciles by result."),
        "controller_runtime_reconcile_time_seconds": ("histogram", "Length of reconciles."),
        "controller_runtime_reconcile_errors": ("counter", "Reconciles that failed."),
        "controller_runtime_terminal_reconcile_errors": ("counter", "Reconciles that failed and are not tried again."),
        "controller_runtime_reconcile_panics": ("counter", "Reconciles ended by a bug's exception."),
        "controller_runtime_reconcile_timeouts": ("counter", "Reconciles ended by the time-out."),
        "controller_runtime_max_concurrent_reconciles": ("gauge", "Workers of the controller."),
        "controller_runtime_active_workers": ("gauge", "Workers that reconcile now."),
    }


def test_each_series_is_labelled_by_its_controller() -> None:
    counts = counted("labelled")
    for family in Scrape(counts).registry.collect():
        for sample in family.samples:
            names = set(sample.labels) - {"le"}
            assert names == ({"controller", "result"} if sample.name == f"{PREFIX}reconcile_total" else {"controller"})
