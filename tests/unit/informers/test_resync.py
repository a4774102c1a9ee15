"""Replays: who gets them, when, and what they can not do."""

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from tests.unit.informers.told import Told

from omectl.informers import EventType, Informer, ObjectEvent
from omectl.informers.record import Record
from omectl.informers.store import Store
from omectl.kube.resources import CONFIG_MAPS

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]


class Timed:
    """A handler that notes when it was replayed to."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, event: ObjectEvent) -> None:
        if event.resync:
            assert event.type is EventType.UPDATED
            assert event.old_record is event.record
            self.times.append(round(asyncio.get_running_loop().time(), 3))


@pytest.fixture(autouse=True)
async def one_object(source) -> None:
    source.put("a")


@pytest.mark.parametrize("offset_s", [0, 0.1, 12.345, 98765.4321])
async def test_each_handler_is_replayed_to_at_its_own_period(source, run, offset_s: float) -> None:
    await asyncio.sleep(offset_s)
    informer = Informer(CONFIG_MAPS, source, resync_s=1)
    never, two, three = Timed(), Timed(), Timed()
    informer.add_handler(never, resync_s=0)
    informer.add_handler(two, resync_s=2)
    informer.add_handler(three, resync_s=3)
    await run(informer)
    await asyncio.sleep(8.5)
    assert never.times == []
    assert [time - offset_s for time in two.times] == pytest.approx([2, 4, 6, 8], abs=0.002)
    assert [time - offset_s for time in three.times] == pytest.approx([3, 6], abs=0.002)


async def test_a_handler_that_says_nothing_has_the_informers_period(source, run) -> None:
    informer = Informer(CONFIG_MAPS, source, resync_s=60)
    timed = Timed()
    assert informer.add_handler(timed).resync_s == 60
    await run(informer)
    await asyncio.sleep(125)
    assert timed.times == [60, 120]


async def test_it_is_looked_who_is_due_at_the_smallest_period_asked(source, run) -> None:
    informer = Informer(CONFIG_MAPS, source)
    two, three = Timed(), Timed()
    informer.add_handler(three, resync_s=3)
    informer.add_handler(two, resync_s=2)
    assert informer.statistics()["resync_check_s"] == 2
    await run(informer)
    await asyncio.sleep(8.5)
    assert (two.times, three.times) == ([2, 4, 6, 8], [4, 8])


async def test_nothing_is_replayed_when_nobody_asks(source, run) -> None:
    informer = Informer(CONFIG_MAPS, source)
    timed = Timed()
    assert informer.add_handler(timed).resync_s == 0
    await run(informer)
    await asyncio.sleep(100_000)
    assert timed.times == []


async def test_what_is_stored_is_read_only_when_somebody_is_due(source, run, monkeypatch) -> None:
    informer = Informer(CONFIG_MAPS, source, resync_s=1)
    informer.add_handler(Timed(), resync_s=3)
    await run(informer)
    read: list[float] = []
    every = Store.__iter__

    def noting(store: Store) -> Iterator[Record]:
        read.append(round(asyncio.get_running_loop().time(), 3))
        return every(store)

    monkeypatch.setattr(Store, "__iter__", noting)
    await asyncio.sleep(6.5)
    assert read == [3, 6]


async def test_a_late_handler_is_first_replayed_to_a_whole_period_later(source, run) -> None:
    informer = Informer(CONFIG_MAPS, source, resync_s=1)
    await run(informer)
    await asyncio.sleep(2.7)
    late = Timed()
    informer.add_handler(late, resync_s=3)
    await asyncio.sleep(7)
    assert late.times == [6, 9]


async def test_a_late_start_does_not_count_the_time_before_it(source, run) -> None:
    informer = Informer(CONFIG_MAPS, source)
    timed = Timed()
    informer.add_handler(timed, resync_s=5)
    await asyncio.sleep(4)
    await run(informer)
    await asyncio.sleep(5.5)
    assert timed.times == [9]


async def test_a_late_handler_cannot_make_the_replays_more_frequent(source, run) -> None:
    informer = Informer(CONFIG_MAPS, source, resync_s=10)
    await run(informer)
    late = Timed()
    with capture_logs() as logs:
        registration = informer.add_handler(late, resync_s=5)
    assert registration.resync_s == 10
    assert [(line["event"], line["informer"]) for line in logs] == [("informer_resync_period_changed", "configmaps")]
    await asyncio.sleep(20)
    assert late.times == [20]


async def test_a_loop_that_was_blocked_past_several_ticks_replays_once(source, run, monkeypatch) -> None:
    informer = Informer(CONFIG_MAPS, source, resync_s=1)
    timed = Timed()
    informer.add_handler(timed)
    await run(informer)
    loop = asyncio.get_running_loop()
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + (3.5 if time() > 1.0 else 0.0))
    await asyncio.sleep(1)
    monkeypatch.undo()
    assert timed.times[0] == 1
    assert len(timed.times) <= 2


async def test_a_replay_does_not_overtake_a_change_that_waits(source, run) -> None:
    informer = Informer(CONFIG_MAPS, source)
    versions: list[str] = []

    def slow(event: ObjectEvent) -> None:
        versions.append(event.header.resource_version)
        if len(versions) == 1:
            raise RuntimeError("so that a second passes")

    informer.add_handler(slow, resync_s=1)
    await run(informer)
    source.put("a", x="1")
    source.put("a", x="2")
    await asyncio.sleep(1.5)
    assert versions == ["2", "3", "4", "4"]


async def test_nothing_is_replayed_before_there_is_something(source, run) -> None:
    source.delete("a")
    informer = Informer(CONFIG_MAPS, source)
    told = Told()
    informer.add_handler(told, resync_s=1)
    await run(informer)
    await asyncio.sleep(3)
    assert told.events == []


async def test_unchanged_objects_of_a_relist_go_to_everybody_marked_as_resync(source, run, make_status) -> None:
    informer = Informer(CONFIG_MAPS, source)
    never, hourly = Told(), Told()
    informer.add_handler(never, resync_s=0)
    informer.add_handler(hourly, resync_s=3600)
    await run(informer)
    source.send(make_status(500, "InternalError"))
    await asyncio.sleep(5)
    assert never.lines() == hourly.lines() == ["added a initial", "updated a resync"]
