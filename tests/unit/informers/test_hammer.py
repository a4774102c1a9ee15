"""Many tasks at one cache: after every step content, indexes and histories agree; and nothing there can yield."""

import ast
import asyncio
import inspect
import random
from collections.abc import Iterable

import pytest
from tests.unit.informers.told import record

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import BY_NAMESPACE, EventType, HeaderIndex, Informer, ObjectEvent, Registration
from omectl.informers.buffers import CoalescingBuffer, OrderedBuffer
from omectl.informers.lister import Lister
from omectl.informers.mirror import Mirror
from omectl.informers.record import Record
from omectl.informers.resync import ResyncPeriods
from omectl.informers.store import Store
from omectl.kube.resources import CONFIG_MAPS
from omectl.workqueue import PriorityQueue

_NAMES = [f"o{number}" for number in range(30)]
_NAMESPACES = ("one", "two", "three")
_COLOURS = ("red", "green", "")

CHANGING = {
    Store: ("put", "remove", "replace", "bookmark", "add_indexes"),
    Mirror: ("replace", "change", "bookmark", "absent"),
    OrderedBuffer: ("put", "put_replay", "put_marker", "pop", "clear"),
    CoalescingBuffer: ("put", "put_replay", "put_marker", "pop", "clear"),
    Registration: ("put", "put_replay", "end_initial_set", "schedule", "is_due", "end", "remove"),
    ResyncPeriods: ("admit", "start"),
    Informer: ("add_handler", "add_indexes", "close", "hear", "hear_first", "look_again"),
    PriorityQueue: ("add", "done", "shut_down"),
}


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in CHANGING.items() for name in names])
def test_what_changes_shared_state_is_a_plain_function(owner: type, name: str) -> None:
    method = getattr(owner, name)
    assert not inspect.iscoroutinefunction(method)
    assert not inspect.isgeneratorfunction(method)
    assert not inspect.isasyncgenfunction(method)


@pytest.mark.parametrize("owner", [Store, Mirror, Lister, OrderedBuffer, CoalescingBuffer, ResyncPeriods])
def test_what_only_holds_state_never_yields(owner: type) -> None:
    tree = ast.parse(inspect.getsource(owner))
    yielding = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert [node for node in ast.walk(tree) if isinstance(node, yielding)] == []


def by_colour(obj: JsonObject) -> Iterable[str]:
    colour = obj["data"]["colour"]
    return [colour] if colour else []


class Historian:
    """Holds the history of every object against what can be, and ends with the truth."""

    def __init__(self) -> None:
        self.known: dict[ObjectKey, Record] = {}

    def __call__(self, event: ObjectEvent) -> None:
        if event.type is EventType.ADDED:
            assert event.key not in self.known
            self.known[event.key] = event.record
        elif event.type is EventType.UPDATED:
            assert event.old_record is not None
            assert self.known[event.key].header == event.old_record.header
            assert self.known[event.key].header.uid == event.header.uid
            self.known[event.key] = event.record
        else:
            assert self.known.pop(event.key).header.uid == event.header.uid


class Bench:
    """An informer without a server, the truth beside it, and one random step at a time."""

    def __init__(self, informer: Informer, seed: int) -> None:
        self.informer = informer
        (self.mirror,) = informer.mirrors
        self.rng = random.Random(seed)
        self.version = 10
        self.truth: dict[ObjectKey, Record] = {}

    def new(self, key: ObjectKey, uid: str) -> Record:
        self.version += 1
        data = f'{{"colour":"{self.rng.choice(_COLOURS)}"}}'
        labels = {"odd": str(self.version % 2)}
        return record(key.name, self.version, namespace=key.namespace, uid=uid, labels=labels, data=data)

    def key(self) -> ObjectKey:
        return ObjectKey(self.rng.choice(_NAMESPACES), self.rng.choice(_NAMES))

    def step(self) -> None:
        key = self.key()
        known = self.truth.get(key)
        chance = self.rng.random()
        if chance < 0.6:
            uid = known.header.uid if known is not None and chance < 0.5 else f"u{self.version}"
            self.truth[key] = self.new(key, uid)
            self.mirror.change("MODIFIED" if known is not None else "ADDED", self.truth[key])
        elif chance < 0.9:
            if known is not None:
                del self.truth[key]
                self.mirror.change("DELETED", self.new(key, known.header.uid))
        else:
            for gone in self.rng.sample(sorted(self.truth), len(self.truth) // 4):
                del self.truth[gone]
            self.truth[key] = self.new(key, f"u{self.version}")
            self.mirror.replace(dict(self.truth), str(self.version))

    def check(self) -> None:
        """The content is the truth, and every index is what a full scan finds."""
        lister, store = self.informer.lister, self.mirror.store
        assert {one.key: one.header for one in store} == {key: one.header for key, one in self.truth.items()}
        for namespace in _NAMESPACES:
            wanted = [header.key for header in lister.headers() if header.namespace == namespace]
            assert sorted(store.index_keys("namespace", namespace)) == sorted(wanted)
        for colour in ("red", "green"):
            wanted = [one.key for one in store if by_colour(one.decode())]
            found = [key for value in ("red", "green") for key in store.index_keys("colour", value)]
            assert sorted(found) == sorted(wanted)
            assert all(one["data"]["colour"] == colour for one in lister.by_index("colour", colour))
        odd = [header.key for header in lister.headers() if header.labels["odd"] == "1"]
        assert sorted(store.index_keys("odd", "1")) == sorted(odd)
        for name in ("namespace", "colour", "odd"):
            assert all(store.index_keys(name, value) for value in store.index_values(name))


@pytest.mark.looptime
@pytest.mark.parametrize("seed", range(3))
async def test_a_hundred_tasks_that_change_and_read_never_see_content_and_indexes_apart(source, seed: int) -> None:
    informer = Informer(
        CONFIG_MAPS,
        source,
        indexes={
            "namespace": BY_NAMESPACE,
            "colour": by_colour,
            "odd": HeaderIndex(lambda header: (header.labels["odd"],)),
        },
    )
    bench = Bench(informer, seed)
    bench.mirror.replace({}, "1")
    historians = [Historian() for _ in range(4)]
    registrations = [informer.add_handler(historian) for historian in historians]
    delivering = [asyncio.create_task(registration.deliver()) for registration in registrations]
    seen_versions: list[int] = []

    async def change(number: int) -> None:
        rng = random.Random(seed * 1000 + number)
        for _ in range(6):
            bench.step()
            bench.check()
            seen_versions.append(int(informer.lister.resource_version))
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)

    async def read(number: int) -> None:
        rng = random.Random(seed * 1000 + number)
        for _ in range(20):
            key = ObjectKey(rng.choice(_NAMESPACES), rng.choice(_NAMES))
            found, header = informer.lister.get(key), informer.lister.header(key)
            assert (found is None) == (header is None) == (key not in bench.truth)
            assert len(informer.lister.list(key.namespace)) == len(informer.lister.headers(key.namespace))
            if found is not None:
                found["metadata"].clear()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number in range(70):
            group.create_task(change(number))
        for number in range(30):
            group.create_task(read(number))
    await asyncio.sleep(1)
    for registration, historian in zip(registrations, historians, strict=True):
        assert (registration.pending, registration.errors) == (0, 0)
        assert {key: one.header for key, one in historian.known.items()} == {
            key: one.header for key, one in bench.truth.items()
        }
    assert seen_versions == sorted(seen_versions)
    for task in delivering:
        task.cancel()
    await asyncio.gather(*delivering, return_exceptions=True)
