"""Small reads from a hub that sends too much, or too slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from omectl.modelagent.metadata import read_range
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.source import RemoteFile
from omectl.modelagent.storage.http import SmallReadOptions, SmallReads
from omectl.modelagent.storage.hub import HubSource
from omectl.modelagent.transfer.faults import PassingError

MIB = 1 << 20


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_large_file_sent_whole_instead_of_its_head_is_not_taken_into_memory() -> None:
    sent = 0

    async def whole(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(bytes(MIB))
            sent += MIB
        return response

    file = RemoteFile("model.safetensors", 64 * MIB, None)
    async with serving(whole) as endpoint, SmallReads(SmallReadOptions(attempts=1)) as reads:
        source = HubSource(endpoint, "org/name", "a" * 40, (file,), {file.path: file.size})
        with pytest.raises(ModelError) as found:
            await read_range(source, reads, file, 0, 1024)

    assert found.value.reason is Reason.RESPONSE_INVALID
    assert sent < 32 * MIB


async def test_an_answer_that_drips_is_given_up() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response

    options = SmallReadOptions(read_timeout_s=1.0, answer_timeout_s=0.3)
    async with serving(drip) as endpoint, SmallReads(options) as reads:
        with pytest.raises(PassingError, match=r"did not end within 0\.3 s"):
            await reads.get(endpoint, {}, limit=MIB)
