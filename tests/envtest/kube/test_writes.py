"""Views, subresources, patches and the functions on top of them, as a real API server answers."""

import asyncio

import pytest
from structlog.testing import capture_logs

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.kube.client import Client
from omectl.kube.errors import BadRequest, Conflict, NotFound, TooManyRequests, UnsupportedMediaType
from omectl.kube.finalizers import Finalizers, finalizers_of, hold
from omectl.kube.listing import ListOptions
from omectl.kube.merge_patch import merge_patch_from
from omectl.kube.owners import metadata_of, references_of, set_controller_reference
from omectl.kube.resources import (
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    NODES,
    POD_DISRUPTION_BUDGETS,
    PODS,
)
from omectl.kube.retry import retry_on_conflict
from omectl.kube.upsert import Change, create_or_patch, create_or_update


def config_map(name: str, namespace: str, **data: str) -> JsonObject:
    metadata: JsonObject = {"name": name, "namespace": namespace, "labels": {"app": "x"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}


def deployment(name: str, namespace: str, *containers: str) -> JsonObject:
    pods: list[JsonObject] = [{"name": container, "image": "example.com/x"} for container in containers or ("main",)]
    template: JsonObject = {"metadata": {"labels": {"app": name}}, "spec": {"containers": pods}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


async def names(client: Client, namespace: str) -> list[str]:
    listed = await client.list(CONFIG_MAPS, namespace, label_selector="app=x")
    return [str(metadata_of(item)["name"]) for item in listed.items]


async def test_a_write_is_visible_to_a_live_read_at_once(client: Client, namespace: str) -> None:
    for number in range(10):
        made = await client.apply(CONFIG_MAPS, config_map("a", namespace, x=str(number)), field_manager="t")
        assert await client.get(CONFIG_MAPS, "a", namespace) == made
        listed = await client.list(CONFIG_MAPS, namespace, label_selector="app=x")
        assert [item["data"] for item in listed.items] == [{"x": str(number)}]


async def test_metadata_can_be_read_alone(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map("a", namespace, x="1"))
    options = ListOptions(metadata_only=True, label_selector="app=x")
    pages = [page async for page in client.raw_pages(CONFIG_MAPS, namespace, options)]
    [raw] = pages[0].items
    assert b"PartialObjectMetadata" in bytes(raw)
    assert b'"data"' not in bytes(raw)


async def test_a_collection_is_deleted_by_its_selectors(client: Client, namespace: str) -> None:
    for name in ("a", "b", "c"):
        await client.create(CONFIG_MAPS, config_map(name, namespace))
    await client.delete_collection(CONFIG_MAPS, namespace, field_selector="metadata.name=a", dry_run=True)
    assert await names(client, namespace) == ["a", "b", "c"]
    await client.delete_collection(CONFIG_MAPS, namespace, label_selector="app=x", field_selector="metadata.name=a")
    assert await names(client, namespace) == ["b", "c"]
    await client.delete_collection(CONFIG_MAPS, namespace, label_selector="app=y")
    assert await names(client, namespace) == ["b", "c"]
    await client.delete_collection(CONFIG_MAPS, namespace, label_selector="app=x")
    assert await names(client, namespace) == []


async def test_a_strategic_patch_merges_a_list_by_key_and_a_merge_patch_replaces_it(
    client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment("a", namespace, "one", "two"))

    def patch() -> JsonObject:
        return {"spec": {"template": {"spec": {"containers": [{"name": "two", "image": "example.com/y"}]}}}}

    def images(obj: JsonObject) -> list[tuple[str, str]]:
        return [(one["name"], one["image"]) for one in obj["spec"]["template"]["spec"]["containers"]]

    merged = await client.strategic_patch(DEPLOYMENTS, "a", patch(), namespace)
    assert sorted(images(merged)) == [("one", "example.com/x"), ("two", "example.com/y")]
    replaced = await client.merge_patch(DEPLOYMENTS, "a", patch(), namespace)
    assert images(replaced) == [("two", "example.com/y")]


THINGS = ResourceKind("writes.example.com", "v1", "Thing", "things", False)


async def test_a_custom_kind_takes_no_strategic_patch(client: Client) -> None:
    schema: JsonObject = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: JsonObject = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec: JsonObject = {
        "group": THINGS.group,
        "names": {"kind": "Thing", "plural": "things"},
        "scope": "Cluster",
        "versions": [version],
    }
    name = "things.writes.example.com"
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, {"metadata": {"name": name}, "spec": spec})
    try:
        await _until_served(client)
        await client.create(THINGS, {"metadata": {"name": "a"}})
        with pytest.raises(UnsupportedMediaType):
            await client.strategic_patch(THINGS, "a", {"x": 1})
    finally:
        await client.delete(CUSTOM_RESOURCE_DEFINITIONS, name)


async def _until_served(client: Client) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await client.list(THINGS)
                return
            except NotFound:
                await asyncio.sleep(0.05)


async def test_a_scale_is_read_put_and_patched(client: Client, namespace: str) -> None:
    await client.create(DEPLOYMENTS, deployment("a", namespace))
    scale = await client.get_subresource(DEPLOYMENTS, "a", "scale", namespace)
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 1})
    scale["spec"] = {"replicas": 3}
    assert (await client.replace(DEPLOYMENTS, scale, subresource="scale"))["spec"] == {"replicas": 3}
    patched = await client.merge_patch(DEPLOYMENTS, "a", {"spec": {"replicas": 2}}, namespace, subresource="scale")
    assert patched["spec"] == {"replicas": 2}
    assert (await client.get(DEPLOYMENTS, "a", namespace))["spec"]["replicas"] == 2


