"""A model's facts, read by range before anything is downloaded (or from the files that lie on the node)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import anyio

from omectl.api.facts import ModelFacts
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.source import RemoteFile
from omectl.modelagent.storage.http import SmallReads
from omectl.modelagent.storage.hub import HubSource
from omectl.modelagent.storage.local import LocalFiles
from omectl.modelagent.threads import in_thread
from omectl.modelagent.transfer.faults import interrupted, refused
from omectl.modelparser import ModelParseError, ModelReading, Request

_PARALLEL_READS = 8
_WHOLE_FILE_BYTES = 16 << 20
"""A hub that ignores ranges may send a file of this size whole; a larger one would fill the memory."""
ReadRange = Callable[[str, int, int], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class FactsRead:
    """What was learnt; `problem` says what could not be (the model is then used without those facts).

    `unread` are all such problems in the parser's own words. `read_bytes` is what was read.
    """

    facts: ModelFacts | None
    problem: ModelError | None = None
    unread: tuple[ModelParseError, ...] = ()
    read_bytes: int = 0


async def read_hub_facts(source: HubSource, reads: SmallReads) -> FactsRead:
    """The facts of a repository at its commit, from a few small reads. ModelError when the hub fails."""
    listed = {file.path: file for file in source.files}

    async def read(path: str, start: int, end: int) -> bytes:
        if start == end:
            return b""
        file = listed.get(path) or RemoteFile(path, source.listing[path], None)
        return await read_range(source, reads, file, start, end)

    # The card is read for what it says about the task, though it is not part of the model.
    listing = {path: size for path, size in source.listing.items() if path in listed or path == "README.md"}
    return await _read(listing, read, {"revision": source.revision, "files": len(source.files)})


async def read_local_facts(files: LocalFiles, limiter: anyio.CapacityLimiter) -> FactsRead:
    """The facts of files on this node."""

    async def read(path: str, start: int, end: int) -> bytes:
        return await in_thread(lambda: files.read(path, start, end), limiter)

    return await _read(files.listing, read, {"files": len(files.listing)})


async def read_range(source: HubSource, reads: SmallReads, file: RemoteFile, start: int, end: int) -> bytes:
    """Bytes `start` to `end` of a file, with retries."""
    request = source.request(file, start, end)
    headers = {**request.headers, "Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
    whole_bytes = file.size if start == 0 and file.size <= _WHOLE_FILE_BYTES else 0

    async def ask() -> bytes:
        answer = await reads.get(request.url, headers, limit=max(end - start, whole_bytes) + 65536)
        whole = answer.status == 200 and len(answer.body) == file.size
        if whole:
            return answer.body[start:end]
        if answer.status != 206:
            raise refused(answer.host, answer.status, repr(file.path), answer.headers.get("Retry-After"))
        if len(answer.body) != end - start:
            raise interrupted(answer.host, "sent another number of bytes than the range has")
        return answer.body

    return await reads.retried(ask)


async def _read(listing: Mapping[str, int], read: ReadRange, known: Mapping[str, object]) -> FactsRead:
    read_bytes = 0
    try:
        reading = ModelReading(listing)
        read_bytes = await _feed_all(reading, read)
        facts = reading.facts().model_copy(update=dict(known))
    except ModelParseError as error:
        return FactsRead(None, _invalid(error), (error,), read_bytes)
    unread = reading.problems
    return FactsRead(facts, _invalid(unread[0]) if unread else None, unread, read_bytes)


async def _feed_all(reading: ModelReading, read: ReadRange) -> int:
    """Read what is wanted; how many bytes that were."""
    slots = asyncio.Semaphore(_PARALLEL_READS)
    lengths: list[int] = []

    async def feed(request: Request) -> None:
        async with slots:
            data = await read(request.path, request.start, request.end)
            lengths.append(len(data))
            reading.feed(request, data)

    while wanted := reading.wanted():
        try:
            async with asyncio.TaskGroup() as group:
                for request in wanted:
                    group.create_task(feed(request))
        except ExceptionGroup as errors:
            # One fault tells the story; the others are usually the same.
            raise errors.exceptions[0] from None
    return sum(lengths)


def _invalid(error: ModelParseError) -> ModelError:
    return ModelError(
        Reason.METADATA_INVALID,
        f"{error}.",
        "The files are used as they are. Set the missing fields in the model's spec, or fix the file at its source.",
    )
