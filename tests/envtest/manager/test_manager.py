"""A manager on a real API server."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.kube.client import Client
from omectl.kube.resources import CONFIG_MAPS, CORE_EVENTS, EVENTS, LEASES
from omectl.manager import (
    Controller,
    EventLimits,
    EventRecorder,
    KindSource,
    Manager,
    ManagerOptions,
    Result,
    enqueue_object,
    resource_version_changed,
)

QUICK: dict[str, Any] = {"lease_duration_s": 3.0, "renew_deadline_s": 2.0, "retry_period_s": 0.4}
LOOPBACK: dict[str, Any] = {"metrics_address": "127.0.0.1:0", "probe_address": "127.0.0.1:0"}


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(manager.run())
    try:
        yield task
    finally:
        manager.stop()
        await asyncio.wait({task})


async def until(happened: Callable[[], Any], timeout_s: float = 15.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not happened():
            await asyncio.sleep(0.02)


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


def config_map(namespace: str, name: str, **data: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": namespace, "name": name},
        "data": dict(data),
    }


def electing(client: Client, namespace: str, identity: str, **options: Any) -> Manager:
    given: dict[str, Any] = {**QUICK, **options}
    return Manager(client, ManagerOptions(leader_election=True, identity=identity, namespace=namespace, **given))


class Recorded:
    """A reconcile that only writes down what it was called with."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def __call__(self, key: ObjectKey) -> Result:
        self.keys.append(key.name)
        return Result()


async def test_a_controller_hears_of_old_and_new_objects(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "old"))
    manager = Manager(client, ManagerOptions(**LOOPBACK))
    reconcile = Recorded()
    informer = manager.informers.informer(CONFIG_MAPS, namespace=namespace)
    source = KindSource(informer, enqueue_object(), [resource_version_changed])
    manager.add_controller(Controller(f"maps-{namespace}", reconcile, [source], workers=2))
    async with running(manager):
        await until(lambda: "old" in reconcile.keys)
        await client.create(CONFIG_MAPS, config_map(namespace, "new"))
        await until(lambda: "new" in reconcile.keys)
        reconcile.keys.clear()
        await client.merge_patch(CONFIG_MAPS, "old", {"data": {"a": "b"}}, namespace)
        await until(lambda: reconcile.keys == ["old"])
        await client.delete(CONFIG_MAPS, "new", namespace)
        await until(lambda: reconcile.keys == ["old", "new"])


async def test_probes_and_metrics_answer_while_caches_fill_and_after(client: Client, namespace: str) -> None:
    manager = Manager(client, ManagerOptions(**LOOPBACK))
    missing = ResourceKind("absent.omectl.io", "v1", "Nothing", "nothings", namespaced=True)
    reconcile = Recorded()
    name = f"probes-{namespace}"
    informer = manager.informers.informer(missing)
    manager.add_controller(Controller(name, reconcile, [KindSource(informer, enqueue_object())]))
    async with running(manager):
        await until(lambda: informer.is_absent)
        assert (await get(manager.probe_url + "/healthz"))[0] == 200
        status, text = await get(manager.probe_url + "/readyz")
        assert status == 500
        assert "[-]caches failed: waiting for nothings.absent.omectl.io (absent" in text
        status, text = await get(manager.metrics_url + "/metrics")
        assert status == 200
        assert f'workqueue_adds_total{{controller="{name}",name="{name}"}} 0.0' in text
        assert f'controller_runtime_reconcile_total{{controller="{name}",result="success"}} 0.0' in text
        status, text = await get(manager.metrics_url + "/debug/statistics")
        assert status == 200
        assert '"nothings.absent.omectl.io (absent' in text
    assert manager.probe_url == ""


async def test_a_manager_with_all_caches_is_ready(client: Client, namespace: str) -> None:
    manager = Manager(client, ManagerOptions(**LOOPBACK))
    manager.informers.informer(CONFIG_MAPS, namespace=namespace)
    async with running(manager):
        await until(lambda: manager.readyz.answer().healthy)
        assert await get(manager.probe_url + "/readyz") == (200, "ok")


async def test_a_stopped_leader_hands_over_at_once(client: Client, namespace: str) -> None:
    lasting: dict[str, Any] = {"lease_duration_s": 60.0, "renew_deadline_s": 30.0}
    first, second = (electing(client, namespace, identity, **lasting) for identity in ("first", "second"))
    async with running(first):
        await until(first.elected.is_set)
        async with running(second):
            await asyncio.sleep(1.0)
            assert not second.is_leader
            first.stop()
            await until(second.elected.is_set)
            lease = await client.get(LEASES, first.options.lease_name, namespace)
            spec: Any = lease["spec"]
            assert spec["holderIdentity"] == "second"
            assert spec["leaseTransitions"] == 1