async def test_an_eviction_that_a_budget_forbids_is_too_many_requests(client: Client, namespace: str) -> None:
    pod: JsonObject = {
        "metadata": {"name": "p", "namespace": namespace, "labels": {"app": "p"}},
        "spec": {"containers": [{"name": "main", "image": "example.com/x"}], "nodeName": "n"},
    }
    made = await client.create(PODS, pod)
    ready: JsonObject = {"type": "Ready", "status": "True"}
    await client.replace_status(PODS, {**made, "status": {"phase": "Running", "conditions": [ready]}})
    budget: JsonObject = {
        "metadata": {"name": "b", "namespace": namespace},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "p"}}},
    }
    made_budget = await client.create(POD_DISRUPTION_BUDGETS, budget)
    generation = metadata_of(made_budget)["generation"]
    counts = {"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}
    await client.replace_status(
        POD_DISRUPTION_BUDGETS, {**made_budget, "status": {"observedGeneration": generation, **counts}}
    )
    eviction: JsonObject = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "p", "namespace": namespace},
    }
    with pytest.raises(TooManyRequests) as refused:
        await client.create_subresource(PODS, "p", "eviction", eviction, namespace)
    assert [cause.type for cause in refused.value.details.causes] == ["DisruptionBudget"]
    await client.delete(POD_DISRUPTION_BUDGETS, "b", namespace)
    await client.create_subresource(PODS, "p", "eviction", eviction, namespace)
    assert "deletionTimestamp" in metadata_of(await client.get(PODS, "p", namespace))
    await client.delete(PODS, "p", namespace, grace_period_s=0)


async def test_a_dry_run_view_answers_as_if_and_writes_nothing(client: Client, namespace: str) -> None:
    kept = await client.create(CONFIG_MAPS, config_map("a", namespace, x="1"))
    view = client.view(dry_run=True)
    assert metadata_of(await view.create(CONFIG_MAPS, config_map("b", namespace)))["uid"]
    assert (await view.merge_patch(CONFIG_MAPS, "a", {"data": {"x": "2"}}, namespace))["data"] == {"x": "2"}
    await view.apply(CONFIG_MAPS, config_map("c", namespace))
    await view.delete(CONFIG_MAPS, "a", namespace)
    await view.delete_collection(CONFIG_MAPS, namespace)
    assert await client.get(CONFIG_MAPS, "a", namespace) == kept
    assert await names(client, namespace) == ["a"]


async def test_a_views_field_manager_is_recorded_by_the_server(client: Client, namespace: str) -> None:
    made = await client.view(field_manager="mine").create(CONFIG_MAPS, config_map("a", namespace, x="1"))
    assert [entry["manager"] for entry in metadata_of(made)["managedFields"]] == ["mine"]


async def test_validation_refuses_warns_or_ignores(client: Client, namespace: str) -> None:
    def odd(name: str) -> JsonObject:
        return {**config_map(name, namespace), f"extra{namespace[-8:]}": {}}

    with pytest.raises(BadRequest, match="unknown field"):
        await client.view(validation="Strict").create(CONFIG_MAPS, odd("a"))
    with capture_logs() as logs:
        await client.view(validation="Ignore").create(CONFIG_MAPS, odd("b"))
        assert logs == []
        await client.view(validation="Warn").create(CONFIG_MAPS, odd("c"))
        await client.view(validation="Warn").create(CONFIG_MAPS, odd("d"))
    assert [(line["event"], "unknown field" in line["text"]) for line in logs] == [("api_server_warning", True)]


async def test_a_view_of_a_namespace_lives_in_it(client: Client, namespace: str) -> None:
    view = client.view(namespace=namespace)
    made = await view.create(CONFIG_MAPS, {"metadata": {"name": "a"}})
    assert metadata_of(made)["namespace"] == namespace
    listed = await view.list(CONFIG_MAPS)
    assert {metadata_of(item)["namespace"] for item in listed.items} == {namespace}
    assert isinstance((await view.list(NODES)).items, list)


async def test_a_patch_of_two_trees_holds_with_and_without_precondition(client: Client, namespace: str) -> None:
    base = await client.create(CONFIG_MAPS, config_map("a", namespace, x="1", y="1"))
    await client.merge_patch(CONFIG_MAPS, "a", {"data": {"z": "3"}}, namespace)
    changed: JsonObject = {**base, "data": {"x": "2"}}
    with pytest.raises(Conflict, match="Operation cannot be fulfilled"):
        await client.merge_patch(CONFIG_MAPS, "a", merge_patch_from(base, changed, optimistic=True), namespace)
    patched = await client.merge_patch(CONFIG_MAPS, "a", merge_patch_from(base, changed), namespace)
    assert patched["data"] == {"x": "2", "z": "3"}


