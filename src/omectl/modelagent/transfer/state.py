"""What the threads of one transfer share: which ranges are left, what is written, what is hashed, what went wrong.

One condition guards it all. Fetching threads take ranges in file order and report what they wrote; the hashing thread
asks for the bytes behind the contiguous prefix of a file. `stop` (from any thread) makes every waiting call raise.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from omectl.modelagent.backoff import backoff_s
from omectl.modelagent.problems import ModelError
from omectl.modelagent.source import RemoteFile
from omectl.modelagent.transfer.faults import PassingError, TransferCancelledError
from omectl.modelagent.transfer.journal import JournalContents, WrittenRange
from omectl.modelagent.transfer.options import TransferOptions
from omectl.modelagent.transfer.ranges import FileRange, IntervalSet, RangePlanner

_IDLE_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a transfer, in bytes and files; `completed_bytes` counts what is on disk, resumed ranges too."""

    total_bytes: int
    completed_bytes: int
    total_files: int
    completed_files: int


@dataclass(slots=True)
class FileState:
    """One file on its way: `written` is on disk, `recalled` of it comes from the journal and is not yet re-read."""

    file: RemoteFile
    written: IntervalSet = field(default_factory=IntervalSet)
    recalled: list[WrittenRange] = field(default_factory=list[WrittenRange])
    hashed: int = 0
    settled: bool = False


@dataclass(frozen=True, slots=True)
class HashStep:
    """Bytes to hash next; `recalled` says that they come from the journal, in exactly this range with this CRC."""

    file: int
    start: int
    end: int
    recalled: WrittenRange | None


class TransferState:
    """Shared by threads; see the module."""

    def __init__(self, files: tuple[RemoteFile, ...], contents: JournalContents, options: TransferOptions) -> None:
        self._options = options
        self._condition = threading.Condition()
        self.files = [_recall(number, file, contents) for number, file in enumerate(files)]
        self._planner = RangePlanner(
            [[] if state.settled else state.written.missing(0, state.file.size) for state in self.files],
            options.range_bytes,
        )
        self._bytes = sum(state.file.size if state.settled else state.written.total for state in self.files)
        self._total = sum(file.size for file in files)
        self._error: ModelError | None = None
        self._stopped = False
        self._hint = 0

    @property
    def ranges_left(self) -> bool:
        with self._condition:
            return not self._planner.empty

    @property
    def error(self) -> ModelError | None:
        return self._error

    @property
    def stopped(self) -> bool:
        return self._stopped

    def progress(self) -> Progress:
        with self._condition:
            done = sum(state.settled for state in self.files)
            return Progress(self._total, self._bytes, len(self.files), done)

    def stop(self, error: ModelError | None = None) -> None:
        """End the transfer; the first error given is the one that is reported."""
        with self._condition:
            self._stopped = True
            self._error = self._error or error
            self._condition.notify_all()

    def check(self) -> None:
        if self._stopped:
            raise TransferCancelledError

    def next_range(self) -> FileRange | None:
        """Wait for a range to fetch; None when every file is settled."""
        with self._condition:
            while True:
                self.check()
                if all(state.settled for state in self.files[self._hint :]):
                    return None
                now = time.monotonic()
                piece = self._planner.take(now)
                if piece is not None:
                    return piece
                ready_at = self._planner.next_ready_at()
                self._condition.wait(_IDLE_WAIT_S if ready_at is None else min(_IDLE_WAIT_S, ready_at - now))

    def received(self, count: int) -> None:
        """Count bytes as they reach the disk."""
        with self._condition:
            self._bytes += count

    def wrote(self, file: int, start: int, end: int) -> None:
        """Bytes `start` to `end` are on disk and in the journal."""
        with self._condition:
            self.files[file].written.add(start, end)
            self._condition.notify_all()

    def failed(self, piece: FileRange, position: int, fault: PassingError) -> None:
        """A request for `piece` ended at `position`; the rest is tried again later, or the transfer fails."""
        failures = 1 if position > piece.start else piece.failures + 1
        if failures >= self._options.attempts:
            self.stop(fault.problem)
            return
        delay = backoff_s(failures, self._options.backoff_base_s, self._options.backoff_max_s)
        if fault.problem.retry_after_s is not None:
            delay = max(delay, min(fault.problem.retry_after_s, self._options.retry_after_max_s))
        with self._condition:
            rest = FileRange(piece.file, position, piece.end, failures)
            self._planner.put_back(rest, time.monotonic() + delay)
            self._condition.notify_all()

    def next_hash_step(self, limit: int) -> HashStep | None:
        """Wait for bytes behind a contiguous prefix, at most `limit`; None when every file is settled.

        A file with nothing left to hash (or of no bytes at all) is given as an empty step, so that it gets settled.
        """
        with self._condition:
            while True:
                self.check()
                while self._hint < len(self.files) and self.files[self._hint].settled:
                    self._hint += 1
                if self._hint == len(self.files):
                    self._condition.notify_all()
                    return None
                for number in range(self._hint, len(self.files)):
                    step = self._step(number, limit)
                    if step is not None:
                        return step
                self._condition.wait(_IDLE_WAIT_S)

    def _step(self, number: int, limit: int) -> HashStep | None:
        state = self.files[number]
        if state.settled:
            return None
        start = state.hashed
        if start == state.file.size:
            return HashStep(number, start, start, None)
        if state.recalled and state.recalled[0].start == start:
            return HashStep(number, start, state.recalled[0].end, state.recalled[0])
        bound = state.recalled[0].start if state.recalled else state.file.size
        end = min(state.written.reach(start), bound, start + limit)
        return HashStep(number, start, end, None) if end > start else None

    def hashed(self, step: HashStep) -> None:
        state = self.files[step.file]
        with self._condition:
            state.hashed = step.end
            if step.recalled is not None:
                del state.recalled[0]

    def rejected(self, step: HashStep) -> None:
        """A range of the journal does not have its CRC on disk: fetch it again."""
        state = self.files[step.file]
        with self._condition:
            del state.recalled[0]
            state.written.remove(step.start, step.end)
            self._bytes -= step.end - step.start
            self._planner.put_back(FileRange(step.file, step.start, step.end))
            self._condition.notify_all()

    def settle(self, file: int, *, good: bool) -> None:
        """The file is verified, or was found wrong as a whole and removed."""
        state = self.files[file]
        with self._condition:
            state.settled = True
            if not good:
                self._bytes -= state.file.size
                self._planner.drop_file(file)
            self._condition.notify_all()


def _recall(number: int, file: RemoteFile, contents: JournalContents) -> FileState:
    state = FileState(file)
    if number in contents.verified:
        state.settled = True
        return state
    for piece in sorted(contents.written.get(number, []), key=lambda piece: (piece.start, piece.end)):
        if state.recalled and piece.start < state.recalled[-1].end:
            continue  # a foreign or doubled line; what it adds is fetched again
        state.recalled.append(piece)
        state.written.add(piece.start, piece.end)
    return state
