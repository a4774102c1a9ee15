"""A short soak on a real API server: writes all the time, watches that end, restarts, compaction; then a comparison."""

import asyncio
import random
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace

import anyio.to_thread
import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import EventType, Informer, ObjectEvent, ReflectorOptions
from omectl.informers.backoff import BackoffOptions
from omectl.informers.lister_watcher import ClientListerWatcher
from omectl.kube.client import Client
from omectl.kube.errors import ApiError, Expired, KubeError
from omectl.kube.listing import ListOptions, WatchOptions
from omectl.kube.owners import metadata_of
from omectl.kube.resources import CONFIG_MAPS
from omectl.local.child import Child
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions

_QUICK = BackoffOptions(first_s=0.1, cap_s=0.5)


class ShortWatches(ClientListerWatcher):
    """Asks for watches of two seconds, so that many end during a short test."""

    def watch(self, options: WatchOptions) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        return super().watch(replace(options, timeout_s=2))


@pytest.fixture
async def own_control_plane(control_plane: ControlPlane) -> AsyncIterator[ControlPlane]:
    """One that a test may restart; it skips where the shared one does."""
    async with ControlPlane(ControlPlaneOptions()) as started:
        yield started


def config_map(name: str, value: str = "") -> JsonObject:
    return {"metadata": {"namespace": "default", "name": name, "labels": {"soak": "yes"}}, "data": {"value": value}}


def etcd_of(plane: ControlPlane) -> Child:
    return next(child for child in plane.children if child.name == "etcd")


async def compact(plane: ControlPlane, revision: str) -> None:
    """Let etcd forget everything before a revision, which is a resource version."""
    flag = "--advertise-client-urls="
    address = next(part.removeprefix(flag) for part in etcd_of(plane).command if part.startswith(flag))
    body = f'{{"revision": "{revision}", "physical": true}}'.encode()
    request = urllib.request.Request(f"{address}/v3/kv/compaction", data=body, method="POST")

    def send() -> None:
        with urllib.request.urlopen(request, timeout=10):
            pass

    await anyio.to_thread.run_sync(send)


async def write(client: Client, choose: random.Random) -> None:
    """Create, change and delete ten objects at random, through every outage."""
    while True:
        name = f"soak-{choose.randrange(10)}"
        with suppress(KubeError):
            match choose.choice(["create", "change", "change", "delete"]):
                case "create":
                    await client.create(CONFIG_MAPS, config_map(name))
                case "change":
                    patch: JsonObject = {"data": {"value": str(choose.random())}}
                    await client.merge_patch(CONFIG_MAPS, name, patch, "default")
                case _:
                    await client.delete(CONFIG_MAPS, name, "default")
        await asyncio.sleep(0.01)


