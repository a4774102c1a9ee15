"""From the server's events through reflector and store to handlers: order, completeness, nothing lost in between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import looptime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import EventType, Informer, ObjectEvent, ReflectorOptions, ReflectorState
from omectl.kube.errors import ConnectionFailed, InternalError, TooManyRequests, WatchIdle
from omectl.kube.resource_version import compare
from omectl.kube.resources import CONFIG_MAPS

CUT = ConnectionFailed("https://server", "connection reset")
IDLE = WatchIdle("https://server", "silent for 150 s")
BUSY = TooManyRequests(429, "TooManyRequests", "later")
BROKEN = InternalError(500, "InternalError", "boom")
A = ObjectKey("ns", "a")


class Told:
    """A handler that remembers, and what the cache held at the time."""

    def __init__(self, informer: Informer) -> None:
        self.informer = informer
        self.events: list[ObjectEvent] = []
        self.cached: list[list[str]] = []

    def __call__(self, event: ObjectEvent) -> None:
        self.events.append(event)
        self.cached.append([key.name for key in self.informer.lister.keys()])  # noqa: SIM118

    def lines(self) -> list[str]:
        return [f"{event.type.value} {event.key.name}" for event in self.events]


Run = Callable[[Informer], "asyncio.Task[None]"]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    tasks: list[asyncio.Task[None]] = []

    def begin(informer: Informer) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(informer.run()))
        return tasks[-1]

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def informer(source) -> Informer:
    return Informer(CONFIG_MAPS, source)


async def settle(seconds: float = 0.05) -> None:
    await asyncio.sleep(seconds)


# --- order ---


@pytest.mark.looptime
async def test_handlers_hear_changes_of_all_objects_in_the_servers_order(source, informer: Informer, run: Run) -> None:
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    source.put("b")
    source.put("a")
    source.put("b", x="1")
    source.delete("a")
    source.put("a", uid="again")
    source.delete("b")
    await settle()
    assert told.lines() == ["added b", "added a", "updated b", "deleted a", "added a", "deleted b"]


@pytest.mark.looptime
async def test_a_delete_of_what_is_not_cached_is_told_to_nobody(
    source, informer: Informer, run: Run, make_event
) -> None:
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    source.send(make_event("DELETED", {"kind": "ConfigMap", "metadata": {"name": "x", "resourceVersion": "9"}}))
    await settle()
    assert told.events == []
    assert informer.lister.resource_version == "9"


@pytest.mark.looptime
async def test_a_whole_list_is_in_the_cache_before_the_first_handler_hears_of_it(
    source, informer: Informer, run: Run
) -> None:
    for name in "abc":
        source.put(name)
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    assert told.cached == [["a", "b", "c"]] * 3


@pytest.mark.looptime
async def test_a_relist_tells_deletes_first_and_then_the_rest_in_the_servers_order(
    source, informer: Informer, run: Run, make_status
) -> None:
    for name in "abcd":
        source.put(name)
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    told.events.clear()
    source.objects = {name: source.objects[name] for name in "ca"}
    source.send(make_status(410, "Expired"))
    await settle(0.01)
    source.put("e")
    await settle(10)
    assert told.lines() == ["deleted b", "deleted d", "updated c", "updated a", "added e"]
    assert [event.tombstone for event in told.events] == [True, True, False, False, False]
    assert [event.resync for event in told.events] == [False, False, True, True, False]
    assert not any(event.initial for event in told.events)


@pytest.mark.looptime
async def test_an_empty_relist_tells_a_delete_for_everything(source, informer: Informer, run: Run, make_status) -> None:
    for name in "ab":
        source.put(name)
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    told.events.clear()
    source.objects.clear()
    source.send(make_status(410, "Expired"))
    await settle(10)
    assert told.lines() == ["deleted a", "deleted b"]
    assert [event.object()["metadata"]["name"] for event in told.events] == ["a", "b"]
    assert informer.has_synced


@pytest.mark.looptime
async def test_a_delete_that_was_seen_before_the_relist_is_told_once(
    source, informer: Informer, run: Run, make_status
) -> None:
    source.put("a")
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    source.delete("a")
    source.send(make_status(410, "Expired"))
    await settle(10)
    assert told.lines() == ["added a", "deleted a"]
    assert not told.events[1].tombstone


@pytest.mark.looptime
async def test_an_object_replaced_while_nobody_watched_is_told_as_deleted_and_added(
    source, informer: Informer, run: Run, make_status
) -> None:
    source.put("a", uid="old")
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    open_watches, source.open = source.open, []
    source.delete("a")
    source.put("a", uid="new")
    for queue in open_watches:
        queue.put_nowait(make_status(410, "Expired"))
    await settle(10)
    assert told.lines() == ["added a", "deleted a", "added a"]
    assert [event.header.uid for event in told.events] == ["old", "old", "new"]
    assert told.events[1].tombstone


@pytest.mark.looptime
async def test_a_bookmark_moves_the_version_and_is_told_to_nobody(source, informer: Informer, run: Run) -> None:
    source.put("a")
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    source.bookmark()
    await settle()
    assert informer.lister.resource_version == "3"
    assert told.lines() == ["added a"]


@pytest.mark.looptime
@pytest.mark.parametrize("drop_metadata", [False, True])
async def test_the_caches_version_only_grows(source, run: Run, make_status, drop_metadata: bool) -> None:
    def transform(obj: JsonObject) -> JsonObject:
        return {"data": obj.get("data")} if drop_metadata else obj

    informer = Informer(CONFIG_MAPS, source, transform=transform)
    run(informer)
    await settle()
    seen = [informer.lister.resource_version]
    steps = [
        lambda: source.put("a"),
        lambda: source.put("a", x="1"),
        source.bookmark,
        lambda: source.delete("a"),
        lambda: source.send(make_status(410, "Expired")),
        lambda: source.put("b"),
    ]
    for step in steps:
        step()
        await settle(10)
        seen.append(informer.lister.resource_version)
    assert seen == ["1", "2", "3", "4", "5", "5", "6"]


# --- odd objects ---


@pytest.mark.looptime
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_one_broken_object_in_a_batch_costs_only_itself(
    source, informer: Informer, run: Run, make_event, place: int
) -> None:
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    lines = [
        make_event("ADDED", {"kind": "ConfigMap", "metadata": {"name": name, "uid": name, "resourceVersion": version}})
        for name, version in (("a", "7"), ("b", "8"))
    ]
    lines.insert(place, make_event("ADDED", {"kind": "ConfigMap", "metadata": {"name": 5}}))
    source.send(lines)
    await settle()
    assert told.lines() == ["added a", "added b"]
    assert informer.statistics()["mirrors"][0]["skipped"] == 1


@pytest.mark.looptime
async def test_one_broken_object_in_a_list_costs_only_itself(source, run: Run) -> None:
    source.streaming_list = False
    source.put("a")
    source.objects["broken"] = {"metadata": {"labels": 5}}
    source.put("b")
    informer = Informer(CONFIG_MAPS, source)
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    assert told.lines() == ["added a", "added b"]
    assert informer.has_synced


@pytest.mark.looptime
async def test_an_index_and_a_transform_that_fail_for_one_object_harm_no_other(source, run: Run) -> None:
    def touchy(obj: JsonObject) -> JsonObject:
        if obj["metadata"]["name"] == "b":
            raise ValueError("not this one")
        return {**obj, "seen": True}

    informer = Informer(CONFIG_MAPS, source, transform=touchy, indexes={"seen": lambda obj: [str(obj["seen"])]})
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle()
    for name in "abc":
        source.put(name)
    await settle()
    assert told.lines() == ["added a", "added b", "added c"]
    assert [key.name for key in informer.lister.index_keys("seen", "True")] == ["a", "c"]
    statistics = informer.statistics()["mirrors"][0]
    assert (statistics["transform_errors"], statistics["index_errors"]) == (1, 1)


# --- transforms ---


@pytest.mark.looptime
async def test_a_transform_runs_once_for_each_event_and_not_for_replays_and_tombstones(
    source, run: Run, make_status
) -> None:
    calls: list[str] = []

    def transform(obj: JsonObject) -> JsonObject:
        calls.append(obj["metadata"]["resourceVersion"])
        return obj

    source.put("a")
    source.put("b")
    informer = Informer(CONFIG_MAPS, source, transform=transform, resync_s=3.0)
    run(informer)
    informer.add_handler(Told(informer))
    await settle()
    source.put("a", x="1")
    source.delete("b")
    await settle(10)  # three replays
    assert calls == ["2", "3", "4", "5"]
    source.objects.clear()
    source.send(make_status(410, "Expired"))
    await settle(10)
    assert len(informer.lister) == 0
    assert calls == ["2", "3", "4", "5"]


# --- replays ---


@pytest.mark.looptime
async def test_a_replay_tells_nothing_of_what_is_gone(source, run: Run) -> None:
    informer = Informer(CONFIG_MAPS, source, resync_s=5.0)
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle(1)
    source.put("a")
    source.delete("a")
    await settle(6)
    assert told.lines() == ["added a", "deleted a"]


@pytest.mark.looptime
async def test_replays_go_on_over_watches_that_end_and_through_relists(source, run: Run, make_status) -> None:
    informer = Informer(CONFIG_MAPS, source, resync_s=10.0)
    source.put("a")
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    await settle(15)
    source.drop()
    await settle(10)
    source.send(make_status(410, "Expired"))
    await settle(10)
    # Replays at 10, 20 and 30 s, and what the relist at about 26 s found unchanged.
    assert told.lines() == ["added a"] + ["updated a"] * 4
    assert [event.resync for event in told.events] == [False, True, True, True, True]


@pytest.mark.looptime
async def test_a_replay_brings_no_older_state_after_a_newer_one(source, run: Run) -> None:
    informer = Informer(CONFIG_MAPS, source, resync_s=1.0)
    source.put("a")
    told = Told(informer)
    informer.add_handler(told)
    run(informer)
    for number in range(200):
        source.put("a", x=str(number))
        await settle(0.3)
    versions = [int(event.header.resource_version) for event in told.events]
    assert versions == sorted(versions)
    assert sum(event.resync for event in told.events) >= 55
    updates = [event for event in told.events if event.type is EventType.UPDATED and not event.resync]
    assert len(updates) >= 199


# --- when a cache is synced ---


@pytest.mark.looptime
async def test_events_before_the_list_is_whole_do_not_make_a_cache_synced(source, informer: Informer, run: Run) -> None:
    source.marker = False
    source.put("a")
    told = Told(informer)
    registration = informer.add_handler(told)
    run(informer)
    await settle()
    source.put("b")
    await settle()
    assert (informer.has_synced, registration.has_synced, len(informer.lister)) == (False, False, 0)
    source.mark()
    await settle()
    assert (informer.has_synced, registration.has_synced) == (True, True)
    assert [(event.key.name, event.initial) for event in told.events] == [("a", True), ("b", True)]


@pytest.mark.looptime
async def test_a_handler_is_synced_once_it_has_heard_all_that_existed(source, informer: Informer, run: Run) -> None:
    for name in "ab":
        source.put(name)
    synced: list[bool] = []

    def note(_: ObjectEvent) -> None:
        synced.append(registration.has_synced)

    registration = informer.add_handler(note)
    run(informer)
    await settle()
    assert synced == [False, False]
    assert registration.has_synced


@pytest.mark.looptime
async def test_what_is_deleted_while_the_initial_set_is_told_is_told_as_added_then_deleted(
    source, informer: Informer, run: Run
) -> None:
    for name in "abc":
        source.put(name)
    told = Told(informer)

    def handler(event: ObjectEvent) -> None:
        told(event)
        if event.key.name == "a":
            source.delete("b")

    registration = informer.add_handler(handler)
    run(informer)
    await settle()
    assert told.lines() == ["added a", "added b", "added c", "deleted b"]
    assert [event.initial for event in told.events] == [True, True, True, False]
    assert registration.has_synced


@pytest.mark.looptime
async def test_the_stream_goes_on_while_a_handler_is_behind(source, informer: Informer, run: Run) -> None:
    def slow(_: ObjectEvent) -> None:
        raise ValueError("pauses for a second")

    registration = informer.add_handler(slow)
    run(informer)
    await settle()
    for number in range(50):
        source.put(f"c{number}")
    await settle()
    assert len(informer.lister) == 50
    assert registration.pending >= 48


# --- any history ---


class History:
    """A handler that checks that what it hears is possible: per key, added once, then updates, then deleted."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, str]] = {}
        self.problems: list[str] = []
        self.initial_over = False

    def __call__(self, event: ObjectEvent) -> None:
        name, uid, version = event.key.name, event.header.uid, event.header.resource_version
        before = self.known.get(name)
        if event.initial and self.initial_over:
            self.problems.append(f"{name} is initial after something that was not")
        self.initial_over = self.initial_over or not event.initial
        if event.type is EventType.ADDED:
            if before is not None:
                self.problems.append(f"{name} added twice")
            self.known[name] = (uid, version)
        elif before is None:
            self.problems.append(f"{name} {event.type.value} and unknown")
        elif before[0] != uid:
            self.problems.append(f"{name} {event.type.value} with another uid")
        elif event.type is EventType.UPDATED:
            if compare(version, before[1]) < 0 or (version == before[1]) != event.resync:
                self.problems.append(f"{name} from version {before[1]} to {version}, resync {event.resync}")
            self.known[name] = (uid, version)
        else:
            del self.known[name]


