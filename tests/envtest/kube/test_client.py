"""The client's verbs against a real API server."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.discovery import Discovery
from omectl.kube.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    ConnectionFailed,
    Expired,
    Invalid,
    NotFound,
    RequestEntityTooLarge,
    ServerTimeout,
)
from omectl.kube.listing import ListOptions, WatchOptions
from omectl.kube.owners import metadata_of, uid_of
from omectl.kube.resources import (
    BUILT_IN_KINDS,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    NODES,
    SERVICE_ACCOUNTS,
    SERVICES,
    built_in_kind,
)
from omectl.local.control_plane import ControlPlane


def config_map(namespace: str, name: str, data: dict[str, str] | None = None, **labels: str) -> JsonObject:
    metadata: JsonObject = {"namespace": namespace, "name": name}
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data or {})}


def resource_version(obj: JsonObject) -> str:
    return str(metadata_of(obj)["resourceVersion"])


async def test_what_is_created_can_be_read_replaced_and_deleted(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map(namespace, "a", {"x": "1"}), field_manager="test")
    assert await client.get(CONFIG_MAPS, "a", namespace) == made
    made["data"] = {"x": "2"}
    replaced = await client.replace(CONFIG_MAPS, made, field_manager="test")
    assert replaced["data"] == {"x": "2"}
    await client.delete(CONFIG_MAPS, "a", namespace)
    with pytest.raises(NotFound) as refused:
        await client.get(CONFIG_MAPS, "a", namespace)
    assert refused.value.details.name == "a"
    assert not refused.value.kind_is_missing


async def test_a_taken_name_is_already_exists_and_a_stale_write_is_a_conflict(client: Client, namespace: str) -> None:
    stale = await client.create(CONFIG_MAPS, config_map(namespace, "a"))
    with pytest.raises(AlreadyExists):
        await client.create(CONFIG_MAPS, config_map(namespace, "a"))
    await client.merge_patch(CONFIG_MAPS, "a", {"data": {"x": "1"}}, namespace)
    stale["data"] = {"x": "2"}
    with pytest.raises(Conflict, match="read the object again"):
        await client.replace(CONFIG_MAPS, stale)


async def test_server_side_apply_names_the_manager_that_owns_a_field(client: Client, namespace: str) -> None:
    await client.apply(CONFIG_MAPS, config_map(namespace, "a", {"x": "1"}), field_manager="one")
    with pytest.raises(Conflict) as conflict:
        await client.apply(CONFIG_MAPS, config_map(namespace, "a", {"x": "2"}), field_manager="two")
    assert conflict.value.fields == (".data.x",)
    forced = await client.apply(CONFIG_MAPS, config_map(namespace, "a", {"x": "2"}), field_manager="two", force=True)
    assert forced["data"] == {"x": "2"}


async def test_merge_patch_removes_by_null_and_json_patch_tests_first(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "a", {"x": "1", "y": "2"}))
    patched = await client.merge_patch(CONFIG_MAPS, "a", {"data": {"x": None}}, namespace)
    assert patched["data"] == {"y": "2"}
    with pytest.raises(Invalid):
        await client.json_patch(CONFIG_MAPS, "a", [{"op": "test", "path": "/data/y", "value": "no"}], namespace)
    patched = await client.json_patch(CONFIG_MAPS, "a", [{"op": "replace", "path": "/data/y", "value": "3"}], namespace)
    assert patched["data"] == {"y": "3"}


async def test_a_merge_patch_with_a_stale_resource_version_is_a_conflict(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map(namespace, "a"))
    await client.merge_patch(CONFIG_MAPS, "a", {"data": {"x": "1"}}, namespace)
    patch: JsonObject = {"metadata": {"resourceVersion": resource_version(made)}, "data": {"x": "2"}}
    with pytest.raises(Conflict):
        await client.merge_patch(CONFIG_MAPS, "a", patch, namespace)


async def test_status_is_written_apart_from_the_spec(client: Client, namespace: str) -> None:
    made = await client.create(DEPLOYMENTS, deployment(namespace, "a"))
    made["status"] = {"observedGeneration": 7}
    made["spec"] = {**made["spec"], "replicas": 5}
    written = await client.replace_status(DEPLOYMENTS, made)
    assert written["status"] == {"observedGeneration": 7}
    assert written["spec"]["replicas"] == 1
    patched = await client.merge_patch(
        DEPLOYMENTS, "a", {"status": {"observedGeneration": 8}}, namespace, subresource="status"
    )
    assert patched["status"] == {"observedGeneration": 8}


def deployment(namespace: str, name: str) -> JsonObject:
    return {
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "example.com/x"}]},
            },
        },
    }


async def test_delete_refuses_another_uid_and_takes_its_own(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map(namespace, "a"))
    with pytest.raises(Conflict):
        await client.delete(CONFIG_MAPS, "a", namespace, uid="00000000-0000-0000-0000-000000000000")
    await client.delete(CONFIG_MAPS, "a", namespace, uid=uid_of(made), resource_version=resource_version(made))


async def test_an_object_with_a_finalizer_is_returned_by_delete(client: Client, namespace: str) -> None:
    obj = config_map(namespace, "a")
    metadata_of(obj)["finalizers"] = ["example.com/held"]
    await client.create(CONFIG_MAPS, obj)
    deleted = await client.delete(CONFIG_MAPS, "a", namespace)
    assert metadata_of(deleted)["deletionTimestamp"]
    await client.merge_patch(CONFIG_MAPS, "a", {"metadata": {"finalizers": None}}, namespace)


async def test_dry_run_writes_nothing(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "a"), dry_run=True)
    assert (await client.list(CONFIG_MAPS, namespace, label_selector="!kube")).items == []


async def test_strict_creation_refuses_an_unknown_field(client: Client, namespace: str) -> None:
    obj = config_map(namespace, "a")
    obj["dataa"] = {}
    with pytest.raises(BadRequest, match="dataa"):
        await client.create(CONFIG_MAPS, obj, validation="Strict")


async def test_an_invalid_object_names_the_field(client: Client, namespace: str) -> None:
    with pytest.raises(Invalid) as refused:
        await client.create(CONFIG_MAPS, config_map(namespace, "Not A Name"))
    assert refused.value.fields == ("metadata.name",)


async def test_lists_come_in_pages_and_carry_their_type(client: Client, namespace: str) -> None:
    for number in range(7):
        await client.create(CONFIG_MAPS, config_map(namespace, f"c{number}", odd=str(number % 2)))
    pages = [page async for page in client.raw_pages(CONFIG_MAPS, namespace, ListOptions(page_size=3))]
    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert [page.first for page in pages] == [True, False, False]
    listed = await client.list(CONFIG_MAPS, namespace, page_size=2, label_selector="odd=1")
    assert [metadata_of(item)["name"] for item in listed.items] == ["c1", "c3", "c5"]
    assert {(item["apiVersion"], item["kind"]) for item in listed.items} == {("v1", "ConfigMap")}
    by_name = await client.list(CONFIG_MAPS, namespace, field_selector="metadata.name=c4")
    assert [metadata_of(item)["name"] for item in by_name.items] == ["c4"]


async def test_a_streaming_list_ends_with_its_marker_and_goes_on_as_a_watch(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "a"))
    options = WatchOptions(send_initial_events=True, timeout_s=60)
    async with asyncio.timeout(20), client.watch(CONFIG_MAPS, namespace, options) as batches:
        seen: list[bytes] = []
        async for lines in batches:
            seen += lines
            if b"initial-events-end" in seen[-1]:
                await client.create(CONFIG_MAPS, config_map(namespace, "b"))
            if b'"name":"b"' in seen[-1]:
                break
    assert b'"ADDED"' in seen[0]


async def test_a_malformed_continue_token_is_refused(client: Client, namespace: str) -> None:
    with pytest.raises(ApiError):
        await client.read(f"/api/v1/namespaces/{namespace}/configmaps?limit=1&continue=nonsense")


async def test_a_list_at_a_future_version_fails_at_once_and_says_why(client: Client, namespace: str) -> None:
    with pytest.raises(ServerTimeout) as late:
        await client.list(CONFIG_MAPS, namespace, resource_version="99999999999", page_size=0)
    assert late.value.is_resource_version_too_large


async def test_an_expired_continue_token_is_not_mistaken_for_a_missing_kind(client: Client) -> None:
    assert not issubclass(Expired, NotFound)
    with pytest.raises(NotFound) as missing:
        await client.read("/apis/example.com/v1/things")
    assert missing.value.kind_is_missing


async def test_an_object_of_a_megabyte_goes_through_and_a_larger_one_is_refused_with_advice(
    client: Client, namespace: str
) -> None:
    big = await client.create(CONFIG_MAPS, config_map(namespace, "big", {"blob": "x" * 1_000_000}))
    read = await client.get(CONFIG_MAPS, "big", namespace)
    assert read["data"] == big["data"]
    with pytest.raises((Invalid, RequestEntityTooLarge, ApiError)):
        await client.create(CONFIG_MAPS, config_map(namespace, "bigger", {"blob": "x" * 4_000_000}))


async def test_a_token_is_requested_by_a_subresource(client: Client, namespace: str) -> None:
    await client.create(SERVICE_ACCOUNTS, {"metadata": {"namespace": namespace, "name": "robot"}})
    body: JsonObject = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
    answer = await client.create_subresource(SERVICE_ACCOUNTS, "robot", "token", body, namespace)
    assert answer["status"]["token"]


async def test_version_openapi_and_readiness_are_readable(client: Client) -> None:
    assert str((await client.version())["gitVersion"]).startswith("v1.")
    assert "paths" in await client.openapi()
    assert await client.read("/readyz", accept="*/*") == b"ok"


async def test_discovery_finds_kinds_and_misses_what_is_not_there(client: Client) -> None:
    discovery = Discovery(client)
    assert await discovery.find("apps", "Deployment") == DEPLOYMENTS
    assert await discovery.find("", "Service") == SERVICES
    assert await discovery.find("example.com", "Thing") is None
    assert await discovery.has(NODES)
    assert "Deployment.apps" in await discovery.capabilities()


async def test_a_kind_that_is_deleted_and_defined_again_otherwise_is_found_as_it_is_now(client: Client) -> None:
    discovery = Discovery(client)
    namespaced = ResourceKind("again.example.com", "v1", "Thing", "things", namespaced=True)
    of_the_cluster = ResourceKind("again.example.com", "v2", "Thing", "things", namespaced=False)
    assert await discovery.find("again.example.com", "Thing") is None
    for kind in (namespaced, of_the_cluster):
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(kind))
        await eventually(discovery.has, kind, True)
        await discovery.refresh()
        assert await discovery.find("again.example.com", "Thing") == kind
        await client.delete(CUSTOM_RESOURCE_DEFINITIONS, "things.again.example.com")
        await eventually(discovery.has, kind, False)
    await discovery.refresh()
    assert await discovery.find("again.example.com", "Thing") is None


async def eventually(has: Callable[[ResourceKind], Awaitable[bool]], kind: ResourceKind, wanted: bool) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(NotFound):  # the version's document and the index lag behind each other
                if await has(kind) is wanted:
                    return
            await asyncio.sleep(0.05)


def definition(kind: ResourceKind) -> JsonObject:
    schema: JsonObject = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: JsonObject = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {"kind": kind.kind, "plural": kind.plural},
            "versions": [version],
        },
    }


async def test_the_built_in_kinds_are_those_of_the_server(client: Client) -> None:
    served = {(kind.api_version, kind.kind): kind for kind in await Discovery(client).kinds()}
    known = [kind for kind in BUILT_IN_KINDS if (kind.api_version, kind.kind) in served]
    assert [kind for kind in known if served[kind.api_version, kind.kind] != kind] == []
    assert len(known) > 30
    assert built_in_kind({"apiVersion": "apps/v1", "kind": "Deployment"}) == DEPLOYMENTS


async def test_a_client_of_a_stopped_cluster_says_so(control_plane: ControlPlane) -> None:
    config = replace(control_plane.admin_config, server="https://127.0.0.1:9")
    async with Client(config) as client:
        with pytest.raises(ConnectionFailed, match="connection refused; check that the control plane runs"):
            await client.version()


async def test_an_untrusted_certificate_is_told_as_such(control_plane: ControlPlane) -> None:
    async with Client(replace(control_plane.admin_config, ca_data=None, ca_file=None)) as client:
        with pytest.raises(ConnectionFailed, match="its certificate is not trusted"):
            await client.version()
