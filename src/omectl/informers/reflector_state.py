"""Where a reflector is, how it is set, what it has counted, and how its rounds end."""

from dataclasses import dataclass, field
from enum import Enum

from omectl.informers.backoff import BackoffOptions
from omectl.kube.errors import KubeError


class ReflectorState(Enum):
    """Where a reflector is. ABSENT: the server does not serve the kind; it is asked again and again."""

    EMPTY = "empty"
    STREAMING = "streaming"
    LISTING = "listing"
    SYNCED = "synced"
    WATCHING = "watching"
    BACKOFF = "backoff"
    ABSENT = "absent"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectorOptions:
    """Times in seconds; `page_size` None lets the rules for the server's watch cache decide."""

    page_size: int | None = None
    watch_timeout_s: int = 300
    marker_patience_s: float = 60.0
    markerless_streams: int = 2
    backoff: BackoffOptions = field(default_factory=BackoffOptions)
    absent_backoff: BackoffOptions = field(default_factory=lambda: BackoffOptions(cap_s=10.0))


@dataclass(slots=True)
class ReflectorStatistics:
    """Counts since the start."""

    lists: int = 0
    streaming_lists: int = 0
    watches: int = 0
    short_watches: int = 0
    idle_watches: int = 0
    events: int = 0
    bookmarks: int = 0
    errors: int = 0
    fallbacks: int = 0


class VeryShortWatch(KubeError):
    """A watch ended within a second without any event: the server has something against it."""

    def __str__(self) -> str:
        return "the server ended the watch at once without any event; listing again after a pause"


class NoMarker(KubeError):
    """A streaming list did not come to its end: it was cut, or (`waited`) it stayed silent."""

    def __init__(self, *, waited: bool) -> None:
        super().__init__(waited)
        self.waited = waited

    def __str__(self) -> str:
        return "the server began a streaming list and did not mark its end; reading pages instead"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a watch ended; `error` None is a clean close by the server."""

    error: KubeError | None
    events: int
    seconds: float
