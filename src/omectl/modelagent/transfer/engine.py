"""Runs transfers from the event loop: threads below, cancellation that reaches into blocked reads above."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
from anyio import to_thread

from omectl.modelagent.rooted import RootedDirectory
from omectl.modelagent.source import Source
from omectl.modelagent.threads import in_thread
from omectl.modelagent.transfer.job import TransferJob, TransferPaths
from omectl.modelagent.transfer.options import TransferOptions
from omectl.modelagent.transfer.state import Progress

_PROGRESS_POLL_S = 0.25


class TransferEngine:
    """Moves the files of a source into an artifact directory; `transfers` at once, which caps memory and threads."""

    def __init__(self, root: RootedDirectory, options: TransferOptions, *, transfers: int) -> None:
        self._root = root
        self._options = options.validated()
        self._slots = asyncio.Semaphore(transfers)
        self._disk = asyncio.Lock()
        self._threads = anyio.CapacityLimiter(transfers * (options.connections + 2))

    @property
    def memory_bytes(self) -> int:
        """The most that all buffers together take."""
        per_transfer = self._options.connections * self._options.buffer_bytes + self._options.hash_buffer_bytes
        return int(self._threads.total_tokens) // (self._options.connections + 2) * per_transfer

    async def transfer(
        self,
        source: Source,
        paths: TransferPaths,
        uid: str,
        on_progress: Callable[[Progress], None] = lambda _: None,
        *,
        good: frozenset[str] = frozenset(),
    ) -> None:
        """Bring every file of `source` into `paths.artifact`, verified; ModelError when that fails.

        Files in `good` are known to lie there already.

        What was fetched stays on disk and in the journal, so the same call goes on from there. When cancelled, the
        sockets are shut down, and the call returns as soon as the threads have journalled what they hold.
        """
        async with self._slots:
            async with self._disk:
                # One at a time, so that two models don't both find the same free space.
                job = await in_thread(
                    lambda: TransferJob.prepare(self._root, paths, source, uid, self._options, good),
                    self._threads,
                    dispose=TransferJob.close,
                )
            try:
                await self._run(job, on_progress)
            finally:
                job.close()
            job.outcome()

    async def _run(self, job: TransferJob, on_progress: Callable[[Progress], None]) -> None:
        fetchers = self._options.connections
        calls = [job.hash_files, *[job.fetch_ranges] * fetchers]
        threads = {asyncio.ensure_future(to_thread.run_sync(call, limiter=self._threads)) for call in calls}
        ended_by: BaseException | None = None
        pending = set(threads)
        while pending:
            try:
                _, pending = await asyncio.wait(pending, timeout=_PROGRESS_POLL_S)
                if ended_by is None:
                    on_progress(job.progress())
            except BaseException as error:  # whatever it is, the threads end before their files are closed
                ended_by = ended_by or error
                job.stop()
        if ended_by is not None:
            raise ended_by
        for thread in threads:
            thread.result()
