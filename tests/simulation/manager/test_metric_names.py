"""The metrics of a running manager, by the names, types, labels and buckets that dashboards of the field know."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from omectl import metrics
from omectl.api.resource import ObjectKey
from omectl.kube.client import Client
from omectl.kube.resources import CONFIG_MAPS
from omectl.local.embedded import EmbeddedServer
from omectl.manager import Controller, KindSource, Manager, ManagerOptions, Result, enqueue_object

TYPES = {
    "informer_queued_items": "gauge",
    "informer_processing_latency_seconds": "histogram",
    "informer_store_resource_version": "gauge",
    "informer_listener_pending": "gauge",
    "reflector_lists_total": "counter",
    "reflector_list_duration_seconds": "histogram",
    "reflector_items_per_list": "histogram",
    "reflector_watches_total": "counter",
    "reflector_short_watches_total": "counter",
    "reflector_watch_duration_seconds": "histogram",
    "reflector_items_per_watch": "histogram",
    "reflector_relists_total": "counter",
    "workqueue_depth": "gauge",
    "workqueue_adds_total": "counter",
    "workqueue_queue_duration_seconds": "histogram",
    "workqueue_work_duration_seconds": "histogram",
    "workqueue_unfinished_work_seconds": "gauge",
    "workqueue_longest_running_processor_seconds": "gauge",
    "workqueue_retries_total": "counter",
    "controller_runtime_reconcile_total": "counter",
    "controller_runtime_reconcile_errors_total": "counter",
    "controller_runtime_terminal_reconcile_errors_total": "counter",
    "controller_runtime_reconcile_panics_total": "counter",
    "controller_runtime_reconcile_timeouts_total": "counter",
    "controller_runtime_max_concurrent_reconciles": "gauge",
    "controller_runtime_active_workers": "gauge",
    "controller_runtime_reconcile_time_seconds": "histogram",
    "leader_election_master_status": "gauge",
    "leader_election_slowpath_total": "counter",
    "rest_client_requests_total": "counter",
    "rest_client_request_duration_seconds": "histogram",
    "rest_client_request_size_bytes": "histogram",
    "rest_client_response_size_bytes": "histogram",
    "rest_client_request_retries_total": "counter",
}
RECONCILE_BOUNDS = (
    "0.005 0.01 0.025 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.6 0.7 0.8 0.9 1.0 1.25 1.5 1.75 2.0 2.5 3.0 3.5 "
    "4.0 4.5 5.0 6.0 7.0 8.0 9.0 10.0 15.0 20.0 25.0 30.0 40.0 50.0 60.0 +Inf"
)


@asynccontextmanager
async def scraped(server: EmbeddedServer, client: Client, name: str) -> AsyncIterator[str]:
    """The exposition of a leader with a controller of this name, which has reconciled one ConfigMap."""
    server.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}})
    reconciled = asyncio.Event()

    async def reconcile(key: ObjectKey) -> Result:
        reconciled.set()
        return Result()

    options = ManagerOptions(
        metrics_address="127.0.0.1:0", leader_election=True, identity="me", namespace="default", renew_in_thread=False
    )
    manager = Manager(client, options)
    informer = manager.informers.informer(CONFIG_MAPS)
    manager.add_controller(Controller(name, reconcile, [KindSource(informer, enqueue_object())], workers=2))
    task = asyncio.create_task(manager.run())
    try:
        async with asyncio.timeout(10):
            await reconciled.wait()
            while not _is_counted(name):
                await asyncio.sleep(0.005)
            async with aiohttp.ClientSession() as session, session.get(manager.metrics_url + "/metrics") as answer:
                yield await answer.text()
    finally:
        manager.stop()
        await task


def _is_counted(name: str) -> bool:
    """Whether the worker is through with the one reconcile."""
    found = [
        metrics.REGISTRY.get_sample_value("workqueue_work_duration_seconds_count", {"controller": name, "name": name}),
        metrics.REGISTRY.get_sample_value("controller_runtime_active_workers", {"controller": name}),
    ]
    return found == [1.0, 0.0]


async def test_every_name_of_the_field_is_exposed_with_its_type(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    async with scraped(embedded_server, embedded_client, "typed") as text:
        found = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert {name: found.get(name) for name in TYPES} == TYPES


async def test_series_carry_the_labels_of_the_field(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    host = embedded_server.address.partition("://")[2]
    async with scraped(embedded_server, embedded_client, "named") as text:
        lines = text.splitlines()
    kind = 'group="",name="configmaps",resource="configmaps",version="v1"'
    both = 'controller="named",name="named"'
    for start in (
        f"informer_queued_items{{{kind}}} 0.0",
        f"informer_store_resource_version{{{kind}}} ",
        f"informer_processing_latency_seconds_count{{{kind}}} ",
        'reflector_lists_total{name="configmaps"} ',
        'reflector_watches_total{name="configmaps"} ',
        f"workqueue_adds_total{{{both}}} 1.0",
        f"workqueue_retries_total{{{both}}} 0.0",
        f"workqueue_queue_duration_seconds_count{{{both}}} 1.0",
        f"workqueue_work_duration_seconds_count{{{both}}} 1.0",
        f"workqueue_unfinished_work_seconds{{{both}}} 0.0",
        f"workqueue_longest_running_processor_seconds{{{both}}} 0.0",
        f'workqueue_depth{{{both},priority="-100"}} 0.0',
        'controller_runtime_reconcile_total{controller="named",result="success"} 1.0',
        'controller_runtime_reconcile_total{controller="named",result="error"} 0.0',
        'controller_runtime_reconcile_total{controller="named",result="requeue"} 0.0',
        'controller_runtime_reconcile_total{controller="named",result="requeue_after"} 0.0',
        'controller_runtime_max_concurrent_reconciles{controller="named"} 2.0',
        'controller_runtime_active_workers{controller="named"} 0.0',
        'leader_election_master_status{name="ome-controller-manager-leader-lock"} 1.0',
        f'rest_client_requests_total{{code="200",host="{host}",method="GET"}} ',
        f'rest_client_request_duration_seconds_count{{host="{host}",verb="create"}} ',
    ):
        assert any(line.startswith(start) for line in lines), start


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("controller_runtime_reconcile_time_seconds", RECONCILE_BOUNDS),
        ("informer_processing_latency_seconds", "0.001 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 10.0 +Inf"),
        (
            "workqueue_queue_duration_seconds",
            "1e-08 1e-07 1e-06 1e-05 0.0001 0.001 0.01 0.1 1.0 10.0 100.0 1000.0 +Inf",
        ),
    ],
)
async def test_buckets_are_those_of_the_field(
    embedded_server: EmbeddedServer, embedded_client: Client, name: str, bounds: str
) -> None:
    async with scraped(embedded_server, embedded_client, f"bounded-{name}") as text:
        series = [line for line in text.splitlines() if line.startswith(f"{name}_bucket")]
    ours = [line for line in series if f'"bounded-{name}"' in line or 'name="configmaps"' in line]
    found = [float(re.findall(r'le="([^"]+)"', line)[0]) for line in ours]
    assert found == pytest.approx([float(bound) for bound in bounds.split()])
