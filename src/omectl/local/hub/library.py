"""The repositories that a hub serves, and the snapshots of their revisions."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from omectl.api.storage_uri import DEFAULT_REVISION
from omectl.local.hub.digests import DigestCache
from omectl.local.hub.options import HubOptions
from omectl.local.hub.repository import Snapshot, find_repositories, scan

_COMMIT = re.compile(r"^[0-9a-f]{40}$")


class Library:
    """Names to repositories, revisions to snapshots.

    A directory is read again when a listing of it is asked for or one of its files has changed, so that a revision
    moves as its directory does. Digests are taken in threads, once for each version of a file.
    """

    def __init__(self, directories: Path | Sequence[Path] | Mapping[str, Path], options: HubOptions) -> None:
        self._repositories: dict[str, dict[str, Path]] = {}
        if isinstance(directories, Mapping):
            for name, directory in directories.items():
                self._repositories[name] = {DEFAULT_REVISION: directory}
        else:
            for directory in [directories] if isinstance(directories, Path) else directories:
                for name, revisions in find_repositories(directory, options.name).items():
                    self._repositories.setdefault(name, {}).update(revisions)
        for name, revisions in options.revisions.items():
            self._repositories.setdefault(name, {}).update(revisions)
        self._large_file_bytes = options.large_file_bytes
        self._digests = DigestCache()
        self._limiter = CapacityLimiter(2)
        self._locks: dict[Path, asyncio.Lock] = {}
        self._snapshots: dict[Path, Snapshot] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._repositories))

    @property
    def digests_computed(self) -> int:
        """How many files have been read for their digests."""
        return self._digests.computed

    def close(self) -> None:
        """Stop reading files for their digests."""
        self._digests.close()

    def has(self, name: str) -> bool:
        return name in self._repositories

    def revisions(self, name: str) -> Mapping[str, Path]:
        """Branches and tags of a repository."""
        return self._repositories[name]

    async def snapshot(self, name: str, revision: str, *, fresh: bool) -> Snapshot | None:
        """The files of a branch, tag or commit; None when there is no such revision (any more).

        `fresh` reads the directory again; otherwise a known snapshot is good enough.
        """
        revisions = self._repositories[name]
        if (directory := revisions.get(revision)) is not None:
            return await self._read(directory, fresh=fresh)
        if not _COMMIT.match(revision):
            return None
        for directory in revisions.values():
            if (known := self._snapshots.get(directory)) is not None and known.commit == revision and not fresh:
                return known
        for directory in revisions.values():
            if (found := await self._read(directory, fresh=True)).commit == revision:
                return found
        return None

    async def _read(self, directory: Path, *, fresh: bool) -> Snapshot:
        async with self._locks.setdefault(directory, asyncio.Lock()):
            if not fresh and (known := self._snapshots.get(directory)) is not None:
                return known
            found = await to_thread.run_sync(
                scan, directory, self._digests, self._large_file_bytes, limiter=self._limiter
            )
            known = self._snapshots.get(directory)
            if known is not None and known.files == found.files:
                return known
            self._snapshots[directory] = found
            return found
