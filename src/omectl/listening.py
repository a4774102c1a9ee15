"""Ending a server so that nobody who has just connected is forgotten, and nobody is waited for."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Final

_TURNS: Final = 5
_FAREWELL_S: Final = 0.5
_LOOK_S: Final = 0.01


async def stop_listening(server: asyncio.Server) -> None:
    """Take no more connections and close the server, once each that was accepted is a connection of its protocol's.

    That needs some turns of the loop. A server that is closed in between loses the connection: it stays open, and who
    has connected waits for an answer for ever.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening)
    try:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    finally:
        server.close()


@asynccontextmanager
async def parting(connections: Iterable[asyncio.BaseTransport | None]) -> AsyncGenerator[None]:
    """Close the connections inside; those whose peer does not answer a TLS farewell are aborted a little later.

    asyncio waits half a minute for that answer, which would outlive the server and whoever runs it.
    """
    # Asked for now: what is closed no longer tells.
    opened = [(each, each.get_extra_info("socket")) for each in connections if isinstance(each, asyncio.WriteTransport)]
    yield
    loop = asyncio.get_running_loop()
    ends = loop.time() + _FAREWELL_S
    while (left := [each for each, beneath in opened if beneath.fileno() >= 0]) and loop.time() < ends:
        await asyncio.sleep(_LOOK_S)
    for each in left:
        each.abort()
    for _ in range(_TURNS):
        await asyncio.sleep(0)
