"""Informers: what handlers hear, when they are synced, what one broken part does to the others."""

import asyncio
from dataclasses import asdict
from typing import Any

import pytest
from tests.unit.informers.told import Told, record

from omectl.api.json import JsonObject
from omectl.informers import (
    BY_NAMESPACE,
    Collection,
    HeaderIndex,
    Informer,
    InformerStopped,
    ObjectEvent,
    ReflectorState,
    Registration,
    RegistrationEnded,
)
from omectl.kube.errors import Forbidden, NotFound
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


async def test_the_task_of_a_late_handler_is_named_for_both(informer: Informer, run) -> None:
    await run(informer)
    informer.add_handler(Told(), name="late")
    assert "configmaps:late" in {task.get_name() for task in asyncio.all_tasks()}


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
    (mirror,) = informer.mirrors
    (stored,) = mirror.store
    assert informer.statistics() == {
        "name": "configmaps",
        "state": "watching",
        "synced": True,
        "stopped": False,
        "metadata_only": False,
        "objects": 1,
        "bytes": len(stored.body),
        "decoded": 0,
        "backlog": 0,
        "resource_version": "2",
        "last_error": None,
        "resync_check_s": 0.0,
        "mirrors": [
            {
                "name": "configmaps",
                "state": "watching",
                "synced": True,
                "objects": 1,
                "resource_version": "2",
                "skipped": 0,
                "transform_errors": 0,
                "index_errors": 0,
                "reflector": asdict(mirror.reflector.statistics),
            }
        ],
        "handlers": [
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
        ],
    }


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


async def test_the_backlog_is_counted_over_all_handlers(source, informer: Informer) -> None:
    (mirror,) = informer.mirrors
    source.put("a")
    for name in ("one", "two"):
        informer.add_handler(Told(), name=name)
    mirror.replace({one.key: one for one in (record("a"), record("b"))}, "2")
    statistics = informer.statistics()
    assert statistics["backlog"] == 4
    assert [handler["pending"] for handler in statistics["handlers"]] == [2, 2]


async def test_a_transform_runs_once_per_event_and_not_for_replays(source, run) -> None:
    seen: list[str] = []

    def note(obj: JsonObject) -> JsonObject:
        seen.append(f"{obj['metadata']['name']} {obj['metadata']['resourceVersion']}")
        return obj

    source.put("a")
    informer = Informer(CONFIG_MAPS, source, transform=note, resync_s=1)
    told = Told()
    for _ in range(3):
        informer.add_handler(told)
    await run(informer)
    for number in range(3):
        source.put("a", x=str(number))
        await asyncio.sleep(1)
    source.delete("a")
    await asyncio.sleep(1)
    assert seen == ["a 2", "a 3", "a 4", "a 5", "a 6"]
    assert len([event for event in told.events if event.resync]) == 9


async def test_indexes_may_be_added_before_and_while_it_runs(source, informer: Informer, run) -> None:
    source.put("a")
    informer.add_indexes({"namespace": BY_NAMESPACE})
    await run(informer)
    informer.add_indexes({"name": HeaderIndex(lambda header: (header.name,))})
    source.put("b")
    await asyncio.sleep(0.05)
    assert [key.name for key in informer.lister.index_keys("namespace", "ns")] == ["a", "b"]
    assert [key.name for key in informer.lister.index_keys("name", "b")] == ["b"]
    assert [key.name for key in informer.lister.index_keys("name", "a")] == ["a"]
    with pytest.raises(ValueError, match="exists with another function"):
        informer.add_indexes({"name": BY_NAMESPACE})


async def test_a_handler_is_named_for_what_it_is_unless_it_says_so(informer: Informer) -> None:
    def mine(_: ObjectEvent) -> None:
        """Nothing."""

    assert informer.add_handler(mine).name.endswith("mine")
    assert informer.add_handler(mine, name="yours").name == "yours"
    assert informer.add_handler(Told()).name == "handler"


