"""What a hub has sent: enough to prove that no byte was fetched twice."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class FileStatistics:
    """One file's traffic. `ranges`: of every answer, its first byte and the byte after the last one sent."""

    heads: int = 0
    requests: int = 0
    bytes_sent: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    statuses: list[int] = field(default_factory=list[int])

    @property
    def repeated_bytes(self) -> int:
        """Bytes that were sent more than once, each counted as often as it was repeated."""
        return self.bytes_sent - self.distinct_bytes

    @property
    def distinct_bytes(self) -> int:
        """Bytes of the file that were sent at least once."""
        total = reached = 0
        for start, end in sorted(self.ranges):
            total += max(0, end - max(start, reached))
            reached = max(reached, end)
        return total


@dataclass(frozen=True, slots=True)
class HubStatistics:
    """Traffic of a hub: by (repository, path), and in all."""

    files: Mapping[tuple[str, str], FileStatistics]
    requests: int
    refused: int
    """Requests answered with 401, 403 or 429."""
    failed: int
    """Requests that a fault failed on purpose."""
    tokens_at_links: int
    """Requests to signed links that carried an `Authorization` header; a careful client sends none there."""
    most_connections: int
    """Most answers with content that were under way at one time."""

    def file(self, repository: str, path: str) -> FileStatistics:
        """One file's traffic; empty when nobody asked for it."""
        return self.files.get((repository, path), FileStatistics())

    @property
    def bytes_sent(self) -> int:
        return sum(file.bytes_sent for file in self.files.values())


class Traffic:
    """Counts what a hub does."""

    def __init__(self) -> None:
        self.requests = 0
        self.refused = 0
        self.failed = 0
        self.tokens_at_links = 0
        self._files: dict[tuple[str, str], FileStatistics] = {}
        self._sending = 0
        self._most_sending = 0

    def answered(self, repository: str, path: str, status: int, *, head: bool) -> FileStatistics:
        """Count an answer about a file."""
        counted = self._files.setdefault((repository, path), FileStatistics())
        counted.statuses.append(status)
        if head:
            counted.heads += 1
        else:
            counted.requests += 1
        return counted

    @contextmanager
    def sending(self, counted: FileStatistics, start: int) -> Generator[Callable[[int], None]]:
        """Count the bytes of one answer, from the file's byte `start` on, by calling what this gives."""
        slot = len(counted.ranges)
        counted.ranges.append((start, start))

        def sent(count: int) -> None:
            counted.bytes_sent += count
            counted.ranges[slot] = (start, counted.ranges[slot][1] + count)

        self._sending += 1
        self._most_sending = max(self._most_sending, self._sending)
        try:
            yield sent
        finally:
            self._sending -= 1

    def statistics(self) -> HubStatistics:
        """The traffic so far; the files' numbers go on counting."""
        return HubStatistics(
            dict(self._files), self.requests, self.refused, self.failed, self.tokens_at_links, self._most_sending
        )
