"""One transfer on disk and in threads: fetching threads write ranges, one hashing thread follows and settles files.

Partial files lie flat in one directory under their number, so no listed name is used before its file is verified; a
verified file is synced and renamed to its name below the artifact. All of it blocks; `engine` runs it from the loop.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from crc32c import crc32c

from omectl.modelagent.paths import file_name_parts
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.rooted import RootedDirectory
from omectl.modelagent.source import HashObject, Source
from omectl.modelagent.transfer.connections import Connections, Redirects, SocketRegistry
from omectl.modelagent.transfer.disk import disk_error, disk_full, preallocate
from omectl.modelagent.transfer.faults import PassingError, TransferCancelledError
from omectl.modelagent.transfer.journal import Journal, JournalContents, TransferName, WrittenRange
from omectl.modelagent.transfer.options import TransferOptions
from omectl.modelagent.transfer.ranges import FileRange
from omectl.modelagent.transfer.state import HashStep, Progress, TransferState

_READ_SLICE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPaths:
    """Where a transfer lives below the models root."""

    journal: tuple[str, ...]
    partial: tuple[str, ...]
    artifact: tuple[str, ...]


class TransferJob:
    """Made by `prepare`, run by threads calling `fetch_ranges` and one calling `hash_files`, ended by `close`."""

    def __init__(
        self,
        root: RootedDirectory,
        paths: TransferPaths,
        source: Source,
        journal: Journal,
        contents: JournalContents,
        options: TransferOptions,
    ) -> None:
        self._root = root
        self._paths = paths
        self._source = source
        self._journal = journal
        self._options = options
        self._state = TransferState(source.files, contents, options)
        self._sockets = SocketRegistry()
        self._redirects = Redirects()
        self._descriptors: dict[int, int] = {}
        self._descriptors_lock = threading.Lock()
        self._mismatches: list[str] = []

    @classmethod
    def prepare(
        cls,
        root: RootedDirectory,
        paths: TransferPaths,
        source: Source,
        uid: str,
        options: TransferOptions,
        good: frozenset[str] = frozenset(),
    ) -> TransferJob:
        """Open or start the journal and give every missing file its space; ModelError when the disk refuses.

        Files in `good` are known to lie in the artifact, verified.
        """
        name = TransferName(uid, source.identity, source.revision, source.files)
        try:
            descriptor = root.open_file(*paths.journal, flags=os.O_RDWR | os.O_CREAT | os.O_APPEND)
            journal, contents = Journal.resume(descriptor, name)
            if contents is None:
                root.remove_tree(*paths.partial)
                contents = JournalContents()
            for number, file in enumerate(source.files):
                if file.path in good and number not in contents.verified:
                    contents.verified.add(number)
                    journal.verified(number)
            _reconcile_with_disk(root, paths, source, journal, contents)
            job = cls(root, paths, source, journal, contents, options)
        except OSError as error:
            raise disk_error(error, root, sum(file.size for file in source.files)) from error
        try:
            job._preallocate()
        except BaseException:
            job.close()
            raise
        return job

    @property
    def ranges_left(self) -> bool:
        return self._state.ranges_left

    def progress(self) -> Progress:
        return self._state.progress()

    def stop(self, error: ModelError | None = None) -> None:
        """End every thread soon: reads return at once because their sockets are shut down."""
        self._state.stop(error)
        self._sockets.shut_down()

    def close(self) -> None:
        """After the threads have ended."""
        with self._descriptors_lock:
            for descriptor in self._descriptors.values():
                os.close(descriptor)
            self._descriptors.clear()
        self._journal.close()

    def outcome(self) -> None:
        """Raise what went wrong, if anything did."""
        if self._state.error is not None:
            raise self._state.error
        if self._mismatches:
            names = ", ".join(repr(name) for name in self._mismatches[:5])
            raise ModelError(
                Reason.DIGEST_MISMATCH,
                f"The bytes received for {names} do not have the digest that the hub lists; they were removed.",
                "The agent keeps the other files and fetches these again. Check the hub or mirror if this lasts.",
            )

    # Fetching threads

    def fetch_ranges(self) -> None:
        """Fetch range after range until none is left; errors end the whole transfer through `stop`."""
        connections = Connections(self._options, self._sockets, self._redirects)
        buffer = memoryview(bytearray(self._options.buffer_bytes))
        try:
            while (piece := self._state.next_range()) is not None:
                self._fetch(connections, piece, buffer)
        except TransferCancelledError:
            pass
        except ModelError as error:
            self.stop(error)
        except OSError as error:
            self.stop(disk_error(error, self._root, self._missed_bytes()))
        except BaseException as error:
            self.stop(_internal(error))
            raise
        finally:
            connections.close()

    def _fetch(self, connections: Connections, piece: FileRange, buffer: memoryview) -> None:
        file = self._source.files[piece.file]
        descriptor = self._descriptor(piece.file)
        written = _Written(self._journal, self._state, piece.file, piece.start, self._options)
        try:
            request = self._source.request(file, piece.start, piece.end)
            with connections.get(request, piece.start, piece.end, file.size, repr(file.path)) as body:
                while written.position < piece.end:
                    self._state.check()
                    count = body.read_into(buffer[: piece.end - written.position], _READ_SLICE_S)
                    _write_all(descriptor, buffer[:count], written.position)
                    written.extend(buffer[:count])
        except PassingError as fault:
            written.commit()
            self._state.check()
            self._state.failed(piece, written.position, fault)
        except TransferCancelledError:
            written.commit()
            raise
        else:
            written.commit()

    # The hashing thread

    def hash_files(self) -> None:
        """Hash what is contiguous, check what the journal recalled, settle files; returns when all are settled."""
        hashes: dict[int, HashObject | None] = {}
        buffer = memoryview(bytearray(self._options.hash_buffer_bytes))
        try:
            while (step := self._state.next_hash_step(len(buffer))) is not None:
                file = self._source.files[step.file]
                if step.file not in hashes:
                    hashes[step.file] = file.digest.start(file.size) if file.digest else None
                if step.start == step.end:
                    self._settle(step.file, hashes.pop(step.file))
                else:
                    hashes[step.file] = self._hash(step, hashes[step.file], buffer)
        except TransferCancelledError:
            pass
        except OSError as error:
            self.stop(disk_error(error, self._root, self._missed_bytes()))
        except BaseException as error:
            self.stop(_internal(error))
            raise

    def _hash(self, step: HashStep, digest: HashObject | None, buffer: memoryview) -> HashObject | None:
        """The digest after the step; the one before it when the bytes are not what the journal says."""
        if digest is None and step.recalled is None:
            self._state.hashed(step)
            return None
        before = digest.copy() if digest is not None and step.recalled is not None else None
        descriptor = self._descriptor(step.file)
        crc, position = 0, step.start
        while position < step.end:
            self._state.check()
            view = buffer[: step.end - position]
            count = os.preadv(descriptor, [view], position)
            if not count:
                break
            if step.recalled is not None:
                crc = crc32c(view[:count], crc)
            if digest is not None:
                digest.update(view[:count])
            position += count
        if step.recalled is not None and (position < step.end or crc != step.recalled.crc):
            self._journal.discarded(step.file, step.start, step.end)
            self._state.rejected(step)
            return before
        self._state.hashed(step)
        return digest

    def _settle(self, number: int, digest: HashObject | None) -> None:
        file = self._source.files[number]
        good = file.digest is None or digest is None or digest.hexdigest() == file.digest.value
        descriptor = self._descriptor(number)
        if good:
            os.fdatasync(descriptor)
            self._publish(number, file_name_parts(file.path))
            self._journal.verified(number)
        else:
            self._mismatches.append(file.path)
            self._root.unlink(*self._paths.partial, partial_name(number))
            self._journal.discarded(number, 0, file.size)
        with self._descriptors_lock:
            os.close(self._descriptors.pop(number))
        self._state.settle(number, good=good)

    def _publish(self, number: int, name: Sequence[str]) -> None:
        with (
            self._root.directory(*self._paths.partial) as origin,
            self._root.directory(*self._paths.artifact, *name[:-1], create=True) as target,
        ):
            os.replace(partial_name(number), name[-1], src_dir_fd=origin, dst_dir_fd=target)
            os.fsync(target)

    # Both

    def _descriptor(self, number: int) -> int:
        with self._descriptors_lock:
            descriptor = self._descriptors.get(number)
            if descriptor is None:
                flags = os.O_RDWR | os.O_CREAT
                descriptor = self._root.open_file(*self._paths.partial, partial_name(number), flags=flags)
                self._descriptors[number] = descriptor
            return descriptor

    def _preallocate(self) -> None:
        free = self._root.free_bytes()
        needed = self._missing_bytes() - self._allocated_bytes()
        if needed > 0 and needed + self._options.disk_headroom_bytes > free:
            raise disk_full(needed + self._options.disk_headroom_bytes, free, self._root)
        try:
            for number, state in enumerate(self._state.files):
                if not state.settled and state.file.size:
                    descriptor = self._root.open_file(
                        *self._paths.partial, partial_name(number), flags=os.O_RDWR | os.O_CREAT
                    )
                    try:
                        preallocate(descriptor, state.file.size)
                    finally:
                        os.close(descriptor)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                self._release_untouched()
            raise disk_error(error, self._root, self._missed_bytes()) from error

    def _release_untouched(self) -> None:
        """Give back the space of files of which nothing was fetched, when not all of them fit."""
        for number, state in enumerate(self._state.files):
            if not state.settled and not state.written.total:
                self._root.unlink(*self._paths.partial, partial_name(number))

    def _allocated_bytes(self) -> int:
        """Blocks that partial files hold already for bytes that are still to come."""
        total = 0
        for number, state in enumerate(self._state.files):
            found = None if state.settled else self._root.stat(*self._paths.partial, partial_name(number))
            if found is not None:
                total += max(0, min(found.st_blocks * 512, state.file.size) - state.written.total)
        return total

    def _missed_bytes(self) -> int:
        """The free space without which the transfer cannot go on; what is reserved already does not count."""
        reserved = 0
        with contextlib.suppress(OSError):  # the fault that is being told comes first
            reserved = self._allocated_bytes()
        return max(0, self._missing_bytes() - reserved) + self._options.disk_headroom_bytes

    def _missing_bytes(self) -> int:
        progress = self._state.progress()
        return progress.total_bytes - progress.completed_bytes


class _Written:
    """The bytes that one request has brought so far, journalled piece by piece."""

    def __init__(self, journal: Journal, state: TransferState, file: int, start: int, options: TransferOptions) -> None:
        self._journal = journal
        self._state = state
        self._file = file
        self._options = options
        self._start = start
        self._crc = 0
        self._since = time.monotonic()
        self.position = start

    def extend(self, data: memoryview) -> None:
        """`data` has been written at `position`."""
        self._crc = crc32c(data, self._crc)
        self.position += len(data)
        self._state.received(len(data))
        size = self.position - self._start
        if size >= self._options.journal_bytes or time.monotonic() - self._since >= self._options.journal_interval_s:
            self.commit()

    def commit(self) -> None:
        if self.position > self._start:
            self._journal.written(self._file, WrittenRange(self._start, self.position, self._crc))
            self._state.wrote(self._file, self._start, self.position)
        self._start, self._crc, self._since = self.position, 0, time.monotonic()


def partial_name(number: int) -> str:
    return f"{number:06d}.part"


def _reconcile_with_disk(
    root: RootedDirectory, paths: TransferPaths, source: Source, journal: Journal, contents: JournalContents
) -> None:
    """Believe the journal only as far as its files are there with their size."""
    for number, file in enumerate(source.files):
        if number in contents.verified:
            found = root.stat(*paths.artifact, *file_name_parts(file.path))
        elif number in contents.written:
            found = root.stat(*paths.partial, partial_name(number))
        else:
            continue
        if found is None or found.st_size != file.size:
            contents.verified.discard(number)
            contents.written.pop(number, None)
            journal.discarded(number, 0, file.size)


def _write_all(descriptor: int, data: memoryview, position: int) -> None:
    while data:
        count = os.pwrite(descriptor, data, position)
        data, position = data[count:], position + count


def _internal(error: BaseException) -> ModelError:
    return ModelError(
        Reason.INTERNAL_ERROR,
        f"The transfer met an unexpected {type(error).__name__}.",
        "Look into the agent's log; the agent tries again.",
    )
