"""What an embedded API server is told at its start."""

from dataclasses import dataclass, field

from omectl.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedOptions:
    """Times in seconds, those of a real server by default; tests set them small.

    `watch_cache` False lists as a server does whose watch cache is off: pages also at version "0".
    `garbage_collection` does what kube-controller-manager does: owned objects go with their owners, the contents of a
    deleted namespace with it. `history_length` is how many changes of each kind can be resumed from.
    """

    bookmark_interval_s: float = 60.0
    bookmark_before_timeout_s: float = 2.0
    watch_timeout_s: float = 1800.0
    future_version_wait_s: float = 3.0
    history_length: int = 10_000
    streaming_lists: bool = True
    watch_cache: bool = True
    garbage_collection: bool = False
    compress_above_bytes: int = 128 * 1024
    max_body_bytes: int = 3 * 1024 * 1024
    port: int = 0
    clock: Clock = field(default_factory=SystemClock)
