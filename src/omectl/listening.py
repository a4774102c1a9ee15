"""Ending a server so that nobody who has just connected is forgotten."""

import asyncio
from typing import Final

_TURNS: Final = 5


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
