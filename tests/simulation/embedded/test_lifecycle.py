"""What the embedded server does by itself: definitions, garbage, namespaces, and changes made past HTTP."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.discovery import Discovery
from omectl.kube.errors import NotFound
from omectl.kube.listing import WatchOptions
from omectl.kube.owners import metadata_of, owner_reference
from omectl.kube.resources import CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, SECRETS
from omectl.local import crds
from omectl.local.embedded import EmbeddedOptions, EmbeddedServer, ServedKind

GADGETS = ResourceKind("example.org", "v1", "Gadget", "gadgets", namespaced=False)
GADGETS_V2 = ResourceKind("example.org", "v2", "Gadget", "gadgets", namespaced=False)
PLAIN = ServedKind(
    kind=ResourceKind("example.org", "v1", "Plain", "plains", namespaced=False), status=False, generation=False
)


def definition(*versions: str, status: bool = True) -> JsonObject:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Cluster",
            "names": {"plural": "gadgets", "kind": "Gadget"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == versions[0],
                    "subresources": {"status": {}} if status else {},
                    "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                }
                for version in versions
            ],
        },
    }


def gadget(name: str) -> JsonObject:
    return {
        "apiVersion": "example.org/v1",
        "kind": "Gadget",
        "metadata": {"name": name},
        "spec": {"size": 3},
        "status": {"ready": True},
    }


def config_map(name: str, owner: JsonObject | None = None, *, blocking: bool = True) -> JsonObject:
    obj: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}
    if owner is not None:
        reference = owner_reference(owner, controller=blocking)
        metadata_of(obj)["ownerReferences"] = [reference]
    return obj


@pytest.fixture
async def collected() -> AsyncIterator[tuple[EmbeddedServer, Client]]:
    """A server that collects garbage."""
    async with (
        EmbeddedServer(options=EmbeddedOptions(garbage_collection=True)) as server,
        Client(server.config) as client,
    ):
        yield server, client


async def test_a_definition_brings_its_kind_and_is_established(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    assert not await Discovery(embedded_client).has(GADGETS)
    names = await crds.install(embedded_client, [definition("v1")], timeout_s=5)
    assert names == ["gadgets.example.org"]
    assert await Discovery(embedded_client).find("example.org", "Gadget") == GADGETS
    made = await embedded_client.create(GADGETS, gadget("a"))
    assert "status" not in made
    status = (await embedded_client.get(CUSTOM_RESOURCE_DEFINITIONS, "gadgets.example.org"))["status"]
    assert [(c["type"], c["status"]) for c in status["conditions"]] == [
        ("NamesAccepted", "True"),
        ("Established", "True"),
    ]
    assert status["storedVersions"] == ["v1"]


async def test_a_definition_without_a_status_subresource_leaves_the_status_to_the_object(
    embedded_client: Client,
) -> None:
    await crds.install(embedded_client, [definition("v1", status=False)], timeout_s=5)
    made = await embedded_client.create(GADGETS, gadget("a"))
    assert made["status"] == {"ready": True}
    changed = await embedded_client.merge_patch(GADGETS, "a", {"status": {"ready": False}})
    assert metadata_of(changed)["generation"] == 2
    with pytest.raises(NotFound):
        await embedded_client.merge_patch(GADGETS, "a", {"status": {}}, subresource="status")


async def test_versions_of_a_definition_share_their_objects(embedded_client: Client) -> None:
    await crds.install(embedded_client, [definition("v1", "v2")], timeout_s=5)
    await embedded_client.create(GADGETS, gadget("a"))
    newer = await embedded_client.get(GADGETS_V2, "a")
    assert (newer["apiVersion"], newer["spec"]) == ("example.org/v2", {"size": 3})
    (listed,) = (await embedded_client.list(GADGETS_V2)).items
    assert listed["apiVersion"] == "example.org/v2"


async def test_columns_of_a_definition_are_in_its_table(embedded_client: Client) -> None:
    await crds.install(embedded_client, [definition("v1")], timeout_s=5)
    await embedded_client.create(GADGETS, gadget("a"))
    accept = "application/json;as=Table;g=meta.k8s.io;v=v1"
    table = await embedded_client.read_object("/apis/example.org/v1/gadgets", accept=accept)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size"]
    assert table["rows"][0]["cells"] == ["a", 3]


async def test_a_kind_goes_with_its_definition_and_its_objects_too(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    await crds.install(embedded_client, [definition("v1")], timeout_s=5)
    await embedded_client.create(GADGETS, gadget("a"))
    await embedded_client.delete(CUSTOM_RESOURCE_DEFINITIONS, "gadgets.example.org")
    with pytest.raises(NotFound) as missing:
        await embedded_client.list(GADGETS)
    assert missing.value.kind_is_missing
    assert embedded_server.objects(GADGETS) == []
    assert not await Discovery(embedded_client).has(GADGETS)


async def test_a_version_that_a_definition_no_longer_serves_ends_its_watches_alone(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    await crds.install(embedded_client, [definition("v1", "v2")], timeout_s=5)
    async with asyncio.TaskGroup() as group:
        watching = [group.create_task(_watched(embedded_client, kind)) for kind in (GADGETS, GADGETS_V2)]
        async with asyncio.timeout(5):
            while embedded_server.watches() < 2:
                await asyncio.sleep(0.005)
        live = await embedded_client.get(CUSTOM_RESOURCE_DEFINITIONS, "gadgets.example.org")
        live["spec"]["versions"].pop()
        await embedded_client.replace(CUSTOM_RESOURCE_DEFINITIONS, live)
        assert (embedded_server.watches(GADGETS), embedded_server.watches(GADGETS_V2)) == (1, 0)
        embedded_server.put(gadget("a"))
        embedded_server.drop_watches()
    assert [len(task.result()) for task in watching] == [1, 0]


async def _watched(client: Client, kind: ResourceKind) -> list[bytes]:
    """What a watch says until it ends."""
    found: list[bytes] = []
    async with asyncio.timeout(10), client.watch(kind, "", WatchOptions(timeout_s=60)) as batches:
        async for lines in batches:
            found += lines
    return found


async def test_put_takes_the_status_counts_the_generation_and_keeps_the_identity(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.serve(GADGETS)
    first = embedded_server.put(gadget("a"))
    assert (metadata_of(first)["generation"], first["status"]) == (1, {"ready": True})
    same_spec = embedded_server.put({**gadget("a"), "status": {"ready": False}})
    assert metadata_of(same_spec)["generation"] == 1
    other_spec = embedded_server.put({**gadget("a"), "spec": {"size": 4}})
    assert metadata_of(other_spec)["generation"] == 2
    kept = ("uid", "creationTimestamp")
    assert [metadata_of(other_spec)[name] for name in kept] == [metadata_of(first)[name] for name in kept]
    assert await embedded_client.get(GADGETS, "a") == other_spec
    named = embedded_server.put({**gadget("a"), "metadata": {"name": "a", "uid": "mine", "generation": 9}})
    assert (metadata_of(named)["uid"], metadata_of(named)["generation"]) == ("mine", 9)


async def test_what_the_server_hands_out_can_be_changed_without_harm(embedded_server: EmbeddedServer) -> None:
    made = embedded_server.put(config_map("a"))
    metadata_of(made)["name"] = "changed"
    found = embedded_server.get(CONFIG_MAPS, "a", "default")
    assert found is not None
    metadata_of(found)["name"] = "changed"
    (listed,) = embedded_server.objects(CONFIG_MAPS, "default")
    assert metadata_of(listed)["name"] == "a"
    assert embedded_server.objects(CONFIG_MAPS, "elsewhere") == []


async def test_a_kind_that_is_not_served_can_not_be_put(embedded_server: EmbeddedServer) -> None:
    with pytest.raises(ValueError, match=r"found Gadget of example\.org/v1; name the kind"):
        embedded_server.put(gadget("a"))


async def test_a_direct_deletion_asks_no_finalizer_and_misses_what_is_not_there(
    embedded_server: EmbeddedServer,
) -> None:
    obj = config_map("a")
    metadata_of(obj)["finalizers"] = ["example.com/held"]
    embedded_server.put(obj)
    embedded_server.delete(CONFIG_MAPS, "a", "default")
    assert embedded_server.get(CONFIG_MAPS, "a", "default") is None
    with pytest.raises(KeyError, match="ConfigMap default/a"):
        embedded_server.delete(CONFIG_MAPS, "a", "default")


async def test_a_kind_without_status_and_generation_has_neither(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.serve(PLAIN)
    obj: JsonObject = {"metadata": {"name": "a"}, "status": {"kept": True}}
    made = await embedded_client.create(PLAIN.kind, obj)
    assert made["status"] == {"kept": True}
    assert "generation" not in metadata_of(made)


async def test_without_the_switch_nothing_follows_an_owner(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    owner = embedded_server.put(config_map("owner"))
    embedded_server.put(config_map("owned", owner))
    await embedded_client.delete(CONFIG_MAPS, "owner", "default")
    assert embedded_server.get(CONFIG_MAPS, "owned", "default") is not None


async def test_what_is_owned_goes_with_its_last_owner_and_what_it_owns_too(
    collected: tuple[EmbeddedServer, Client],
) -> None:
    server, client = collected
    owner, other = server.put(config_map("owner")), server.put(config_map("other"))
    owned = server.put(config_map("owned", owner))
    server.put(config_map("grandchild", owned))
    shared = config_map("shared", owner)
    metadata_of(shared)["ownerReferences"] = [owner_reference(owner), owner_reference(other, controller=False)]
    server.put(shared)
    await client.delete(CONFIG_MAPS, "owner", "default")
    assert _names(server) == ["other", "shared"]
    server.delete(CONFIG_MAPS, "other", "default")
    assert _names(server) == []


async def test_an_object_of_an_owner_that_is_gone_does_not_stay(collected: tuple[EmbeddedServer, Client]) -> None:
    server, client = collected
    owner = server.put(config_map("owner"))
    server.delete(CONFIG_MAPS, "owner", "default")
    await client.create(CONFIG_MAPS, config_map("late", owner))
    assert _names(server) == []


async def test_a_foreground_deletion_waits_for_what_blocks_it(collected: tuple[EmbeddedServer, Client]) -> None:
    server, client = collected
    owner = server.put(config_map("owner"))
    held = config_map("held", owner)
    metadata_of(held)["finalizers"] = ["example.com/held"]
    server.put(held)
    server.put(config_map("free", owner, blocking=False))
    await client.delete(CONFIG_MAPS, "owner", "default", propagation="Foreground")
    assert _names(server) == ["held", "owner"]
    await client.merge_patch(CONFIG_MAPS, "held", {"metadata": {"finalizers": None}}, "default")
    assert _names(server) == []


async def test_an_orphaning_deletion_leaves_what_was_owned_without_an_owner(
    collected: tuple[EmbeddedServer, Client],
) -> None:
    server, client = collected
    owner = server.put(config_map("owner"))
    server.put(config_map("owned", owner))
    await client.delete(CONFIG_MAPS, "owner", "default", propagation="Orphan")
    (left,) = server.objects(CONFIG_MAPS)
    assert metadata_of(left)["name"] == "owned"
    assert "ownerReferences" not in metadata_of(left)


async def test_a_deleted_namespace_is_emptied_and_goes(collected: tuple[EmbeddedServer, Client]) -> None:
    server, client = collected
    await client.create(NAMESPACES, {"metadata": {"name": "n"}})
    held: JsonObject = {"metadata": {"name": "held", "namespace": "n", "finalizers": ["example.com/held"]}}
    await client.create(CONFIG_MAPS, held)
    await client.create(SECRETS, {"metadata": {"name": "s", "namespace": "n"}})
    await client.delete(NAMESPACES, "n")
    assert server.objects(SECRETS) == []
    assert server.get(NAMESPACES, "n") is not None
    await client.merge_patch(CONFIG_MAPS, "held", {"metadata": {"finalizers": None}}, "n")
    assert server.get(NAMESPACES, "n") is None


def _names(server: EmbeddedServer) -> list[str]:
    return [str(metadata_of(obj)["name"]) for obj in server.objects(CONFIG_MAPS)]
