"""The benchmarks' arithmetic: latencies, percentiles, slopes, and what an interrupted run keeps."""

from pathlib import Path

import pytest
from hack.bench.machinery.figures import latencies, percentile, slope, spread, summary
from hack.bench.machinery.journal import Journal

MS = 1_000_000


def test_latency_counts_from_the_sending_and_from_the_answer() -> None:
    found = latencies([(10 * MS, 12 * MS, 0)], [(10 * MS, 13 * MS, 15 * MS)])
    assert (found["handler_p50_ms"], found["reconcile_p50_ms"], found["after_ack_p50_ms"]) == (3, 5, 3)


def test_unseen_write_is_coalesced_when_a_later_one_of_its_object_was_seen() -> None:
    found = latencies([(1, 2, 7), (3, 4, 7)], [(3, 5, 6)])
    assert (found["writes"], found["coalesced"], found["lost"]) == (2, 1, 0)


def test_unseen_last_write_of_an_object_is_lost() -> None:
    found = latencies([(1, 2, 7), (3, 4, 7), (5, 6, 8)], [(1, 5, 6)])
    assert (found["coalesced"], found["lost"]) == (0, 2)


def test_sighting_without_a_handler_has_no_part_in_the_handlers_latency() -> None:
    found = latencies([(MS, 2 * MS, 0)], [(MS, 0, 3 * MS)])
    assert "handler_p50_ms" not in found
    assert found["reconcile_p99_ms"] == 2


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 101)])
def test_percentile_is_the_value_of_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(101, 0, -1)], share) == value


def test_slope_is_that_of_the_line_through_the_points() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == 2.0


def test_slope_of_one_moment_is_none() -> None:
    assert slope([(1.0, 3.0)]) == 0.0


def test_summary_has_the_median_of_every_number() -> None:
    runs = [{"time_s": 3.0, "rows": [1]}, {"time_s": 1.0, "rows": []}, {"time_s": 2.0, "rows": []}]
    assert summary(runs) == {"time_s": 2.0}
    assert spread(runs, "time_s") == (1.0, 3.0)


def test_journal_goes_on_where_an_interrupted_run_was(tmp_path: Path) -> None:
    Journal(tmp_path, "abc", {}, []).add(("B1", "case", "omectl", 0), {"synced_s": 1.0})
    with (tmp_path / "runs.jsonl").open("a") as out:
        out.write('{"bench": "B1", "ca')
    again = Journal(tmp_path, "abc", {}, [])
    assert ("B1", "case", "omectl", 0) in again
    assert ("B1", "case", "omectl", 1) not in again
    again.add(("B1", "case", "omectl", 1), {"synced_s": 2.0})
    kept = Journal(tmp_path, "abc", {}, []).runs("B1", "case", "omectl", 5)
    assert kept == [{"synced_s": 1.0}, {"synced_s": 2.0}]


def test_journal_does_not_count_what_another_commit_measured(tmp_path: Path) -> None:
    Journal(tmp_path, "abc", {}, []).add(("B1", "case", "omectl", 0), {"synced_s": 1.0})
    assert Journal(tmp_path, "abd", {}, []).runs("B1", "case", "omectl", 1) == []
