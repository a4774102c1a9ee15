"""A controller whose watch is half a second behind, against an API server in this process."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from omectl.api.document import at
from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers import Informer
from omectl.informers.lister_watcher import ClientListerWatcher
from omectl.kube.client import Client
from omectl.kube.listing import WatchOptions
from omectl.local.embedded import EmbeddedServer, ServedKind
from omectl.manager import (
    ChannelSource,
    Controller,
    FreshReader,
    KindSource,
    Result,
    WriteGate,
    enqueue_object,
    with_fresh_object,
)

WIDGETS = ResourceKind("example.com", "v1", "Widget", "widgets", namespaced=True)
KEY = ObjectKey("default", "a")
BEHIND_S = 0.5
NEVER_S = 600.0


@pytest.fixture
def embedded_kinds() -> tuple[ResourceKind | ServedKind, ...]:
    return (WIDGETS,)


def widget(name: str = "a", size: int = 0) -> JsonObject:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"size": size},
    }


class Late(ClientListerWatcher):
    """A collection of which every event of the watch comes `behind_s` after it happened, or once it is let go."""

    def __init__(self, client: Client, behind_s: float) -> None:
        super().__init__(client, WIDGETS, "", "", "")
        self.streaming_list = False
        self.let_go = asyncio.Event()
        self._behind_s = behind_s

    @asynccontextmanager
    async def watch(self, options: WatchOptions) -> AsyncGenerator[AsyncIterator[list[bytes]]]:
        async with super().watch(options) as batches:
            yield self._later(batches)

    async def _later(self, batches: AsyncIterator[list[bytes]]) -> AsyncIterator[list[bytes]]:
        async for lines in batches:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._behind_s):
                    await self.let_go.wait()
            yield lines


Work = Callable[["Story", JsonObject | None], Awaitable[None]]


@dataclass
class Story:
    """What reconciles of `a` read, beside what the last one had left on the server."""

    informer: Informer
    client: Client
    channel: ChannelSource[ObjectKey]
    gate: WriteGate
    read: list[int | None] = field(default_factory=list[int | None])
    left: list[int | None] = field(default_factory=list[int | None])
    others: list[ObjectKey] = field(default_factory=list[ObjectKey])

    async def until(self, reads: int) -> None:
        """Poke the key all the while, as the events of other objects would."""
        async with asyncio.timeout(20):
            while len(self.read) < reads:
                self.channel.put(KEY)
                await asyncio.sleep(0.02)


def size(obj: JsonObject | None) -> int | None:
    found = at(obj, "spec", "size") if obj is not None else None
    return found if isinstance(found, int) else None


@asynccontextmanager
async def story(
    client: Client, work: Work, *, gated: bool = True, behind_s: float = BEHIND_S, patience_s: float = 5.0
) -> AsyncIterator[Story]:
    informer = Informer(WIDGETS, Late(client, behind_s))
    gate = WriteGate(informer, patience_s=patience_s)
    writer = client.view(observer=gate.observe)
    told = Story(informer, writer, ChannelSource("pokes"), gate)

    async def reconcile(key: ObjectKey) -> Result:
        if key != KEY:
            told.others.append(key)
            return Result()
        found = informer.lister.get(key)
        told.read.append(size(found))
        await work(told, found)
        return Result()

    controller = Controller(
        "read-your-writes",
        reconcile,
        [KindSource(informer, enqueue_object()), told.channel],
        gate=gate if gated else None,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(informer.run()), group.create_task(controller.run())]
        async with asyncio.timeout(5):
            await informer.wait_synced()
        try:
            yield told
        finally:
            for task in tasks:
                task.cancel()


async def grow(told: Story, found: JsonObject | None) -> None:
    if len(told.left) >= 3:
        return
    written = await told.client.merge_patch(WIDGETS, "a", {"spec": {"size": (size(found) or 0) + 1}}, "default")
    told.left.append(size(written))


async def test_after_an_own_update_no_reconcile_reads_the_state_before(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.put(widget())
    async with story(embedded_client, grow) as told:
        await told.until(4)
    assert told.left == [1, 2, 3]
    assert told.read[:4] == [0, 1, 2, 3]


async def test_without_the_gate_the_same_story_reads_stale(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.put(widget())
    async with story(embedded_client, grow, gated=False, behind_s=NEVER_S) as told:
        await told.until(4)
    assert told.read[:3] == [0, 0, 0]


async def test_after_an_own_create_no_reconcile_misses_the_object(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    async def create(told: Story, found: JsonObject | None) -> None:
        if found is None:
            await told.client.create(WIDGETS, widget(size=7))

    async with story(embedded_client, create) as told:
        await told.until(3)
    assert told.read[:3] == [None, 7, 7]


async def test_after_an_own_delete_no_reconcile_sees_the_object(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    async def delete(told: Story, found: JsonObject | None) -> None:
        if found is not None:
            await told.client.delete(WIDGETS, "a", "default")

    embedded_server.put(widget(size=7))
    async with story(embedded_client, delete) as told:
        await told.until(3)
    assert told.read[:3] == [7, None, None]


async def test_after_delete_and_create_a_reconcile_sees_the_new_object(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    async def swap(told: Story, found: JsonObject | None) -> None:
        if size(found) == 1:
            await told.client.delete(WIDGETS, "a", "default")
            await told.client.create(WIDGETS, widget(size=2))

    embedded_server.put(widget(size=1))
    async with story(embedded_client, swap) as told:
        await told.until(3)
        assert len(told.gate) == 0
    assert told.read[:3] == [1, 2, 2]


async def test_an_own_delete_that_waits_for_a_finalizer_is_seen_as_under_way(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    marked: list[bool] = []

    async def delete(told: Story, found: JsonObject | None) -> None:
        assert found is not None
        marked.append(bool(at(found, "metadata", "deletionTimestamp")))
        if not marked[-1]:
            await told.client.delete(WIDGETS, "a", "default")

    held = widget(size=7)
    held["metadata"] = {"name": "a", "namespace": "default", "finalizers": ["example.com/hold"]}
    embedded_server.put(held)
    async with story(embedded_client, delete) as told:
        await told.until(3)
    assert marked[:3] == [False, True, True]


async def test_other_keys_are_worked_on_while_one_waits_for_its_write(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.put(widget())
    async with story(embedded_client, grow, behind_s=NEVER_S, patience_s=NEVER_S) as told:
        await told.until(1)
        told.channel.put(KEY)
        for number in range(20):
            told.channel.put(ObjectKey("default", f"other-{number}"))
        async with asyncio.timeout(5):
            while len(told.others) < 20:
                await asyncio.sleep(0.005)
        assert told.read == [0]


async def test_a_cache_that_is_too_late_is_passed_by_with_a_live_read(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.put(widget())
    informer = Informer(WIDGETS, Late(embedded_client, 30.0))
    gate = WriteGate(informer, patience_s=0.1)
    writer = embedded_client.view(observer=gate.observe)
    seen: list[int | None] = []

    async def reconcile(key: ObjectKey, found: JsonObject) -> Result:
        seen.append(size(found))
        if len(seen) > 3:
            return Result()
        await writer.merge_patch(WIDGETS, "a", {"spec": {"size": len(seen)}}, "default")
        return Result(requeue_after_s=0.01)

    reader = FreshReader(informer, gate, embedded_client)
    controller = Controller(
        "late", with_fresh_object(reader.get, reconcile), [KindSource(informer, enqueue_object())], gate=gate
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(informer.run()), group.create_task(controller.run())]
        async with asyncio.timeout(10):
            while len(seen) < 4:
                await asyncio.sleep(0.01)
        assert informer.lister.get(KEY) is not None
        assert size(informer.lister.get(KEY)) == 0
        for task in tasks:
            task.cancel()
    assert seen == [0, 1, 2, 3]


async def test_code_may_wait_for_one_write_by_itself(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.put(widget())
    late = Late(embedded_client, NEVER_S)
    informer = Informer(WIDGETS, late)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(informer.run())
        async with asyncio.timeout(5):
            await informer.wait_synced()
        written = await embedded_client.merge_patch(WIDGETS, "a", {"spec": {"size": 5}}, "default")
        assert size(informer.lister.get(KEY)) == 0
        version = at(written, "metadata", "resourceVersion")
        assert isinstance(version, str)
        late.let_go.set()
        assert await informer.wait_until(version, 5.0)
        assert size(informer.lister.get(KEY)) == 5
        task.cancel()
