"""When bookmarks come: regularly, once before the end, and only for who asked."""

import asyncio

import pytest

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.listing import WatchOptions
from omectl.kube.resources import CONFIG_MAPS
from omectl.local.embedded import EmbeddedOptions, EmbeddedServer

CADENCE = EmbeddedOptions(bookmark_interval_s=0.8, bookmark_before_timeout_s=0.4)


@pytest.fixture
def embedded_options() -> EmbeddedOptions:
    """In a watch of two seconds bookmarks are due at 0.8 s and, before the end, at 1.6 s."""
    return CADENCE


def config_map(name: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "default", "name": name}}


async def kinds_of(client: Client, server: EmbeddedServer, *, move: bool, bookmarks: bool = True) -> list[bytes]:
    """The types of a two-second watch's events; with `move`, an object comes while it is open."""
    options = WatchOptions(resource_version=server.resource_version, timeout_s=2, bookmarks=bookmarks)
    found: list[bytes] = []
    async with asyncio.timeout(10), client.watch(CONFIG_MAPS, "", options) as batches:
        if move:
            server.put(config_map("a"))
        async for lines in batches:
            found += [line.split(b'"')[3] for line in lines]
    return found


async def test_bookmarks_come_regularly_and_before_the_end(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    found = await kinds_of(embedded_client, embedded_server, move=True)
    assert found == [b"ADDED", b"BOOKMARK", b"BOOKMARK"]


async def test_the_first_bookmark_is_left_out_when_nothing_moved(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    assert await kinds_of(embedded_client, embedded_server, move=False) == [b"BOOKMARK"]


async def test_without_asking_there_are_no_bookmarks(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    found = await kinds_of(embedded_client, embedded_server, move=True, bookmarks=False)
    assert found == [b"ADDED"]
