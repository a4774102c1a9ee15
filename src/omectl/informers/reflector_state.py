"""Where a reflector is, how it is set, what it has counted, and how its rounds end."""

from dataclasses import dataclass
from enum import Enum

from omectl.informers.backoff import BackoffOptions
from omectl.kube.errors import KubeError

_OTHER = BackoffOptions()
_REFUSED = BackoffOptions(first_s=0.4, cap_s=3.0, factor=1.1, jitter=0.5)
_EXPIRED = BackoffOptions(first_s=0.1, cap_s=4.0, jitter=7.0)
_ABSENT = BackoffOptions(cap_s=10.0)


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
    """Times in seconds; `page_size` None lets the rules for the server's watch cache decide.

    `internal_error_retry_s`: for how long a watch that ends with InternalError is opened again at once, without a list.
    `check_streaming_list`: compare every streaming list with a plain one at its version, and refuse it when they
    differ; for tests, as it doubles the work.
    `refused_backoff`: nothing listens at the address, so asking costs nobody anything, and the delay grows by about a
    tenth of the time that the server is away. `expired_backoff`: the server is well and has forgotten our version; a
    short wait, spread widely, as it has forgotten everybody's at once. Neither lengthens the delays of other troubles.
    """

    page_size: int | None = None
    watch_timeout_s: int = 300
    marker_patience_s: float = 60.0
    markerless_streams: int = 2
    internal_error_retry_s: float = 0.0
    check_streaming_list: bool = False
    backoff: BackoffOptions = _OTHER
    refused_backoff: BackoffOptions = _REFUSED
    expired_backoff: BackoffOptions = _EXPIRED
    absent_backoff: BackoffOptions = _ABSENT


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
    """A streaming list did not come to its end: the server ended it, or (`waited`) it brought nothing for too long."""

    def __init__(self, *, waited: bool) -> None:
        super().__init__(waited)
        self.waited = waited

    def __str__(self) -> str:
        what = "stayed silent in it" if self.waited else "ended it"
        return f"the server began a streaming list and {what} without marking the list's end"


class StreamCut(KubeError):
    """The connection was lost in the middle of a streaming list."""

    def __str__(self) -> str:
        return f"the streaming list was cut off: {self.args[0]}"


class InconsistentStream(Exception):
    """A streaming list and a plain list at the same version differ; found only by `check_streaming_list`."""

    def __init__(self, name: str, resource_version: str, keys: tuple[str, ...]) -> None:
        super().__init__(name, resource_version, keys)
        self.name = name
        self.resource_version = resource_version
        self.keys = keys

    def __str__(self) -> str:
        return (
            f"the streaming list of {self.name} and a list at its version {self.resource_version} differ in "
            f"{', '.join(self.keys)}; the server or a proxy before it is broken: set streaming_list False"
        )


@dataclass(frozen=True, slots=True)
class Ending:
    """How a watch ended; `error` None is a clean close by the server."""

    error: KubeError | None
    events: int
    seconds: float