async def test_a_coalescing_handler_hears_the_last_of_many_changes(source, informer: Informer, run) -> None:
    told = Told()
    registration = informer.add_handler(told, coalesce=True)
    every = Told()
    informer.add_handler(every)
    await run(informer)
    (mirror,) = informer.mirrors
    for version in range(10, 20):
        mirror.change("MODIFIED", record("a", version))
    await asyncio.sleep(0.05)
    assert told.lines() == ["added a"]
    assert told.events[0].header.resource_version == "19"
    assert len(every.events) == 10
    assert registration.statistics()["high_water"] == 1


# --- removal ---


async def test_a_handle_removes_its_own_place_and_no_other(source, informer: Informer, run) -> None:
    other = Informer(CONFIG_MAPS, source, name="other")
    told = Told()
    twice = [informer.add_handler(told), informer.add_handler(told)]
    foreign = other.add_handler(told)
    foreign.remove()
    assert informer.registrations == tuple(twice)
    twice[0].remove()
    assert informer.registrations == (twice[1],)
    await run(informer)
    source.put("a")
    await asyncio.sleep(0.05)
    assert told.lines() == ["added a"]


async def test_a_handler_removed_before_the_start_is_never_called(source, informer: Informer, run) -> None:
    source.put("a")
    told = Told()
    informer.add_handler(told).remove()
    await run(informer)
    assert told.events == []
    assert informer.registrations == ()


async def test_a_handler_may_be_removed_after_the_stop(informer: Informer, run) -> None:
    registration = informer.add_handler(Told())
    task = await run(informer)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    registration.remove()
    assert informer.registrations == ()


# --- stopping ---


