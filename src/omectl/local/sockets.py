"""Connections that end as those of dead machines do."""

import asyncio
import socket
import struct

_AT_ONCE = struct.pack("ii", 1, 0)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Reset a connection, if it is still there: its peer sees an error, not an end."""
    if not isinstance(transport, asyncio.Transport):
        return
    opened: socket.socket | None = transport.get_extra_info("socket")
    if opened is not None and opened.fileno() >= 0:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
