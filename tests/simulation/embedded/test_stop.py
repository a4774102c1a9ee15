"""The end of the embedded server: nobody stays connected."""

import asyncio
import gc
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from omectl.local.embedded import EmbeddedServer


@pytest.mark.parametrize("turns", range(6))
async def test_what_was_accepted_at_the_last_moment_is_closed_too(turns: int) -> None:
    async with EmbeddedServer() as server:
        port = urlsplit(server.address).port
        clients = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(5)]
        for _ in range(turns):
            await asyncio.sleep(0)
    for client in clients:
        with client, suppress(ConnectionResetError):
            assert client.recv(1) == b""
    gc.collect()


async def test_a_server_that_never_started_stops() -> None:
    await EmbeddedServer().stop()
