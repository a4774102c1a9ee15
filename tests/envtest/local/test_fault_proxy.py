"""The fault proxy before a real API server: each fault is what a client sees of a bad network."""

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from omectl.api.json import JsonObject
from omectl.kube.client import Client, ClientOptions
from omectl.kube.errors import ConnectionFailed, DeadlineExceeded, WatchIdle
from omectl.kube.listing import WatchOptions
from omectl.kube.resources import CONFIG_MAPS, NAMESPACES
from omectl.kube.transport import TransportOptions
from omectl.local.control_plane import ControlPlane
from omectl.local.fault_proxy import FaultProxy


@pytest.fixture
async def proxy(control_plane: ControlPlane) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(control_plane.admin_config) as made:
        yield made


@pytest.fixture
async def proxied(proxy: FaultProxy) -> AsyncIterator[Client]:
    async with Client(proxy.config) as client:
        yield client


async def settle(proxy: FaultProxy, connections: int) -> None:
    async with asyncio.timeout(10):
        while proxy.connections != connections:
            await asyncio.sleep(0.01)


def config_map(namespace: str, name: str, size: int = 0) -> JsonObject:
    return {"metadata": {"namespace": namespace, "name": name}, "data": {"x": "x" * size}}


async def test_requests_go_through_with_the_certificate_checked(proxy: FaultProxy, proxied: Client) -> None:
    assert str((await proxied.version())["gitVersion"]).startswith("v1.")
    assert (proxy.accepted, proxy.connections) == (1, 1)
    async with Client(replace(proxy.config, ca_data=None)) as distrustful:
        with pytest.raises(ConnectionFailed, match="certificate is not trusted"):
            await distrustful.version()


async def test_another_name_than_the_servers_is_not_trusted(proxy: FaultProxy) -> None:
    assert proxy.config.tls_server_name == "127.0.0.1"
    async with Client(replace(proxy.config, tls_server_name="elsewhere.example.com")) as client:
        with pytest.raises(ConnectionFailed):
            await client.version()


async def test_a_name_that_the_config_gives_stays(control_plane: ControlPlane) -> None:
    named = replace(control_plane.admin_config, tls_server_name="localhost")
    async with FaultProxy(named) as proxy, Client(proxy.config) as client:
        assert proxy.config.tls_server_name == "localhost"
        await client.version()


@pytest.mark.parametrize("by_reset", [True, False])
async def test_a_cut_ends_every_watch_and_the_next_one_works(
    proxy: FaultProxy, proxied: Client, *, by_reset: bool
) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        begun = [asyncio.Event() for _ in range(2)]
        watches = [group.create_task(_failing_watch(proxied, event)) for event in begun]
        for event in begun:
            await event.wait()
        assert proxy.cut(by_reset=by_reset) == 2
        assert await asyncio.gather(*watches) == [True, True]
    await settle(proxy, 0)
    await proxied.version()


async def _failing_watch(client: Client, begun: asyncio.Event) -> bool:
    """Watch until the connection fails; `begun` once the first events have come."""
    try:
        async with client.watch(NAMESPACES, options=WatchOptions(timeout_s=60)) as batches:
            async for _ in batches:
                begun.set()
    except ConnectionFailed:
        return True
    return False


async def test_a_connection_lives_as_long_as_it_may(proxy: FaultProxy, proxied: Client) -> None:
    proxy.lifetime_s = 0.5
    started = time.monotonic()
    async with asyncio.timeout(20):
        assert await _failing_watch(proxied, asyncio.Event())
    assert time.monotonic() - started >= 0.5
    proxy.lifetime_s = None


async def test_a_frozen_connection_is_silent_and_open(proxy: FaultProxy, control_plane: ControlPlane) -> None:
    options = ClientOptions(transport=TransportOptions(watch_idle_s=0.5))
    async with Client(proxy.config, options) as client:
        async with client.watch(NAMESPACES, options=WatchOptions(timeout_s=60)) as batches:
            await anext(batches)
            proxy.freeze()
            with pytest.raises(WatchIdle):
                async for _ in batches:
                    pass
        with pytest.raises(DeadlineExceeded):
            await client.read("/version", deadline_s=0.3)
        proxy.thaw()
        await client.version()


async def test_what_was_held_back_comes_after_the_thaw(
    proxy: FaultProxy, proxied: Client, client: Client, namespace: str
) -> None:
    version = (await client.list(CONFIG_MAPS, namespace)).resource_version
    options = WatchOptions(resource_version=version, timeout_s=60)
    async with asyncio.timeout(20), proxied.watch(CONFIG_MAPS, namespace, options) as batches:
        proxy.freeze()
        await client.create(CONFIG_MAPS, config_map(namespace, "a"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting := asyncio.ensure_future(anext(batches))), 0.3)
        proxy.thaw()
        assert b'"name":"a"' in (await waiting)[0]


async def test_throttled_answers_take_their_time(
    proxy: FaultProxy, proxied: Client, client: Client, namespace: str
) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "big", 30_000))
    await proxied.version()
    proxy.bytes_per_s = 30_000
    started = time.monotonic()
    await proxied.get(CONFIG_MAPS, "big", namespace)
    assert time.monotonic() - started >= 0.9


async def test_a_delay_is_added_in_both_directions(proxy: FaultProxy, proxied: Client) -> None:
    await proxied.version()
    proxy.delay_s = 0.2
    started = time.monotonic()
    await proxied.version()
    assert time.monotonic() - started >= 0.4


async def test_refused_connections_are_refused_while_open_ones_go_on(proxy: FaultProxy, proxied: Client) -> None:
    async with asyncio.timeout(20), proxied.watch(NAMESPACES, options=WatchOptions(timeout_s=60)) as batches:
        await anext(batches)
        async with proxy.refusing(), Client(proxy.config) as other:
            with pytest.raises(ConnectionFailed) as failed:
                await other.version()
            assert failed.value.refused
            assert proxy.connections == 1
        async with Client(proxy.config) as other:
            await other.version()


async def test_a_server_that_is_gone_resets_what_comes_to_the_proxy(control_plane: ControlPlane) -> None:
    nowhere = replace(control_plane.admin_config, server="https://127.0.0.1:9")
    async with FaultProxy(nowhere) as proxy, Client(proxy.config) as client:
        with pytest.raises(ConnectionFailed):
            await client.version()
        await settle(proxy, 0)


@pytest.mark.parametrize("turns", range(6))
async def test_what_was_accepted_at_the_last_moment_is_closed_too(control_plane: ControlPlane, turns: int) -> None:
    async with FaultProxy(control_plane.admin_config) as proxy:
        port = urlsplit(proxy.config.server).port
        clients = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(5)]
        for _ in range(turns):
            await asyncio.sleep(0)
    for client in clients:
        with client, suppress(ConnectionResetError):
            assert client.recv(1) == b""
    gc.collect()