async def test_a_stop_leaves_no_task_and_ends_the_handlers_after_the_reflector(source, informer: Informer) -> None:
    ended: list[str] = []
    deliver = Registration.deliver
    informer.add_handler(Told(), name="mine", resync_s=5)
    before = asyncio.all_tasks()

    async def noting(self: Registration) -> None:
        try:
            await deliver(self)
        finally:
            ended.append(f"handler, reflector {informer.state.value}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registration, "deliver", noting)
        task = asyncio.create_task(informer.run())
        await asyncio.sleep(0.05)
        names = {task.get_name() for task in asyncio.all_tasks() - before - {task}}
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert names == {"reflector:configmaps", "configmaps:mine", "configmaps:resync"}
    assert ended == ["handler, reflector stopped"]
    assert asyncio.all_tasks() - before == set()
    assert (informer.is_stopped, informer.state) == (True, ReflectorState.STOPPED)


async def test_who_waits_for_a_handler_of_a_stopped_informer_is_told(source, informer: Informer, run) -> None:
    source.failures["stream"] += [Forbidden(403, "Forbidden", "no")] * 5
    source.failures["list"] += [Forbidden(403, "Forbidden", "no")] * 5
    registration = informer.add_handler(Told())
    task = await run(informer)
    waiting = asyncio.create_task(registration.wait_synced())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(RegistrationEnded):
        await waiting


async def test_a_second_run_is_refused_while_the_first_goes_on(source, informer: Informer, run) -> None:
    await run(informer)
    with pytest.raises(InformerStopped, match="informer configmaps was started before; make a new one"):
        await informer.run()
    source.put("a")
    await asyncio.sleep(0.05)
    assert len(informer.lister) == 1
    assert not informer.is_stopped


# --- several collections ---


@pytest.fixture
async def two(source) -> tuple[Informer, list[Any]]:
    """One informer of two namespaces."""
    sources = [type(source)(namespace=namespace) for namespace in ("one", "two")]
    collections = [Collection(source=each, namespace=each.namespace, name=each.namespace) for each in sources]
    return Informer(CONFIG_MAPS, collections), sources


async def test_it_is_synced_when_every_collection_is(two: tuple[Informer, list[Any]], run) -> None:
    informer, (one, other) = two
    one.put("a")
    other.put("b")
    other.failures["stream"] += [Forbidden(403, "Forbidden", "no")] * 2
    other.failures["list"] += [Forbidden(403, "Forbidden", "no")] * 2
    early, late = Told(), Told()
    registrations = [informer.add_handler(early)]
    await run(informer)
    registrations.append(informer.add_handler(late))
    await asyncio.sleep(0.05)
    assert early.lines() == late.lines() == ["added a initial"]
    assert (informer.has_synced, informer.is_settled, informer.state) == (False, False, ReflectorState.BACKOFF)
    assert [registration.has_synced for registration in registrations] == [False, False]
    assert informer.lister.resource_version == ""
    one.put("c")
    await informer.wait_synced()
    await asyncio.gather(*(registration.wait_synced() for registration in registrations))
    assert early.lines() == late.lines() == ["added a initial", "added c", "added b initial"]
    assert informer.is_settled
    await asyncio.sleep(0.05)
    assert informer.state is ReflectorState.WATCHING


async def test_a_kind_absent_from_every_collection_is_settled(two: tuple[Informer, list[Any]], run) -> None:
    informer, sources = two
    for each in sources:
        each.served = False
        each.failures["stream"] += [NotFound(404, "", "404 page not found")] * 5
    await run(informer)
    await informer.wait_settled()
    assert (informer.is_settled, informer.has_synced, informer.is_absent) == (True, False, True)


async def test_one_absent_collection_does_not_settle_it(two: tuple[Informer, list[Any]], run) -> None:
    informer, (one, other) = two
    one.served = False
    one.failures["stream"] += [NotFound(404, "", "404 page not found")] * 9
    for request in ("stream", "list"):
        other.failures[request] += [Forbidden(403, "Forbidden", "no")] * 9
    await run(informer)
    await asyncio.sleep(1)
    assert not informer.is_settled
    absent, forbidden = (mirror.describe() for mirror in informer.mirrors)
    assert absent.startswith("one (absent, ")
    assert forbidden.startswith("two (backoff, ")
    assert informer.describe() == f"{absent}; {forbidden}"


async def test_a_version_is_reached_when_every_collection_reached_it(two: tuple[Informer, list[Any]], run) -> None:
    informer, (one, other) = two
    await run(informer)
    one.version = other.version = 10
    one.put("a")
    await asyncio.sleep(0.05)
    assert not await informer.wait_until("11", 0.5)
    waiting = asyncio.create_task(informer.wait_until("11", 5))
    await asyncio.sleep(0.05)
    other.bookmark()
    assert await waiting


async def test_all_collections_are_replayed(two: tuple[Informer, list[Any]], run) -> None:
    informer, (one, other) = two
    one.put("a")
    other.put("b")
    told = Told()
    informer.add_handler(told, resync_s=10)
    await run(informer)
    await asyncio.sleep(10.5)
    assert told.lines()[2:] == ["updated a resync", "updated b resync"]


async def test_collections_share_one_tally_of_the_time_they_took(two: tuple[Informer, list[Any]], run) -> None:
    informer, _ = two
    await run(informer)
    assert informer.processing.count >= 2
    assert all(mirror.reflector.processing is informer.processing for mirror in informer.mirrors)


async def test_metadata_alone_is_kept_under_the_real_kind(source, run) -> None:
    source.put("a", x="1")
    informer = Informer(CONFIG_MAPS, source, metadata_only=True)
    await run(informer)
    (found,) = informer.lister.list()
    assert (found["kind"], "data" in found) == ("ConfigMap", False)
    assert informer.statistics()["metadata_only"] is True


async def test_it_says_in_words_where_it_is(source, informer: Informer, run) -> None:
    assert informer.describe() == "configmaps (empty)"
    await run(informer)
    assert informer.describe() == "configmaps (watching)"


async def test_a_mirror_begins_empty_under_its_own_name(informer: Informer) -> None:
    (mirror,) = informer.mirrors
    assert (mirror.statistics()["synced"], mirror.is_settled) == (False, False)
    with pytest.raises(KeyError, match="configmaps has no index 'none'; it has: none"):
        informer.lister.index_keys("none", "x")
