"""Which caches are missing, and when that is said."""

import asyncio
from typing import Any

import pytest

from omectl.kube.errors import Forbidden
from omectl.manager.sync import Needs, SyncReport

pytestmark = pytest.mark.looptime


def test_an_informer_is_described_with_its_state_and_error(informer: Any, make_factory: Any) -> None:
    needs = Needs(make_factory(informer))
    assert needs.missing() == ["configmaps (listing)"]
    informer.last_error = Forbidden(403, "Forbidden", "no")
    assert needs.missing() == [f"configmaps (listing: {informer.last_error})"]


async def test_a_required_informer_must_hold_its_objects_and_another_only_be_settled(
    make_informer: Any, make_factory: Any
) -> None:
    required, other = make_informer(), make_informer()
    needs = Needs(make_factory(required, other))
    needs.require(required)
    assert needs.missing() == ["configmaps (listing)", "configmaps (listing)"]
    required.be_absent()
    other.be_absent()
    assert needs.missing() == ["configmaps (absent)"]
    met = asyncio.ensure_future(needs.met())
    await asyncio.sleep(1.0)
    assert not met.done()
    required.sync()
    await met
    assert needs.missing() == []


async def test_the_report_says_when_all_is_complete_and_ends(
    informer: Any, make_factory: Any, told_logs: list[dict[str, Any]]
) -> None:
    report = SyncReport(Needs(make_factory(informer)), 120.0)
    await asyncio.sleep(1.0)
    running = asyncio.ensure_future(report.run())
    await asyncio.sleep(2.00078125)
    informer.sync()
    await running
    assert told_logs == [{"event": "caches_synced", "log_level": "info", "took_s": 2.001}]


async def test_the_report_names_what_is_missing_past_the_time_out_once_and_waits_on(
    informer: Any, make_factory: Any, told_logs: list[dict[str, Any]]
) -> None:
    report = SyncReport(Needs(make_factory(informer)), 120.0)
    running = asyncio.ensure_future(report.run())
    await asyncio.sleep(119.9)
    assert told_logs == []
    await asyncio.sleep(480.1)
    assert told_logs == [
        {
            "event": "caches_not_synced",
            "log_level": "error",
            "after_s": 120.0,
            "waiting_for": ["configmaps (listing)"],
            "next_step": "everything that does not need these caches goes on; readiness stays false",
        }
    ]
    informer.sync()
    await running
    assert told_logs[1:] == [{"event": "caches_synced", "log_level": "info", "took_s": 600.0}]


def test_the_report_needs_no_leader(make_factory: Any) -> None:
    report = SyncReport(Needs(make_factory()), 1.0)
    assert (report.name, report.needs_leader) == ("sync-report", False)
