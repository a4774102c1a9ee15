"""What a storage backend answers, and all that the transfer engine knows of one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

HashAlgorithm = Literal["sha256", "git-sha1"]


class HashObject(Protocol):
    """The part of a `hashlib` object that we use."""

    def update(self, data: memoryview | bytes, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> HashObject: ...


@dataclass(frozen=True, slots=True)
class Digest:
    """The content's digest as its source states it: SHA-256, or git's blob id (SHA-1 over a header and the content)."""

    algorithm: HashAlgorithm
    value: str

    def start(self, size: int) -> HashObject:
        """A hash object that has seen what precedes the first byte of a file of `size` bytes."""
        if self.algorithm == "sha256":
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a source: a checked relative path, size in bytes, and its digest where the source states one."""

    path: str
    size: int
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A GET that answers with a file's bytes; the engine adds the range. Headers may hold a credential."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


class Source(Protocol):
    """A model's files, resolved to one immutable revision."""

    @property
    def identity(self) -> str:
        """Where the bytes come from, without the revision and without credentials."""
        ...

    @property
    def revision(self) -> str: ...

    @property
    def files(self) -> tuple[RemoteFile, ...]: ...

    def request(self, file: RemoteFile, start: int, end: int) -> HttpRequest:
        """The request that reads bytes `start` to `end` (exclusive) of `file`; called from any thread."""
        ...
