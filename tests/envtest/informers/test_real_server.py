"""Informers on a real API server: sync, resume, restart, kinds that come late, rights that are missing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers import (
    BY_OWNER_UID,
    CacheNotSynced,
    EventType,
    InformerFactory,
    ObjectEvent,
    ReflectorOptions,
    ReflectorState,
)
from omectl.informers.backoff import BackoffOptions
from omectl.informers.lister_watcher import ClientListerWatcher
from omectl.kube.client import Client
from omectl.kube.errors import Forbidden
from omectl.kube.listing import WatchOptions
from omectl.kube.owners import metadata_of
from omectl.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    SECRETS,
)
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions

_QUICK = ReflectorOptions(
    backoff=BackoffOptions(first_s=0.1, cap_s=0.5), absent_backoff=BackoffOptions(first_s=0.1, cap_s=0.2)
)


def config_map(namespace: str, name: str, value: str = "") -> JsonObject:
    return {"metadata": {"namespace": namespace, "name": name, "labels": {"app": name}}, "data": {"value": value}}


@asynccontextmanager
async def running(factory: InformerFactory) -> AsyncIterator[None]:
    task = asyncio.create_task(factory.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_cache_holds_what_exists_and_follows_what_happens(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "a", "1"))
    factory = InformerFactory(client)
    informer = factory.informer(CONFIG_MAPS, namespace=namespace, indexes={"owner": BY_OWNER_UID})
    events: list[tuple[EventType, str, bool]] = []

    def note(event: ObjectEvent) -> None:
        events.append((event.type, event.key.name, event.initial))

    registration = informer.add_handler(note)
    async with running(factory):
        await factory.wait_for_sync(20)
        await asyncio.wait_for(registration.wait_synced(), 5)
        cached = informer.lister.get(ObjectKey(namespace, "a"))
        assert cached is not None
        live = await client.get(CONFIG_MAPS, "a", namespace)
        del metadata_of(live)["managedFields"]
        assert cached == live

        await client.create(CONFIG_MAPS, config_map(namespace, "b"))
        changed = await client.merge_patch(CONFIG_MAPS, "a", {"data": {"value": "2"}}, namespace)
        assert await informer.wait_until(str(metadata_of(changed)["resourceVersion"]), 5)
        await client.delete(CONFIG_MAPS, "b", namespace)
        await eventually(lambda: informer.lister.keys() == [ObjectKey(namespace, "a")])
    assert events == [
        (EventType.ADDED, "a", True),
        (EventType.ADDED, "b", False),
        (EventType.UPDATED, "a", False),
        (EventType.DELETED, "b", False),
    ]
    assert informer.statistics()["mirrors"][0]["reflector"]["streaming_lists"] == 1


async def test_pages_give_the_same_cache_as_a_stream(client: Client, namespace: str) -> None:
    for number in range(7):
        await client.create(CONFIG_MAPS, config_map(namespace, f"c{number}"))

    def paged(kind: ResourceKind, *selection: str, metadata_only: bool) -> ClientListerWatcher:
        source = ClientListerWatcher(client, kind, *selection, metadata_only=metadata_only)
        source.streaming_list = False
        return source

    by_pages = InformerFactory(client, ReflectorOptions(page_size=3), source=paged)
    by_stream = InformerFactory(client)
    async with running(by_pages), running(by_stream):
        listers = [f.informer(CONFIG_MAPS, namespace=namespace).lister for f in (by_pages, by_stream)]
        await by_pages.wait_for_sync(20)
        await by_stream.wait_for_sync(20)
        assert listers[0].list() == listers[1].list()
        assert len(listers[0]) == 7


@pytest.fixture
async def own_control_plane(control_plane: ControlPlane) -> AsyncIterator[ControlPlane]:
    """One that a test may restart; it skips where the shared one does."""
    async with ControlPlane(ControlPlaneOptions()) as started:
        yield started


async def test_a_restarted_server_costs_one_relist_and_loses_no_delete(own_control_plane: ControlPlane) -> None:
    async with Client(own_control_plane.admin_config) as client:
        for name in "abc":
            await client.create(CONFIG_MAPS, config_map("default", name))
        factory = InformerFactory(client, _QUICK)
        informer = factory.informer(CONFIG_MAPS, namespace="default", label_selector="app")
        events: list[ObjectEvent] = []
        informer.add_handler(events.append)
        async with running(factory):
            await factory.wait_for_sync(20)
            await own_control_plane.restart_apiserver()
            await client.delete(CONFIG_MAPS, "b", "default")
            await client.create(CONFIG_MAPS, config_map("default", "d"))
            wanted = [ObjectKey("default", name) for name in "acd"]
            await eventually(lambda: sorted(informer.lister.keys()) == wanted, 60)
            await eventually(lambda: informer.state is ReflectorState.WATCHING)
    assert [event.key.name for event in events if event.type is EventType.DELETED] == ["b"]


async def test_a_watch_at_a_forgotten_version_gets_an_expired_event(own_control_plane: ControlPlane) -> None:
    async with Client(own_control_plane.admin_config) as client:
        made = await client.create(CONFIG_MAPS, config_map("default", "a"))
        seen = WatchOptions(resource_version=str(metadata_of(made)["resourceVersion"]))
        for _ in range(3):
            await client.merge_patch(CONFIG_MAPS, "a", {"data": {"value": "x"}}, "default")
        await own_control_plane.restart_apiserver()
        async with asyncio.timeout(20), client.watch(CONFIG_MAPS, "default", seen) as batches:
            lines = [line async for batch in batches for line in batch]
    assert b'"reason":"Expired"' in lines[0]


async def test_a_kind_that_comes_later_starts_by_itself_and_holds_up_nobody(client: Client, namespace: str) -> None:
    kind = ResourceKind("late.example.com", "v1", "Latecomer", "latecomers", namespaced=True)
    factory = InformerFactory(client, _QUICK)
    late, config_maps = factory.informer(kind), factory.informer(CONFIG_MAPS)
    async with running(factory):
        await factory.wait_for_sync(20)
        assert config_maps.has_synced
        assert late.is_absent
        assert not late.has_synced
        assert "404" in str(late.last_error)
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(kind))
        async with asyncio.timeout(30):
            await late.wait_synced()
        await eventually(lambda: late.state is ReflectorState.WATCHING)
        await client.create(kind, {"metadata": {"name": "x", "namespace": namespace}, "spec": {}})
        await eventually(lambda: len(late.lister) == 1)
        assert late.last_error is None

        await client.delete(CUSTOM_RESOURCE_DEFINITIONS, f"{kind.plural}.{kind.group}")
        await eventually(lambda: len(late.lister) == 0)
        await eventually(lambda: late.is_absent)
        assert config_maps.state is ReflectorState.WATCHING


def definition(kind: ResourceKind) -> JsonObject:
    return {
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"kind": kind.kind, "plural": kind.plural, "singular": kind.kind.lower()},
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    },
                }
            ],
        },
    }


async def test_a_kind_that_may_not_be_read_leaves_the_others_running(full_control_plane: ControlPlane) -> None:
    async with Client(full_control_plane.admin_config) as admin:
        await admin.create(
            CLUSTER_ROLES,
            {
                "metadata": {"name": "sees-config-maps"},
                "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}],
            },
        )
        await admin.create(
            CLUSTER_ROLE_BINDINGS,
            {
                "metadata": {"name": "sees-config-maps"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sees-config-maps"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "half-sighted"}],
            },
        )
        async with Client(await full_control_plane.user("half-sighted")) as client:
            factory = InformerFactory(client, _QUICK)
            secrets, config_maps = factory.informer(SECRETS), factory.informer(CONFIG_MAPS)
            async with running(factory):
                await factory.wait_for_sync(20, [config_maps])
                with pytest.raises(CacheNotSynced, match=r"secrets \(.*Forbidden.*half-sighted"):
                    await factory.wait_for_sync(1)
                assert isinstance(secrets.last_error, Forbidden)
                assert config_maps.state is ReflectorState.WATCHING


async def test_an_object_of_a_megabyte_arrives_whole(client: Client, namespace: str) -> None:
    factory = InformerFactory(client)
    informer = factory.informer(CONFIG_MAPS, namespace=namespace)
    async with running(factory):
        await factory.wait_for_sync(20)
        await client.create(CONFIG_MAPS, config_map(namespace, "big", "é" * 500_000))
        await eventually(lambda: len(informer.lister) == 1)
    cached = informer.lister.get(ObjectKey(namespace, "big"))
    assert cached is not None
    assert cached["data"] == {"value": "é" * 500_000}


async def test_selectors_narrow_the_cache_at_the_server(client: Client, namespace: str) -> None:
    for name in "ab":
        await client.create(CONFIG_MAPS, config_map(namespace, name))
    factory = InformerFactory(client)
    labelled = factory.informer(CONFIG_MAPS, label_selector="app=a", namespace=namespace)
    named = factory.informer(NAMESPACES, field_selector=f"metadata.name={namespace}")
    async with running(factory):
        await factory.wait_for_sync(20)
        assert labelled.lister.keys() == [ObjectKey(namespace, "a")]
        assert named.lister.keys() == [ObjectKey("", namespace)]
        await client.merge_patch(CONFIG_MAPS, "a", {"metadata": {"labels": {"app": "z"}}}, namespace)
        await eventually(lambda: len(labelled.lister) == 0)
