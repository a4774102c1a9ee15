"""Informers: what handlers hear, when they are synced, what one broken part does to the others."""

import asyncio

import pytest
from tests.unit.informers.told import Told

from omectl.informers import (
    Informer,
    InformerStopped,
    ObjectEvent,
)
from omectl.kube.resources import CONFIG_MAPS

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]


@pytest.fixture
async def informer(source) -> Informer:
    return Informer(CONFIG_MAPS, source)


async def test_a_handler_hears_what_exists_and_then_what_happens(source, informer: Informer, run) -> None:
    source.put("a")
    told = Told()
    registration = informer.add_handler(told)
    assert not registration.has_synced
    await run(informer)
    assert registration.has_synced
    source.put("b")
    source.put("a", x="1")
    source.delete("b")
    await asyncio.sleep(0.05)
    assert told.lines() == ["added a initial", "added b", "updated a", "deleted b"]


async def test_an_empty_collection_is_synced_too(informer: Informer, run) -> None:
    registration = informer.add_handler(Told())
    await run(informer)
    assert informer.has_synced
    assert registration.has_synced


async def test_a_late_handler_hears_everything_once(source, informer: Informer, run) -> None:
    for name in "abc":
        source.put(name)
    await run(informer)
    told = Told()
    registration = informer.add_handler(told)
    source.put("d")
    source.delete("a")
    assert not registration.has_synced
    await asyncio.sleep(0.05)
    assert registration.has_synced
    assert told.lines() == ["added a initial", "added b initial", "added c initial", "added d", "deleted a"]


async def test_after_a_relist_nothing_is_initial_and_the_missing_are_tombstones(
    source, informer: Informer, run, make_status
) -> None:
    source.put("a")
    source.put("b")
    told = Told()
    informer.add_handler(told)
    await run(informer)
    told.events.clear()
    source.send(make_status(500, "InternalError"))
    source.objects.pop("a")
    await asyncio.sleep(5)
    assert told.lines() == ["deleted a", "updated b resync"]
    assert told.events[0].tombstone
    assert told.events[0].object()["metadata"]["name"] == "a"


async def test_a_recreated_object_is_told_as_deleted_and_added(source, informer: Informer, run, make_status) -> None:
    source.put("a", uid="old")
    told = Told()
    informer.add_handler(told)
    await run(informer)
    source.send(make_status(500, "InternalError"))
    source.objects.pop("a")
    source.history.clear()
    source.open.clear()
    source.put("a", uid="new")
    await asyncio.sleep(5)
    assert told.lines() == ["added a initial", "deleted a", "added a"]


async def test_a_handler_that_raises_loses_that_event_and_delays_only_itself(source, informer: Informer, run) -> None:
    source.put("a")
    source.put("b")
    good, seen = Told(), list[str]()

    def broken(event: ObjectEvent) -> None:
        seen.append(event.key.name)
        raise RuntimeError("broken")

    bad = informer.add_handler(broken, name="broken")
    fine = informer.add_handler(good)
    await run(informer)
    assert good.lines() == ["added a initial", "added b initial"]
    assert fine.has_synced
    assert (seen, bad.has_synced) == (["a"], False)
    await asyncio.sleep(2)
    assert (seen, bad.has_synced, bad.errors) == (["a", "b"], True, 2)


async def test_a_removed_handler_hears_nothing_more_and_may_remove_itself(source, informer: Informer, run) -> None:
    told, once = Told(), list[str]()
    registration = informer.add_handler(told)
    own = None

    def only_first(event: ObjectEvent) -> None:
        once.append(event.key.name)
        assert own is not None
        own.remove()

    own = informer.add_handler(only_first)
    await run(informer)
    source.put("a")
    source.put("b")
    await asyncio.sleep(0.05)
    registration.remove()
    registration.remove()
    source.put("c")
    await asyncio.sleep(0.05)
    assert told.lines() == ["added a", "added b"]
    assert once == ["a"]


async def test_a_handler_twice_is_two_registrations(source, informer: Informer, run) -> None:
    told = Told()
    informer.add_handler(told)
    informer.add_handler(told)
    await run(informer)
    source.put("a")
    await asyncio.sleep(0.05)
    assert told.lines() == ["added a", "added a"]


async def test_resync_replays_the_store_as_updates_that_changed_nothing(source, run) -> None:
    source.put("a")
    informer = Informer(CONFIG_MAPS, source, resync_s=60)
    told = Told()
    informer.add_handler(told)
    await run(informer)
    await asyncio.sleep(125)
    assert told.lines() == ["added a initial", "updated a resync", "updated a resync"]


async def test_a_stopped_informer_takes_no_handler_and_runs_no_more(informer: Informer, run) -> None:
    task = await run(informer)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(InformerStopped, match="has stopped already"):
        informer.add_handler(Told())
    with pytest.raises(InformerStopped, match="was started before"):
        await informer.run()


async def test_one_can_wait_for_a_version_and_is_told_when_it_does_not_come(source, informer: Informer, run) -> None:
    await run(informer)
    wanted = str(source.version + 1)
    waiting = asyncio.create_task(informer.wait_until(wanted, 5))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    source.put("a")
    assert await waiting
    assert not await informer.wait_until("999", 0.5)


async def test_the_store_is_ahead_of_every_handler(source, informer: Informer, run) -> None:
    found: list[bool] = []
    informer.add_handler(lambda event: found.append(informer.lister.header(event.key) is not None))
    await run(informer)
    source.put("a")
    await asyncio.sleep(0.05)
    assert found == [True]


async def test_events_give_private_copies(source, informer: Informer, run) -> None:
    told = Told()
    informer.add_handler(told)
    await run(informer)
    source.put("a", x="1")
    source.put("a", x="2")
    await asyncio.sleep(0.05)
    change = told.events[-1]
    change.object()["data"]["x"] = "spoiled"
    assert change.object()["data"] == {"x": "2"}
    old = change.old_object()
    assert old is not None
    assert old["data"] == {"x": "1"}
    assert told.events[0].old_object() is None


async def test_statistics_say_what_is_going_on(source, informer: Informer, run) -> None:
    source.put("a")
    informer.add_handler(Told(), name="told")
    await run(informer)
    statistics = informer.statistics()
    assert statistics["state"] == "watching"
    assert (statistics["objects"], statistics["synced"]) == (1, True)
    assert statistics["handlers"] == [
        {
            "name": "told",
            "pending": 0,
            "high_water": 1,
            "handled": 1,
            "errors": 0,
            "synced": True,
            "degraded": False,
            "coalesce": False,
            "resync_s": 0.0,
        }
    ]


async def test_a_long_list_leaves_the_loop_time_for_others(source, informer: Informer, run) -> None:
    for number in range(2000):
        source.put(f"c{number}")
    informer.add_handler(Told())
    turns = 0

    async def count() -> None:
        nonlocal turns
        while not informer.has_synced:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await run(informer)
    await counting
    assert turns > 9
