from tests.unit.reconcilers.objects import added, config_map, deleted, updated

from omectl.api.node_entry import NodeEntry
from omectl.reconcilers.node_reports import NodeReports

READY = NodeEntry(name="m", status="Ready").dump()
FAILED = NodeEntry(name="m", status="Failed").dump()


def test_only_entries_that_changed_are_named() -> None:
    """D 60."""
    reports = NodeReports()
    first = config_map("a", one=READY, two=READY, three=READY)
    assert list(reports.changed_keys(added(first))) == ["one", "three", "two"]
    second = config_map("a", one=READY, two=FAILED, four=READY)
    assert list(reports.changed_keys(updated(first, second))) == ["four", "three", "two"]


def test_what_nodes_say_is_given_by_model_in_the_order_of_nodes() -> None:
    reports = NodeReports()
    for name, text in (("b", FAILED), ("a", READY)):
        list(reports.changed_keys(added(config_map(name, one=text))))
    found = reports.of("one")
    assert [(report.node, report.entry.status if report.entry else "") for report in found] == [
        ("a", "Ready"),
        ("b", "Failed"),
    ]
    assert reports.of("two") == ()


def test_a_config_map_that_goes_takes_its_entries_along() -> None:
    reports = NodeReports()
    obj = config_map("a", one=READY)
    list(reports.changed_keys(added(obj)))
    assert list(reports.changed_keys(deleted(obj))) == ["one"]
    assert reports.of("one") == ()
    assert reports.nodes == frozenset()


def test_an_entry_that_cannot_be_read_is_kept_with_what_is_wrong() -> None:
    reports = NodeReports()
    list(reports.changed_keys(added(config_map("a", one="{"))))
    (report,) = reports.of("one")
    assert report.entry is None
    assert "no JSON" in report.problem


def test_a_config_map_without_data_still_says_that_there_is_an_agent() -> None:
    reports = NodeReports()
    assert list(reports.changed_keys(added(config_map("a")))) == []
    assert reports.nodes == {"a"}
