"""What can go wrong with a model on a node, as data: a reason, a message and what to do next.

A `ModelError` is raised wherever the fault is noticed and becomes the text of the node's entry in one place. Messages
are stable: they name what was wanted and found but no counters, ports or times, so that a fault that lasts is written
once. They never hold a credential.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a model is not, or not fully, what its object asks for."""

    ACCESS_DENIED = "AccessDenied"
    API_SERVER_UNREACHABLE = "ApiServerUnreachable"
    CREDENTIAL_MISSING = "CredentialMissing"
    DIGEST_MISMATCH = "DigestMismatch"
    DISK_FAULT = "DiskFault"
    DISK_FULL = "DiskFull"
    HUB_UNREACHABLE = "HubUnreachable"
    INTERNAL_ERROR = "InternalError"
    INSECURE_ENDPOINT = "InsecureEndpoint"
    LOCAL_PATH_MISSING = "LocalPathMissing"
    METADATA_INVALID = "MetadataInvalid"
    MODEL_NOT_FOUND = "ModelNotFound"
    NOTHING_TO_DOWNLOAD = "NothingToDownload"
    PATH_IN_USE = "PathInUse"
    PATH_OCCUPIED = "PathOccupied"
    PATH_OUTSIDE_ROOT = "PathOutsideRoot"
    RATE_LIMITED = "RateLimited"
    RESPONSE_INVALID = "ResponseInvalid"
    REVISION_NOT_FOUND = "RevisionNotFound"
    TRANSFER_INTERRUPTED = "TransferInterrupted"
    UNSAFE_FILE_NAME = "UnsafeFileName"
    UNSUPPORTED_SCHEME = "UnsupportedScheme"
    URI_INVALID = "UriInvalid"


_PASSING = frozenset(
    {Reason.API_SERVER_UNREACHABLE, Reason.HUB_UNREACHABLE, Reason.RATE_LIMITED, Reason.TRANSFER_INTERRUPTED}
)


class ModelError(Exception):
    """A fault with one model. `retry_after_s`: a wait the other side asked for; `wanted_bytes`: the space missed."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        next_step: str,
        *,
        retry_after_s: float | None = None,
        wanted_bytes: int | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message} {next_step}")
        self.reason = reason
        self.message = message
        self.next_step = next_step
        self.retry_after_s = retry_after_s
        self.wanted_bytes = wanted_bytes

    @property
    def passing(self) -> bool:
        """True when it usually goes away without anybody doing anything."""
        return self.reason in _PASSING
