"""Scoped caches on a real API server: namespaces, selectors, metadata alone, kinds that come, go and come again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.envtest.informers.test_real_server import _QUICK, config_map, definition, eventually, running

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers import (
    CacheOptions,
    CacheReader,
    EventType,
    InformerFactory,
    KindCache,
    Narrowing,
    NotCached,
    ObjectEvent,
    by_field,
)
from omectl.kube.client import Client
from omectl.kube.errors import ApiError, NotFound
from omectl.kube.listing import ListOptions, WatchOptions
from omectl.kube.owners import metadata_of
from omectl.kube.resources import CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, SECRETS


@pytest.fixture
async def spaces(client: Client, namespace: str) -> AsyncIterator[list[str]]:
    """Three namespaces of the test's own, each with the ConfigMaps `a` and `b`."""
    names = [f"{namespace}-{letter}" for letter in "xyz"]
    for name in names:
        await client.create(NAMESPACES, {"metadata": {"name": name}})
        for each in "ab":
            await client.create(CONFIG_MAPS, config_map(name, each, each))
    yield names
    for name in names:
        await client.delete(NAMESPACES, name)


def mine(keys: list[ObjectKey], spaces: list[str]) -> list[str]:
    """The keys in the test's namespaces less what the cluster itself puts there, namespaces shortened."""
    return sorted(f"{key.namespace[-1]}/{key.name}" for key in keys if key.namespace in spaces and len(key.name) == 1)


async def test_several_namespaces_are_cached_and_the_others_are_not(client: Client, spaces: list[str]) -> None:
    factory = InformerFactory(client, caches=CacheOptions(namespaces={name: Narrowing() for name in spaces[:2]}))
    informer = factory.informer(CONFIG_MAPS)
    events: list[ObjectEvent] = []
    registration = informer.add_handler(events.append)
    async with running(factory):
        await factory.wait_for_sync(20)
        await asyncio.wait_for(registration.wait_synced(), 5)
        assert mine(informer.lister.keys(), spaces) == ["x/a", "x/b", "y/a", "y/b"]
        await client.create(CONFIG_MAPS, config_map(spaces[2], "c"))
        await client.create(CONFIG_MAPS, config_map(spaces[1], "d"))
        await eventually(lambda: informer.lister.header(ObjectKey(spaces[1], "d")) is not None)
        assert {event.key.namespace for event in events} == set(spaces[:2])
        reader = CacheReader(factory)
        assert (await reader.get(CONFIG_MAPS, "a", spaces[0]))["data"] == {"value": "a"}
        with pytest.raises(NotCached):
            await reader.get(CONFIG_MAPS, "a", spaces[2])


async def test_the_rest_of_the_namespaces_is_cached_by_its_own_rule(client: Client, spaces: list[str]) -> None:
    options = CacheOptions(
        namespaces={spaces[0]: Narrowing(), spaces[1]: Narrowing(label_selector="app=a"), "": Narrowing()},
        kinds={CONFIG_MAPS: KindCache(indexes=by_field("data.value"))},
    )
    factory = InformerFactory(client, caches=options)
    informer = factory.informer(CONFIG_MAPS)
    async with running(factory):
        await factory.wait_for_sync(20)
        assert mine(informer.lister.keys(), spaces) == ["x/a", "x/b", "y/a", "z/a", "z/b"]
        rest = next(mirror.store for mirror in informer.mirrors if not mirror.namespace)
        assert {key.namespace for key in rest.keys()}.isdisjoint(spaces[:2])  # noqa: SIM118
        found = [header.key for header in informer.lister.headers(fields="data.value=b")]
        assert mine(found, spaces) == ["x/b", "z/b"]


