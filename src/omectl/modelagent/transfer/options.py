"""The knobs of the transfer engine."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOptions:
    """One transfer's memory is `connections` buffers and one more of `hash_buffer_bytes` for the hasher."""

    connections: int = 8
    range_bytes: int = 64 * MIB
    """What one request asks for."""
    journal_bytes: int = 16 * MIB
    """At most so much of a range is written before the journal says so ..."""
    journal_interval_s: float = 5.0
    """... and at most so long."""
    buffer_bytes: int = MIB
    hash_buffer_bytes: int = 4 * MIB
    connect_timeout_s: float = 10.0
    stall_timeout_s: float = 30.0
    """A connection that brings less than `stall_bytes` in this time is given up."""
    stall_bytes: int = 16 * 1024
    attempts: int = 6
    """So often in a row may a range fail without a byte before the transfer fails."""
    backoff_base_s: float = 0.5
    backoff_max_s: float = 30.0
    retry_after_max_s: float = 300.0
    disk_headroom_bytes: int = 1 << 30
    """A transfer that would leave less than this free is not begun."""
    allow_http: bool = False

    def validated(self) -> TransferOptions:
        for name in ("connections", "range_bytes", "journal_bytes", "buffer_bytes", "hash_buffer_bytes", "attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"wanted {name} of at least 1, found {getattr(self, name)}")
        for name in ("connect_timeout_s", "stall_timeout_s", "journal_interval_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"wanted {name} above 0, found {getattr(self, name)}")
        return self