async def test_apply_refuses_an_object_that_carries_managed_fields(client: Client, namespace: str) -> None:
    made = await client.apply(CONFIG_MAPS, config_map("a", namespace))
    with pytest.raises(BadRequest, match="managedFields must be nil"):
        await client.apply(CONFIG_MAPS, made)


async def test_apply_takes_a_resource_version_as_a_precondition(client: Client, namespace: str) -> None:
    made = await client.apply(CONFIG_MAPS, config_map("a", namespace, x="1"))
    await client.apply(CONFIG_MAPS, config_map("a", namespace, x="2"))
    stale = config_map("a", namespace, x="3")
    metadata_of(stale)["resourceVersion"] = metadata_of(made)["resourceVersion"]
    with pytest.raises(Conflict):
        await client.apply(CONFIG_MAPS, stale)


async def test_a_conflict_is_overcome_by_reading_again(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map("a", namespace, n="0"))
    tries = 0

    async def count() -> JsonObject:
        nonlocal tries
        obj = await client.get(CONFIG_MAPS, "a", namespace)
        tries += 1
        if tries <= 2:
            await client.merge_patch(CONFIG_MAPS, "a", {"data": {f"other{tries}": "1"}}, namespace)
        obj["data"]["n"] = str(int(obj["data"]["n"]) + 1)
        return await client.replace(CONFIG_MAPS, obj)

    assert (await retry_on_conflict(count))["data"] == {"n": "1", "other1": "1", "other2": "1"}
    assert tries == 3


async def test_create_or_update_creates_updates_and_rests(client: Client, namespace: str) -> None:
    value = "1"

    def mutate(obj: JsonObject) -> None:
        obj["data"] = {"x": value}

    key = ObjectKey(namespace, "a")
    assert (await create_or_update(client, CONFIG_MAPS, key, mutate)).change is Change.CREATED
    assert (await create_or_update(client, CONFIG_MAPS, key, mutate)).change is Change.UNCHANGED
    value = "2"
    updated = await create_or_update(client, CONFIG_MAPS, key, mutate)
    assert (updated.change, updated.obj["data"]) == (Change.UPDATED, {"x": "2"})


async def test_create_or_patch_has_all_five_results(client: Client, namespace: str) -> None:
    replicas, ready = 1, 0

    def mutate(obj: JsonObject) -> None:
        if "spec" not in obj:
            obj["spec"] = deployment("a", namespace)["spec"]
        obj["spec"]["replicas"] = replicas
        if ready:
            obj["status"] = {**obj.get("status", {}), "observedGeneration": ready}

    async def change() -> Change:
        return (await create_or_patch(client, DEPLOYMENTS, ObjectKey(namespace, "a"), mutate)).change

    assert await change() is Change.CREATED
    assert await change() is Change.UNCHANGED
    replicas = 2
    assert await change() is Change.UPDATED
    ready = 2
    assert await change() is Change.UPDATED_STATUS_ONLY
    replicas, ready = 3, 3
    assert await change() is Change.UPDATED_STATUS
    live = await client.get(DEPLOYMENTS, "a", namespace)
    assert (live["spec"]["replicas"], live["status"]["observedGeneration"]) == (3, 3)


async def test_a_controller_reference_is_accepted_by_the_server(client: Client, namespace: str) -> None:
    owner = await client.create(CONFIG_MAPS, config_map("owner", namespace))
    obj = config_map("child", namespace)
    assert set_controller_reference(obj, owner)
    made = await client.create(CONFIG_MAPS, obj)
    assert references_of(made) == references_of(obj)
    assert not set_controller_reference(made, owner)


async def test_a_finalizer_holds_an_object_until_its_clean_up_ran(client: Client, namespace: str) -> None:
    failing = True

    async def clean_up(_: JsonObject) -> None:
        if failing:
            raise OSError("not yet")

    registry = Finalizers(client, CONFIG_MAPS)
    registry.register("example.com/one", clean_up)
    made = await client.create(CONFIG_MAPS, config_map("a", namespace))
    held = await registry.finalize(made)
    assert finalizers_of(held) == ["example.com/one"]
    deleted = await client.delete(CONFIG_MAPS, "a", namespace)
    with pytest.raises(OSError, match="not yet"):
        await registry.finalize(deleted)
    assert finalizers_of(await client.get(CONFIG_MAPS, "a", namespace)) == ["example.com/one"]
    failing = False
    await registry.finalize(deleted)
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, "a", namespace)


async def test_a_finalizer_is_not_put_on_a_version_that_changed(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map("a", namespace))
    await client.merge_patch(CONFIG_MAPS, "a", {"metadata": {"finalizers": ["example.com/theirs"]}}, namespace)
    with pytest.raises(Conflict):
        await hold(client, CONFIG_MAPS, made, "example.com/ours")
    await client.merge_patch(CONFIG_MAPS, "a", {"metadata": {"finalizers": None}}, namespace)