_NAMES = st.sampled_from("abc")
_STEPS = st.one_of(
    st.tuples(st.just("put"), _NAMES),
    st.tuples(st.just("delete"), _NAMES),
    st.tuples(st.just("recreate"), _NAMES),
    st.tuples(st.sampled_from(["bookmark", "drop", "half-open", "forget", "late handler"]), st.just("")),
    st.tuples(st.sampled_from(["list", "stream", "watch"]), st.sampled_from(["cut", "busy", "broken"])),
    st.tuples(st.just("outage"), st.sets(_NAMES).map("".join)),
    st.tuples(st.just("wait"), st.sampled_from(["0", "0.5", "5"])),
)


async def live_through(source, steps: list[tuple[str, str]], streaming: bool) -> None:
    source.streaming_list = streaming
    informer = Informer(CONFIG_MAPS, source, options=ReflectorOptions(page_size=2))
    histories = [History()]
    informer.add_handler(histories[0])
    task = asyncio.create_task(informer.run())
    try:
        await play(source, informer, histories, steps)
        await asyncio.sleep(1000)
        wanted = {
            name: (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]) for name, obj in source.objects.items()
        }
        headers = informer.lister.headers()
        assert {header.name: (header.uid, header.resource_version) for header in headers} == wanted
        assert informer.state is ReflectorState.WATCHING
        for history in histories:
            assert history.problems == []
            assert history.known == wanted
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def play(source, informer: Informer, histories: list[History], steps: list[tuple[str, str]]) -> None:
    uids = 0
    for step, detail in steps:
        if step == "put":
            source.put(detail)
        elif step == "delete" and detail in source.objects:
            source.delete(detail)
        elif step == "recreate" and detail in source.objects:
            uids += 1
            source.delete(detail)
            source.put(detail, uid=f"uid-{uids}")
        elif step == "bookmark":
            source.bookmark()
        elif step == "drop":
            source.drop()
        elif step == "half-open":  # deaf from here on, until the silence is noticed
            deaf, source.open = source.open, []
            for queue in deaf:
                asyncio.get_running_loop().call_later(3, queue.put_nowait, IDLE)
        elif step == "outage":  # the connection is lost, `detail` vanishes, and the history too
            deaf, source.open = source.open, []
            for name in set(detail) & set(source.objects):
                source.delete(name)
            source.version += 1
            source.forget()
            for queue in deaf:
                queue.put_nowait(CUT)
        elif step == "forget":
            source.forget()
        elif step == "late handler":
            histories.append(History())
            informer.add_handler(histories[-1])
        elif step in source.failures:
            source.failures[step].append({"cut": CUT, "busy": BUSY, "broken": BROKEN}[detail])
        elif step == "wait":
            await asyncio.sleep(float(detail))
        await asyncio.sleep(0)


@settings(max_examples=150, deadline=None)
@given(st.lists(_STEPS, max_size=30), st.booleans())
def test_after_any_history_the_cache_is_the_collection_and_every_handler_heard_a_possible_story(
    new_source, steps: list[tuple[str, str]], streaming: bool
) -> None:
    loop = looptime.new_event_loop(start=0)
    try:
        loop.run_until_complete(live_through(new_source(), steps, streaming))
    finally:
        loop.close()
