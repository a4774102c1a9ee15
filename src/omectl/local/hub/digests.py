"""Digests of served files, computed once for each (path, size, modification time)."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

_CHUNK = 1 << 20
_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Digest:
    """SHA-256 of a file and the id git gives its content as a blob, both in hex."""

    sha256: str
    blob: str


class DigestsClosedError(Exception):
    """The cache was closed while a file was read."""


class DigestCache:
    """Safe to use from several threads; a file that is asked for twice at the same time is read once."""

    def __init__(self) -> None:
        self._closed = Event()
        self._known: OrderedDict[tuple[str, int, int], Digest] = OrderedDict()
        self._lock = Lock()
        self._busy: dict[str, Lock] = {}
        self.computed = 0

    def close(self) -> None:
        """Let no reading go on: who waits for a digest gets `DigestsClosedError` within a moment."""
        self._closed.set()

    def of(self, path: Path, size: int, mtime_ns: int) -> Digest:
        """The digest; blocks while a file is read for the first time. Call it in a thread."""
        key = (str(path), size, mtime_ns)
        with self._lock:
            if (known := self._known.get(key)) is not None:
                return known
            busy = self._busy.setdefault(key[0], Lock())
        with busy:
            with self._lock:
                if (known := self._known.get(key)) is not None:
                    return known
            digest = self._read(path, size)
            with self._lock:
                self.computed += 1
                self._known[key] = digest
                self._busy.pop(key[0], None)
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            return digest

    def _read(self, path: Path, size: int) -> Digest:
        sha256, blob = hashlib.sha256(), hashlib.sha1(_blob_header(size), usedforsecurity=False)
        buffer = memoryview(bytearray(_CHUNK))
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                if self._closed.is_set():
                    raise DigestsClosedError(f"stopped while reading {path}")
                sha256.update(buffer[:count])
                blob.update(buffer[:count])
        return Digest(sha256.hexdigest(), blob.hexdigest())


def blob_id(content: bytes) -> str:
    """The id git gives this content."""
    return hashlib.sha1(_blob_header(len(content)) + content, usedforsecurity=False).hexdigest()


def _blob_header(size: int) -> bytes:
    return b"blob %d\0" % size
