"""Cuts a stream of chunks into lines. Pure: bytes in, lines out."""


class LineTooLong(ValueError):
    """A line grew past the limit: no API server sends such an object."""


class LineSplitter:
    """Feed chunks in any sizes, get complete lines without their newline; empty lines are dropped.

    Each byte is looked at once and copied at most twice, also when a line spans thousands of chunks.
    """

    __slots__ = ("_limit", "_pending", "_pending_size")

    def __init__(self, limit: int = 256 * 1024 * 1024) -> None:
        self._limit = limit
        self._pending: list[bytes] = []
        self._pending_size = 0

    @property
    def pending(self) -> int:
        """Bytes of the line that has begun and not ended."""
        return self._pending_size

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes. Raises LineTooLong."""
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._pending:
            self._pending.append(lines[0])
            lines[0] = b"".join(self._pending)
            self._pending.clear()
            self._pending_size = 0
        if rest:
            self._pending.append(rest)
            self._pending_size += len(rest)
            if self._pending_size > self._limit:
                raise LineTooLong(f"{self._pending_size} bytes without a newline, the limit is {self._limit}")
        return [line for line in lines if line] if b"" in lines else lines