async def test_foreign_secrets_never_reach_a_labelled_cache(
    client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    selectors: list[str] = []
    watch, pages = client.watch, client.raw_pages

    def noted_watch(kind: ResourceKind, namespace: str, options: WatchOptions) -> object:
        selectors.append(options.query()["labelSelector"])
        return watch(kind, namespace, options)

    def noted_pages(kind: ResourceKind, namespace: str, options: ListOptions) -> object:
        selectors.append(options.first_query()["labelSelector"])
        return pages(kind, namespace, options)

    async def create(name: str, labels: dict[str, str]) -> None:
        body: JsonObject = {
            "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
            "stringData": {"token": "x" * 5000},
        }
        await client.create(SECRETS, body)

    monkeypatch.setattr(client, "watch", noted_watch)
    monkeypatch.setattr(client, "raw_pages", noted_pages)
    await create("ours", {"omectl.io/part-of": "omectl"})
    await asyncio.gather(*(create(f"foreign-{number}", {"owner": "helm"}) for number in range(100)))
    options = CacheOptions(
        kinds={SECRETS: KindCache(objects=Narrowing(label_selector="omectl.io/part-of=omectl"))},
    )
    factory = InformerFactory(client, caches=options)
    informer = factory.informer(SECRETS)
    told: list[str] = []
    informer.add_handler(lambda event: told.append(f"{event.type.value} {event.key.name}"))
    async with running(factory):
        await factory.wait_for_sync(20)
        before = informer.statistics()
        assert (before["objects"], before["mirrors"][0]["skipped"]) == (1, 0)
        await asyncio.gather(*(create(f"more-{number}", {}) for number in range(100)))
        # A Secret of our own that comes after them, and goes: the watch has passed all of them.
        await create("ours-too", {"omectl.io/part-of": "omectl"})
        await eventually(lambda: len(informer.lister) == 2)
        await client.delete(SECRETS, "ours-too", namespace)
        await eventually(lambda: len(informer.lister) == 1)
        await eventually(lambda: len(told) == 3)
        after = informer.statistics()
    assert (after["objects"], after["bytes"]) == (1, before["bytes"])
    assert after["mirrors"][0]["skipped"] == 0
    counted = [part["mirrors"][0]["reflector"]["events"] for part in (before, after)]
    assert counted[1] - counted[0] == 2
    assert told == ["added ours", "added ours-too", "deleted ours-too"]
    assert selectors
    assert set(selectors) == {"omectl.io/part-of=omectl"}


async def test_metadata_alone_is_a_cache_of_its_own(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "a", "x" * 10_000))
    factory = InformerFactory(client)
    whole = factory.informer(CONFIG_MAPS, namespace=namespace, label_selector="app=a")
    metadata = factory.informer(CONFIG_MAPS, namespace=namespace, label_selector="app=a", metadata_only=True)
    async with running(factory):
        await factory.wait_for_sync(20)
        key = ObjectKey(namespace, "a")
        full, narrow = whole.lister.get(key), metadata.lister.get(key)
        assert full is not None
        assert narrow == {part: full[part] for part in ("apiVersion", "kind", "metadata")}
        assert whole.statistics()["bytes"] > 10_000 > 1_000 > metadata.statistics()["bytes"]
        await client.merge_patch(CONFIG_MAPS, "a", {"metadata": {"labels": {"more": "yes"}}}, namespace)
        await eventually(lambda: len(metadata.lister.headers(labels="more")) == 1)
        await client.delete(CONFIG_MAPS, "a", namespace)
        await eventually(lambda: len(metadata.lister) == len(whole.lister) == 0)


async def test_a_definition_that_is_deleted_and_made_again_is_followed(client: Client, namespace: str) -> None:
    kind = ResourceKind("again.example.com", "v1", "Phoenix", "phoenixes", namespaced=True)
    name = f"{kind.plural}.{kind.group}"
    phoenix: JsonObject = {"metadata": {"name": "p", "namespace": namespace}, "spec": {}}
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(kind))
    factory = InformerFactory(client, _QUICK, caches=CacheOptions(kinds={kind: KindCache()}))
    informer = factory.informer(kind)
    reader = CacheReader(factory)
    told: list[tuple[EventType, str]] = []
    informer.add_handler(lambda event: told.append((event.type, event.header.uid)))
    async with running(factory):
        async with asyncio.timeout(30):
            await informer.wait_synced()
        first = metadata_of(await client.create(kind, phoenix))
        await eventually(lambda: len(informer.lister) == 1)
        await client.delete(CUSTOM_RESOURCE_DEFINITIONS, name)
        await eventually(lambda: informer.is_absent, 40)
        await eventually(lambda: len(informer.lister) == 0)
        with pytest.raises(NotFound):
            await reader.get(kind, "p", namespace)

        async def made_again() -> bool:
            try:
                await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(kind))
            except ApiError:
                return False
            return True

        async with asyncio.timeout(20):
            while not await made_again():
                await asyncio.sleep(0.1)
        await eventually(lambda: not informer.is_absent and informer.last_error is None, 40)
        second = metadata_of(await client.create(kind, phoenix))
        await eventually(lambda: len(informer.lister) == 1)
        assert metadata_of(await reader.get(kind, "p", namespace))["uid"] == second["uid"]
    await client.delete(CUSTOM_RESOURCE_DEFINITIONS, name)
    assert told == [
        (EventType.ADDED, first["uid"]),
        (EventType.DELETED, first["uid"]),
        (EventType.ADDED, second["uid"]),
    ]


async def test_a_removed_informer_lets_go_of_its_watch_and_the_others_go_on(client: Client, namespace: str) -> None:
    factory = InformerFactory(client)
    kept = factory.informer(CONFIG_MAPS, namespace=namespace)
    gone = factory.informer(SECRETS, namespace=namespace)
    async with running(factory):
        await factory.wait_for_sync(20)
        factory.remove(gone)
        await eventually(lambda: gone.is_stopped)
        await client.create(SECRETS, {"metadata": {"name": "s", "namespace": namespace}})
        await client.create(CONFIG_MAPS, config_map(namespace, "a"))
        await eventually(lambda: kept.lister.header(ObjectKey(namespace, "a")) is not None)
        assert len(gone.lister) == 0
        again = factory.informer(SECRETS, namespace=namespace)
        await factory.wait_for_sync(20)
        assert again.lister.header(ObjectKey(namespace, "s")) is not None


async def test_a_write_is_visible_in_the_cache_once_its_version_is_reached(client: Client, namespace: str) -> None:
    factory = InformerFactory(client)
    informer = factory.informer(CONFIG_MAPS, namespace=namespace)
    async with running(factory):
        await factory.wait_for_sync(20)
        await client.create(CONFIG_MAPS, config_map(namespace, "a", "0"))
        for number in range(1, 30):
            written = await client.merge_patch(CONFIG_MAPS, "a", {"data": {"value": str(number)}}, namespace)
            assert await informer.wait_until(str(metadata_of(written)["resourceVersion"]), 5)
            cached = informer.lister.get(ObjectKey(namespace, "a"))
            assert cached is not None
            assert cached["data"] == {"value": str(number)}