class Story:
    """A handler that checks that each object is added once, then changed, then deleted, and keeps what it knows."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.problems: list[str] = []

    def __call__(self, event: ObjectEvent) -> None:
        name, uid = event.key.name, event.header.uid
        if event.type is EventType.ADDED:
            if name in self.known:
                self.problems.append(f"{name} added twice")
            self.known[name] = uid
        elif self.known.get(name) != uid:
            self.problems.append(f"{name} {event.type.value} as {uid}, known as {self.known.get(name)}")
        elif event.type is EventType.DELETED:
            del self.known[name]


@pytest.mark.parametrize("streaming", [True, False], ids=["streaming", "pages"])
async def test_after_restarts_compactions_and_many_watches_the_cache_is_what_a_quorum_list_says(
    own_control_plane: ControlPlane, streaming: bool
) -> None:
    plane = own_control_plane
    restarted: list[Child] = []
    async with Client(plane.admin_config) as client:
        source = ShortWatches(client, CONFIG_MAPS, "default", "soak=yes", "")
        source.streaming_list = streaming
        options = ReflectorOptions(
            backoff=_QUICK,
            expired_backoff=_QUICK,
            page_size=None if streaming else 3,
            check_streaming_list=streaming,
        )
        informer = Informer(CONFIG_MAPS, source, options=options)
        story = Story()
        informer.add_handler(story)
        running = asyncio.create_task(informer.run())
        writing = asyncio.create_task(write(client, random.Random(7)))
        try:
            async with asyncio.timeout(20):
                await informer.wait_synced()
            await asyncio.sleep(4.5)  # twice the time of a watch
            await compact(plane, informer.lister.resource_version)
            await plane.restart_apiserver()
            await asyncio.sleep(1.0)
            etcd = etcd_of(plane)
            etcd.kill()
            await asyncio.sleep(0.5)
            restarted.append(Child("etcd", etcd.command, etcd.log))
            await asyncio.sleep(3.0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            last = await _last_write(client)
            assert await informer.wait_until(last, 30), informer.describe()
            listed = await client.list(CONFIG_MAPS, "default", label_selector="soak=yes")
            wanted = {metadata_of(obj)["name"]: without_managed_fields(obj) for obj in listed.items}
            cached = {obj["metadata"]["name"]: obj for obj in informer.lister.list()}
            assert cached == wanted
            assert story.problems == []
            assert story.known == {name: obj["metadata"]["uid"] for name, obj in wanted.items()}
            async with asyncio.timeout(30):
                while informer.statistics()["mirrors"][0]["reflector"]["watches"] < 4:
                    await asyncio.sleep(0.1)
        finally:
            for task in (running, writing):
                task.cancel()
            await asyncio.gather(running, writing, return_exceptions=True)
            for child in restarted:
                child.kill()


async def _last_write(client: Client) -> str:
    """The version of one more write, made as soon as the server takes it."""
    async with asyncio.timeout(60):
        while True:
            try:
                await client.delete(CONFIG_MAPS, "last", "default")
            except ApiError as error:
                if error.status != 404:
                    continue
            except KubeError:
                await asyncio.sleep(0.1)
                continue
            try:
                made = await client.create(CONFIG_MAPS, config_map("last"))
            except KubeError:
                await asyncio.sleep(0.1)
                continue
            return str(metadata_of(made)["resourceVersion"])


def without_managed_fields(obj: JsonObject) -> JsonObject:
    return {**obj, "metadata": {name: value for name, value in obj["metadata"].items() if name != "managedFields"}}


async def test_a_page_that_was_compacted_away_begins_the_list_anew_and_whole(own_control_plane: ControlPlane) -> None:
    async with Client(own_control_plane.admin_config) as client:
        for number in range(5):
            await client.create(CONFIG_MAPS, config_map(f"c{number}"))
        options = ListOptions(page_size=2, label_selector="soak")
        pages = client.raw_pages(CONFIG_MAPS, "default", options)
        strict = client.raw_pages(CONFIG_MAPS, "default", replace(options, full_list_if_expired=False))
        for begun in (pages, strict):
            first = await anext(begun)
            assert (len(first.items), first.first) == (2, True)
        made = await client.create(CONFIG_MAPS, config_map("c5"))
        await compact(own_control_plane, str(metadata_of(made)["resourceVersion"]))
        await own_control_plane.restart_apiserver()  # its cache had snapshots of the pages' version
        rest = [page async for page in pages]
        assert [(len(page.items), page.first) for page in rest] == [(6, True)]
        with pytest.raises(Expired):
            await anext(strict)


async def test_metadata_alone_is_cached_from_lists_and_watches(client: Client, namespace: str) -> None:
    def named(name: str) -> JsonObject:
        return {
            "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
            "data": {"big": "x" * 1000},
        }

    await client.create(CONFIG_MAPS, named("a"))
    for streaming in (True, False):
        source = ClientListerWatcher(client, CONFIG_MAPS, namespace, "app", "", metadata_only=True)
        source.streaming_list = streaming
        options = ReflectorOptions(check_streaming_list=True)
        informer = Informer(CONFIG_MAPS, source, metadata_only=True, options=options)
        task = asyncio.create_task(informer.run())
        try:
            async with asyncio.timeout(20):
                await informer.wait_synced()
            made = await client.create(CONFIG_MAPS, named(f"b-{streaming}".lower()))
            assert await informer.wait_until(str(metadata_of(made)["resourceVersion"]), 10)
            cached = informer.lister.get(ObjectKey(namespace, f"b-{streaming}".lower()))
            del metadata_of(made)["managedFields"]
            assert cached == {name: made[name] for name in ("apiVersion", "kind", "metadata")}
            listed = informer.lister.get(ObjectKey(namespace, "a"))
            assert listed is not None
            assert set(listed) == {"apiVersion", "kind", "metadata"}
            assert (listed["apiVersion"], listed["kind"]) == ("v1", "ConfigMap")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