async def test_a_killed_leader_is_followed_when_its_lease_has_run_out(client: Client, namespace: str) -> None:
    loop = asyncio.get_running_loop()
    first = electing(client, namespace, "first", release_on_stop=False)
    second = electing(client, namespace, "second")
    async with running(first):
        await until(first.elected.is_set)
        async with running(second):
            await asyncio.sleep(1.0)
            killed_at = loop.time()
            first.stop()
            await until(second.elected.is_set)
            # The lease ran since its last renewal, which is late on a slow machine.
            assert loop.time() - killed_at >= 1.0


async def test_three_candidates_have_one_leader_at_any_time(client: Client, namespace: str) -> None:
    managers = {name: electing(client, namespace, name) for name in ("a", "b", "c")}
    async with asyncio.TaskGroup() as group:
        for manager in managers.values():
            group.create_task(manager.run())
        for _ in range(2):
            await until(lambda: any(manager.is_leader for manager in managers.values()))
            for _ in range(20):
                assert sum(manager.is_leader for manager in managers.values()) <= 1
                await asyncio.sleep(0.02)
            leader = next(name for name, manager in managers.items() if manager.is_leader)
            managers.pop(leader).stop()
        for manager in managers.values():
            manager.stop()


async def test_events_arrive_and_repeats_are_counted(client: Client, namespace: str) -> None:
    about = await client.create(CONFIG_MAPS, config_map(namespace, "subject"))
    manager = Manager(client, ManagerOptions())
    async with running(manager):
        manager.events.event(about, "Warning", "InferenceServiceNotReady", "no node has the model")
        await until(lambda: not manager.events.statistics().pending)
        manager.events.event(about, "Warning", "InferenceServiceNotReady", "no node has the model")
        await until(lambda: not manager.events.statistics().pending)
        (event,) = (await client.list(EVENTS, namespace)).items
        (core,) = (await client.list(CORE_EVENTS, namespace)).items
        assert manager.events.statistics().last_error == ""
    series: Any = event["series"]
    assert series["count"] == 2
    assert event["reportingController"] == "v1beta1Controllers"
    involved: Any = core["involvedObject"]
    metadata: Any = about["metadata"]
    assert (involved["kind"], involved["name"], involved["uid"]) == ("ConfigMap", "subject", metadata["uid"])
    assert core["message"] == "no node has the model"


async def test_events_of_cluster_scoped_objects_arrive_in_default(client: Client) -> None:
    name = f"model-{secrets.token_hex(4)}"
    manager = Manager(client, ManagerOptions())
    reference: JsonObject = {"apiVersion": "ome.io/v1beta1", "kind": "ClusterBaseModel", "name": name}
    async with running(manager):
        manager.events.event(reference, "Normal", "Ready", "x" * 3000)
    found = await client.list(EVENTS, "default", field_selector=f"regarding.name={name}")
    assert [event["reason"] for event in found.items] == ["Ready"]


async def test_the_core_event_api_is_taken_by_the_server_too(client: Client, namespace: str) -> None:
    about = await client.create(CONFIG_MAPS, config_map(namespace, "subject"))
    events = EventRecorder(client, "tester", limits=EventLimits())
    events._core_only = True
    task = asyncio.create_task(events.run())
    for _ in range(2):
        events.event(about, "Normal", "Ready", "x")
        await until(lambda: not events.statistics().pending)
    task.cancel()
    await asyncio.wait({task})
    (event,) = (await client.list(CORE_EVENTS, namespace)).items
    assert (event["count"], event["source"]) == (2, {"component": "tester"})


async def test_a_missing_namespace_does_not_change_the_event_api(client: Client) -> None:
    events = EventRecorder(client, "tester")
    task = asyncio.create_task(events.run())
    events.event({"apiVersion": "v1", "kind": "Pod", "namespace": "no-such-namespace", "name": "p"}, "Normal", "A", "a")
    await until(lambda: not events.statistics().pending)
    assert not events.statistics().core_only
    assert "no-such-namespace" in events.statistics().last_error
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.parametrize("workers", [1, 8])
async def test_a_stop_under_load_ends_in_time(client: Client, namespace: str, workers: int) -> None:
    manager = Manager(client, ManagerOptions(graceful_shutdown_s=5.0, **LOOPBACK))
    finished: list[str] = []

    async def reconcile(key: ObjectKey) -> Result:
        await client.merge_patch(CONFIG_MAPS, key.name, {"data": {"n": secrets.token_hex(4)}}, key.namespace)
        finished.append(key.name)
        return Result()

    informer = manager.informers.informer(CONFIG_MAPS, namespace=namespace)
    manager.add_controller(
        Controller(f"load-{namespace}-{workers}", reconcile, [KindSource(informer, enqueue_object())], workers=workers)
    )
    for number in range(20):
        await client.create(CONFIG_MAPS, config_map(namespace, f"m-{number}"))
    async with running(manager) as task:
        await until(lambda: len(finished) > 100)
        manager.stop()
        async with asyncio.timeout(5.0):
            await task
