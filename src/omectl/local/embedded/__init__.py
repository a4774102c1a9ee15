"""A scripted Kubernetes API server in this process: starts at once, needs nothing but pip, misbehaves on command."""

from omectl.local.embedded.faults import (
    Delay,
    DoThenReset,
    Fault,
    FaultScript,
    HalfOpen,
    Refuse,
    Reset,
    Say,
    Stream,
)
from omectl.local.embedded.options import EmbeddedOptions
from omectl.local.embedded.requests import RecordedRequest
from omectl.local.embedded.served_kind import Column, ServedKind
from omectl.local.embedded.server import EmbeddedServer

__all__ = [
    "Column",
    "Delay",
    "DoThenReset",
    "EmbeddedOptions",
    "EmbeddedServer",
    "Fault",
    "FaultScript",
    "HalfOpen",
    "RecordedRequest",
    "Refuse",
    "Reset",
    "Say",
    "ServedKind",
    "Stream",
]
