"""What a hub server is asked to be, and how it is asked to misbehave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from omectl.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """What goes wrong with files whose path matches `path` (shell pattern, `*` crosses folders).

    `times` is how many answers with content are affected before the file is served properly; None means all.
    Byte positions count from the start of the file, so that they mean the same for ranges.
    """

    path: str = "*"
    repository: str = "*"
    times: int | None = None
    cut_after_bytes: int | None = None
    """Close the connection once this many bytes of an answer have been sent."""
    stall_after_bytes: int | None = None
    """Send nothing more after this many bytes of an answer, and keep the connection open."""
    bytes_per_s: int | None = None
    """Send this file slowly."""
    corrupt_at: int | None = None
    """Flip the bits of the byte at this position in the file."""
    status: int | None = None
    """Answer with this status instead of content."""
    retry_after_s: int | None = None
    """The `Retry-After` that comes with `status`."""
    ignore_range: bool = False
    """Answer a range request with 200 and the whole file."""
    no_length: bool = False
    """Send the body in chunks, without a `Content-Length`."""
    etag: str | None = None
    """Answer with this ETag instead of the digest."""
    listed_size: int | None = None
    """Size that listings and `X-Linked-Size` claim."""
    listed_digest: str | None = None
    """SHA-256 that listings and `X-Linked-Etag` claim."""

    def matches(self, repository: str, path: str) -> bool:
        return fnmatchcase(repository, self.repository) and fnmatchcase(path, self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Misbehaviour of the whole server. Nothing by default."""

    files: tuple[FileFault, ...] = ()
    fail_first_requests: int = 0
    """How many requests, of any kind, are answered with `fail_status` before the server works."""
    fail_status: int = 503
    fail_retry_after_s: int | None = None
    listed_names: tuple[str, ...] = ()
    """Names that listings have beside the real files, such as `../outside` or one with a NUL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimit:
    """At most so many requests in a window of time; more are answered with 429 and `Retry-After`."""

    requests: int
    window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HubOptions:
    """How the hub listens, whom it lets in and what it withholds."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 picks a free port."""
    name: str | None = None
    """`org/name` under which a single model directory is served; `local/<directory>` if None."""
    revisions: Mapping[str, Mapping[str, Path]] = field(default_factory=dict[str, Mapping[str, Path]])
    """Branches and tags by repository: revision to directory, beside `<name>@<revision>` directories."""
    token: str | None = None
    """Without it nobody is let in; None lets everybody in."""
    gated: frozenset[str] = frozenset()
    """Repositories that a request needs a token for even when the server is open."""
    refused_tokens: frozenset[str] = frozenset()
    """Tokens that are known but not allowed to see gated repositories (403)."""
    rate_limit: int | None = None
    """Bytes of content a second, over all connections."""
    request_limit: RequestLimit | None = None
    large_file_bytes: int = 10 << 20
    """Files from this size on, and weight files of any size, are served "from LFS": by redirect to a signed link."""
    link_lifetime_s: float = 3600.0
    links_on_other_host: bool = False
    """Signed links name `localhost` instead of the address, so that a client sees another host."""
    page_size: int = 1000
    """Entries on one page of a tree."""
    faults: Faults = field(default_factory=Faults)
    clock: Clock = field(default_factory=SystemClock)

    def validated(self) -> "HubOptions":
        """These options, or ValueError with what is wrong."""
        if self.rate_limit is not None and self.rate_limit <= 0:
            raise ValueError(f"rate_limit: wanted bytes per second above 0, found {self.rate_limit}")
        if self.page_size < 1:
            raise ValueError(f"page_size: wanted at least 1, found {self.page_size}")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: wanted 0 to 65535, found {self.port}")
        return self
