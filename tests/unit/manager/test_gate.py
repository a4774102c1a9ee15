"""Reading one's own writes: what the cache must show before a key is worked on again; in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers import EventType, ObjectEvent
from omectl.kube.errors import NotFound
from omectl.kube.resources import CONFIG_MAPS, PODS
from omectl.kube.scope import Write
from omectl.manager import ChannelSource, Controller, FreshReader, Result, WriteGate, with_fresh_object
from omectl.metrics import REGISTRY
from omectl.workqueue import PriorityQueue

pytestmark = pytest.mark.looptime

KEY = ObjectKey("ns", "a")
STATUS: JsonObject = {"kind": "Status", "status": "Success", "details": {"uid": "uid-a"}}


def now() -> float:
    return asyncio.get_running_loop().time()


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(f"omectl_read_your_writes_{name}_total") or 0.0


def obj(version: str, name: str = "a", **metadata: Any) -> JsonObject:
    return {"metadata": {"namespace": "ns", "name": name, "uid": "uid-a", "resourceVersion": version, **metadata}}


def write(
    result: JsonObject,
    name: str = "a",
    *,
    verb: str = "update",
    kind: ResourceKind = CONFIG_MAPS,
    subresource: str = "",
) -> Write:
    return Write(verb, kind, ObjectKey("ns", name), subresource, result)


class Registered:
    def __init__(self, handler: Callable[[ObjectEvent], None]) -> None:
        self.handler: Callable[[ObjectEvent], None] | None = handler

    def remove(self) -> None:
        self.handler = None


class Cache:
    """An informer that the test moves on, object by object."""

    kind = CONFIG_MAPS

    def __init__(self, told: Any) -> None:
        self.lister = self
        self.resource_version = "10"
        self.records: dict[ObjectKey, Any] = {}
        self.registrations: list[Registered] = []
        self.options: list[dict[str, Any]] = []
        self._told = told

    def header(self, key: ObjectKey) -> Any:
        record = self.records.get(key)
        return None if record is None else record.header

    def get(self, key: ObjectKey) -> JsonObject | None:
        record = self.records.get(key)
        return None if record is None else {"from": "cache", "version": record.header.resource_version}

    def add_handler(self, handler: Callable[[ObjectEvent], None], **options: Any) -> Registered:
        self.registrations.append(Registered(handler))
        self.options.append(options)
        return self.registrations[-1]

    def show(self, version: str, name: str = "a", *, told: bool = True) -> None:
        record = self._told.record(name, version=version)
        self.records[record.key] = record
        self.resource_version = version
        if told:
            self._tell(ObjectEvent(EventType.UPDATED, record))

    def drop(self, version: str, name: str = "a") -> None:
        record = self.records.pop(ObjectKey("ns", name))
        self.resource_version = version
        self._tell(ObjectEvent(EventType.DELETED, record))

    def _tell(self, event: ObjectEvent) -> None:
        for registered in self.registrations:
            if registered.handler is not None:
                registered.handler(event)


@pytest.fixture
def cache(told: Any) -> Any:
    made = Cache(told)
    made.show("10")
    return made


async def test_a_key_is_put_off_until_the_cache_shows_the_write(cache: Any) -> None:
    gate = WriteGate(cache)
    assert gate.park(KEY, 0) == 0.0
    gate.observe(write(obj("12")))
    assert gate.park(KEY, 0) == 1.0
    cache.show("11")
    await asyncio.sleep(0.25)
    assert gate.park(KEY, 0) == 0.75
    cache.show("12")
    assert gate.park(KEY, 0) == 0.0
    assert len(gate) == 0


async def test_a_newer_version_than_the_written_one_will_do(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("12")))
    cache.show("15")
    assert gate.park(KEY, 0) == 0.0


async def test_versions_are_compared_as_numbers(cache: Any) -> None:
    gate = WriteGate(cache)
    cache.show("9")
    gate.observe(write(obj("10")))
    assert gate.park(KEY, 0) > 0


async def test_a_write_that_changed_nothing_or_is_seen_already_is_not_remembered(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("10")))
    gate.observe(write(obj("9")))
    assert len(gate) == 0


async def test_a_created_object_is_awaited_until_the_cache_has_it(cache: Any) -> None:
    gate = WriteGate(cache)
    key = ObjectKey("ns", "new")
    gate.observe(write(obj("12", "new"), "new", verb="create"))
    cache.show("11")
    assert gate.park(key, 0) > 0
    cache.show("12", "new")
    assert gate.park(key, 0) == 0.0


async def test_an_object_that_the_cache_does_not_hold_is_seen_when_the_cache_is_past_the_write(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("12", "filtered"), "filtered"))
    cache.show("13")
    assert gate.park(ObjectKey("ns", "filtered"), 0) == 0.0


async def test_a_deleted_object_is_awaited_until_the_cache_has_lost_it(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(STATUS, verb="delete"))
    assert gate.park(KEY, 0) > 0
    cache.show("11")
    assert gate.park(KEY, 0) > 0
    cache.drop("12")
    assert gate.park(KEY, 0) == 0.0


@pytest.mark.parametrize(
    ("result", "gone"),
    [
        ({"kind": "Status"}, True),
        (obj("10"), True),
        (obj("10", finalizers=["x"]), False),
        (obj("10", deletionGracePeriodSeconds=30), False),
        (obj("10", finalizers=[], deletionGracePeriodSeconds=0), True),
    ],
)
async def test_a_delete_ends_an_object_unless_something_still_holds_it(
    cache: Any, result: JsonObject, gone: bool
) -> None:
    gate = WriteGate(cache)
    gate.observe(write(result, verb="delete"))
    assert (gate.park(KEY, 0) > 0) is gone


async def test_a_delete_that_waits_for_finalizers_is_seen_like_an_update(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("12", finalizers=["x"]), verb="delete"))
    assert gate.park(KEY, 0) > 0
    cache.show("12")
    assert gate.park(KEY, 0) == 0.0


async def test_a_delete_of_what_nobody_knows_is_passed_over(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write({"kind": "Status"}, "unknown", verb="delete"))
    assert len(gate) == 0


async def test_a_delete_of_a_subresource_ends_no_object(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(STATUS, verb="delete", subresource="x"))
    assert len(gate) == 0


async def test_after_delete_and_create_the_new_object_is_awaited(cache: Any, told: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(STATUS, verb="delete"))
    gate.observe(write(obj("13", uid="uid-2"), verb="create"))
    assert gate.park(KEY, 0) > 0
    cache.drop("12")
    assert gate.park(KEY, 0) > 0, "gone, but not yet back"
    cache.show("13")
    assert gate.park(KEY, 0) == 0.0
    assert len(gate) == 0


async def test_an_object_under_a_deleted_name_is_another_one(cache: Any, told: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write({**STATUS, "details": {"uid": "uid-before"}}, verb="delete"))
    assert gate.park(KEY, 0) == 0.0


async def test_answers_in_the_wrong_order_leave_the_newer_version(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("14")))
    gate.observe(write(obj("12")))
    cache.show("13")
    assert gate.park(KEY, 0) > 0
    cache.show("14")
    assert gate.park(KEY, 0) == 0.0


async def test_each_write_starts_the_patience_anew(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("12")))
    await asyncio.sleep(0.75)
    gate.observe(write(obj("13")))
    assert gate.park(KEY, 0) == 1.0


async def test_patience_ends_exactly_then_and_the_key_passes_counted_and_logged_once(cache: Any) -> None:
    gate = WriteGate(cache, patience_s=2.0)
    before, parked = counted("overdue"), counted("parked")
    gate.observe(write(obj("12")))
    await asyncio.sleep(1.5)
    assert gate.park(KEY, 0) == 0.5
    assert not gate.is_overdue(KEY)
    await asyncio.sleep(0.5)
    with capture_logs() as logs:
        assert gate.park(KEY, 0) == 0.0
        assert gate.park(KEY, 0) == 0.0
    assert gate.is_overdue(KEY)
    assert (counted("overdue") - before, counted("parked") - parked) == (1, 1)
    (line,) = logs
    assert (line["event"], line["log_level"]) == ("own_write_not_seen", "warning")
    assert (line["object"], line["after_s"]) == ("configmaps ns/a", 2.0)
    assert line["next_step"] == (
        "the reconcile goes on with what the cache has; see the informer's state if this lasts"
    )
    cache.show("12", told=False)
    assert not gate.is_overdue(KEY)


async def test_the_patience_is_a_second_by_default(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("12")))
    await asyncio.sleep(1.0)
    assert gate.park(KEY, 0) == 0.0


async def test_other_keys_kinds_and_answers_without_a_version_are_not_delayed(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("99"), kind=PODS))
    gate.observe(write({}))
    gate.observe(write({"metadata": {"name": "a"}}))
    gate.observe(write(obj("99"), ""))
    assert len(gate) == 0
    gate.observe(write(obj("99")))
    assert gate.park(ObjectKey("ns", "b"), 0) == 0.0
    assert not gate.is_overdue(ObjectKey("ns", "b"))


async def test_memory_is_bounded_and_the_oldest_goes_first(cache: Any) -> None:
    gate = WriteGate(cache, most=3)
    for number in range(5):
        gate.observe(write(obj("99", f"m-{number}"), f"m-{number}"))
        assert len(gate) == min(number + 1, 3)
    assert [gate.park(ObjectKey("ns", f"m-{number}"), 0) > 0 for number in range(5)] == [
        *(False, False, True, True, True)
    ]


@asynccontextmanager
async def listening(gate: WriteGate, queue: PriorityQueue[ObjectKey]) -> AsyncIterator[asyncio.Event]:
    synced = asyncio.Event()
    assert gate.waiting_for() == "own writes of configmaps (not started)"
    task = asyncio.ensure_future(gate.run(queue, synced))
    await asyncio.sleep(0)
    yield synced
    task.cancel()
    await asyncio.wait({task})
    queue.shut_down()


async def test_the_cache_releases_a_key_that_was_put_off_with_its_highest_priority(cache: Any) -> None:
    gate = WriteGate(cache)
    queue: PriorityQueue[ObjectKey] = PriorityQueue("released")
    async with listening(gate, queue) as synced:
        assert synced.is_set()
        assert cache.options == [{"name": "released/own-writes", "coalesce": True}]
        gate.observe(write(obj("12")))
        assert gate.park(KEY, -100) > 0
        assert gate.park(KEY, 7) > 0
        assert gate.park(KEY, 0) > 0
        cache.show("11")
        assert len(queue) == 0
        cache.show("12")
        assert await queue.get() == (KEY, 7)
        queue.done(KEY)
        assert len(gate) == 0
        cache.show("13")
        assert len(queue) == 0
    assert cache.registrations[0].handler is None


async def test_a_deleted_object_that_the_cache_still_shows_is_awaited_and_late(cache: Any) -> None:
    gate = WriteGate(cache)
    queue: PriorityQueue[ObjectKey] = PriorityQueue()
    async with listening(gate, queue):
        gate.observe(write(STATUS, verb="delete"))
        assert gate.park(KEY, 0) > 0
        cache.show("11")
        assert (len(queue), len(gate)) == (0, 1)
        await asyncio.sleep(1.0)
        assert gate.park(KEY, 0) == 0.0
        assert gate.is_overdue(KEY)


async def test_the_version_of_the_object_itself_counts_where_the_cache_has_it(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("12")))
    cache.show("15", "other")
    assert gate.park(KEY, 0) > 0


async def test_the_version_of_a_delete_is_not_waited_for_by_the_write_after_it(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("20"), verb="delete"))
    gate.observe(write(obj("15")))
    assert gate.park(KEY, 0) > 0
    cache.show("16")
    assert gate.park(KEY, 0) == 0.0


async def test_a_delete_of_what_nobody_knows_leaves_what_is_awaited(cache: Any) -> None:
    gate = WriteGate(cache)
    gate.observe(write(obj("12", "new"), "new", verb="create"))
    gate.observe(write({"kind": "Status", "status": "Success"}, "new", verb="delete"))
    assert len(gate) == 1


async def test_ten_thousand_writes_are_remembered_by_default(cache: Any) -> None:
    gate = WriteGate(cache)
    for number in range(10_001):
        gate.observe(write(obj("12", f"new-{number}"), f"new-{number}"))
    assert len(gate) == 10_000


async def test_a_new_write_keeps_a_key_that_was_put_off(cache: Any) -> None:
    gate = WriteGate(cache)
    queue: PriorityQueue[ObjectKey] = PriorityQueue()
    async with listening(gate, queue):
        gate.observe(write(obj("12")))
        gate.park(KEY, 3)
        gate.observe(write(obj("14")))
        cache.show("12")
        assert len(queue) == 0
        cache.show("14")
        assert await queue.get() == (KEY, 3)


async def test_a_key_that_was_not_put_off_is_not_queued_by_the_cache(cache: Any) -> None:
    gate = WriteGate(cache)
    queue: PriorityQueue[ObjectKey] = PriorityQueue()
    async with listening(gate, queue):
        gate.observe(write(obj("12")))
        cache.show("12")
        assert (len(queue), len(gate)) == (0, 0)
        gate.observe(write(obj("14")))
        gate.park(KEY, 0)
        await asyncio.sleep(1.0)
        gate.park(KEY, 0)
        cache.show("14")
        assert (len(queue), len(gate)) == (0, 0), "it has passed by itself"


class Bench:
    """A gated controller; `wrote` are the versions that its reconciles answer to, one after the other."""

    def __init__(self, cache: Any, *, versions: list[str], **options: Any) -> None:
        self.cache = cache
        self.gate = WriteGate(cache)
        self.seen: list[tuple[str, str, float]] = []
        self.versions = versions
        self.channel: ChannelSource[ObjectKey] = ChannelSource("c")
        self.controller = Controller("gated", self._reconcile, [self.channel], gate=self.gate, **options)

    async def _reconcile(self, key: ObjectKey) -> Result:
        header = self.cache.header(key)
        self.seen.append((key.name, header.resource_version if header else "", round(now(), 3)))
        if key.name == "slow":
            await asyncio.sleep(0.2)
        if key == KEY and self.versions:
            self.gate.observe(write(obj(self.versions.pop(0))))
        return Result()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.ensure_future(self.controller.run())
        await asyncio.sleep(0.001)
        yield task
        task.cancel()
        await asyncio.wait({task})


async def test_a_controller_never_works_on_a_cache_older_than_its_write(cache: Any) -> None:
    bench = Bench(cache, versions=["12"])
    async with bench.running():
        bench.channel.put(KEY)
        await asyncio.sleep(0.1)
        bench.channel.put(KEY)
        await asyncio.sleep(0.4)
        assert bench.seen == [("a", "10", 0.001)]
        cache.show("12")
        await asyncio.sleep(0.001)
        assert bench.seen[1:] == [("a", "12", 0.501)]
    assert bench.controller.statistics().queue.waiting == 0


async def test_no_look_is_wasted_while_a_key_is_put_off(cache: Any) -> None:
    bench = Bench(cache, versions=["12"])
    async with bench.running():
        bench.channel.put(KEY)
        await asyncio.sleep(0.01)
        wakeups = bench.controller.queue.statistics().wakeups
        bench.channel.put(KEY)
        await asyncio.sleep(0.9)
        assert bench.controller.queue.statistics().wakeups - wakeups == 1


async def test_a_key_that_is_put_off_passes_when_the_patience_ends(cache: Any) -> None:
    bench = Bench(cache, versions=["12"])
    async with bench.running():
        bench.channel.put(KEY)
        await asyncio.sleep(0.1)
        bench.channel.put(KEY)
        await asyncio.sleep(5.0)
    assert bench.seen == [("a", "10", 0.001), ("a", "10", 1.001)]


async def test_other_keys_pass_while_one_is_put_off(cache: Any) -> None:
    bench = Bench(cache, versions=["12"])
    async with bench.running():
        bench.channel.put(KEY)
        await asyncio.sleep(0.1)
        bench.channel.put(KEY)
        bench.channel.put(ObjectKey("ns", "b"))
        await asyncio.sleep(0.1)
        assert bench.seen[1:] == [("b", "", 0.101)]


async def test_a_drain_puts_nothing_off(cache: Any) -> None:
    bench = Bench(cache, versions=["12"], drain=True)
    async with bench.running() as task:
        bench.channel.put(KEY)
        await asyncio.sleep(0.1)
        bench.channel.put(ObjectKey("ns", "slow"))
        await asyncio.sleep(0.1)
        bench.channel.put(KEY)
        task.cancel()
        await asyncio.wait({task})
    assert bench.seen == [("a", "10", 0.001), ("slow", "", 0.101), ("a", "10", 0.301)]


class Live:
    """A client that answers `found`, or that there is nothing."""

    def __init__(self, found: JsonObject | None) -> None:
        self.found = found
        self.asked: list[tuple[Any, ...]] = []

    async def get(self, *asked: Any) -> JsonObject:
        self.asked.append(asked)
        if self.found is None:
            raise NotFound(404, "NotFound", "gone")
        return self.found


@pytest.mark.parametrize("found", [{"from": "server"}, None])
async def test_a_late_cache_is_passed_by_with_a_live_read(cache: Any, found: JsonObject | None) -> None:
    gate, live = WriteGate(cache), Live(found)
    reader = FreshReader(cache, gate, live)  # pyright: ignore[reportArgumentType]
    gate.observe(write(obj("12")))
    gate.park(KEY, 0)
    assert await reader.get(KEY) == {"from": "cache", "version": "10"}
    await asyncio.sleep(1.0)
    gate.park(KEY, 0)
    assert await reader.get(KEY) == found
    assert live.asked == [(CONFIG_MAPS, "a", "ns")]
    cache.show("12")
    assert await reader.get(KEY) == {"from": "cache", "version": "12"}


async def test_a_reconciler_is_given_the_live_object_past_the_patience(cache: Any) -> None:
    gate, live = WriteGate(cache), Live({"from": "server"})
    seen: list[Any] = []

    async def reconcile(key: ObjectKey, found: JsonObject) -> Result:
        seen.append(found["from"])
        gate.observe(write(obj("12")))
        return Result(requeue_after_s=0.1) if len(seen) < 2 else Result()

    reader = FreshReader(cache, gate, live)  # pyright: ignore[reportArgumentType]
    channel: ChannelSource[ObjectKey] = ChannelSource("c")
    controller = Controller("fresh", with_fresh_object(reader.get, reconcile), [channel], gate=gate)
    task = asyncio.ensure_future(controller.run())
    channel.put(KEY)
    await asyncio.sleep(5.0)
    assert seen == ["cache", "server"]
    task.cancel()
    await asyncio.wait({task})
