"""Sending a file, or a range of it, as fast as the socket takes it or as badly as a fault asks for."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from aiohttp import web
from anyio import to_thread

from omectl.local.hub.options import FileFault
from omectl.local.hub.repository import HubFile
from omectl.local.hub.throttle import TokenBucket

_SLICE = 8 << 20
_CHUNK = 256 << 10
_STALL_LIMIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Bytes `start` to `end` of a file, to be sent under these conditions.

    `sent` is told how many bytes go out, a negative number when some of them did not after all.
    """

    file: HubFile
    start: int
    end: int
    fault: FileFault | None
    bucket: TokenBucket | None
    sent: Callable[[int], None]

    @property
    def plain(self) -> bool:
        """Whether the kernel may copy the bytes: nothing limits, changes or breaks them."""
        return self.fault is None and self.bucket is None


def open_unchanged(file: HubFile) -> BinaryIO | None:
    """Open a file for reading, or None if it is no longer the one whose digest is known. Blocks."""
    try:
        descriptor = os.open(file.location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    stream = os.fdopen(descriptor, "rb", buffering=0)
    status = os.fstat(descriptor)
    if (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns):
        return stream
    stream.close()
    return None


async def send(request: web.Request, response: web.StreamResponse, stream: BinaryIO, delivery: Delivery) -> None:
    """Send the body of a response whose headers are set; closes the stream.

    Ends early, with the connection closed, where the fault says so or the client has gone.
    """
    try:
        await response.prepare(request)
        try:
            if delivery.plain:
                await _send_by_kernel(request, response, stream, delivery)
            else:
                await _send_in_chunks(request, response, stream, delivery)
        except (ConnectionError, BrokenPipeError):
            response.force_close()
            return
    finally:
        # Not in a thread: when the client has gone this task is cancelled, and an await here would end unfinished.
        stream.close()


async def _send_by_kernel(
    request: web.Request, response: web.StreamResponse, stream: BinaryIO, delivery: Delivery
) -> None:
    loop = asyncio.get_running_loop()
    position = delivery.start
    while position < delivery.end:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        count = min(_SLICE, delivery.end - position)
        # Counted before it goes, so that a client that has the bytes finds them counted; taken back if they didn't go.
        stream.seek(position)
        delivery.sent(count)
        try:
            await loop.sendfile(transport, stream, position, count)
        except (NotImplementedError, asyncio.SendfileNotAvailableError):
            await response.write(await to_thread.run_sync(_read, stream, position, count))
        except BaseException:
            delivery.sent(stream.tell() - position - count)
            raise
        position += count
    await response.write_eof()


async def _send_in_chunks(
    request: web.Request, response: web.StreamResponse, stream: BinaryIO, delivery: Delivery
) -> None:
    fault = delivery.fault or FileFault()
    slow = TokenBucket(fault.bytes_per_s) if fault.bytes_per_s is not None else None
    buckets = [bucket for bucket in (delivery.bucket, slow) if bucket is not None]
    chunk = min([_CHUNK, *(bucket.chunk for bucket in buckets)])
    position = delivery.start
    while True:
        done = position - delivery.start
        if fault.cut_after_bytes is not None and done >= fault.cut_after_bytes:
            _cut(request)
            raise ConnectionResetError("cut by a fault")
        if fault.stall_after_bytes is not None and done >= fault.stall_after_bytes:
            await asyncio.sleep(_STALL_LIMIT_S)
        if position >= delivery.end:
            break
        limits = [limit - done for limit in (fault.cut_after_bytes, fault.stall_after_bytes) if limit is not None]
        data = await to_thread.run_sync(_read, stream, position, min([chunk, delivery.end - position, *limits]))
        for bucket in buckets:
            await bucket.take(len(data))
        delivery.sent(len(data))
        await response.write(_corrupted(data, position, fault.corrupt_at))
        position += len(data)
    await response.write_eof()


def _read(stream: BinaryIO, position: int, count: int) -> bytes:
    data = os.pread(stream.fileno(), count, position)
    if not data:
        raise ConnectionResetError("the file became shorter")
    return data


def _corrupted(data: bytes, position: int, at: int | None) -> bytes:
    if at is None or not position <= at < position + len(data):
        return data
    broken = bytearray(data)
    broken[at - position] ^= 0xFF
    return bytes(broken)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        # Flushes what was written, then closes: the client sees a body that ends too early.
        request.transport.close()
