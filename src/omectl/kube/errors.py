"""Everything that may go wrong between us and an API server, as types with facts in them.

`KubeError` is the root. `ApiError` is a refusal by the server, one subclass per reason; `ConnectionFailed` means that
no answer came; `InvalidResponse` means that the answer was not what an API server says. `str()` of each reads as one
line: what was wanted, what was found, what to do.
"""

import asyncio
import errno
import socket
import ssl
from dataclasses import dataclass


class KubeError(Exception):
    """Root of every error of this package."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of a Status' `details.causes`."""

    type: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Details:
    """What a Status says about the object it is about; empty strings where it says nothing."""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: tuple[Cause, ...] = ()


class ApiError(KubeError):
    """The API server answered with a refusal.

    `action` is what was wanted ("create Deployment ns/a"); `retry_after_s` is the server's own advice, if it gave one.
    """

    hint = ""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        details: Details | None = None,
        *,
        action: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(status, reason, message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details or Details()
        self.action = action
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        wanted = f"{self.action}: " if self.action else ""
        reason = f" {self.reason}" if self.reason else ""
        text = f"{wanted}the API server answered {self.status}{reason}: {self.message or 'no message'}"
        return f"{text}; {self.hint}" if self.hint else text

    @property
    def is_resource_version_too_large(self) -> bool:
        """The server's cache has not reached the resource version that was asked for."""
        if any(cause.type == "ResourceVersionTooLarge" for cause in self.details.causes):
            return True
        return self.reason == "Timeout" and "Too large resource version" in self.message


class BadRequest(ApiError):
    """400: the request itself is malformed."""


class Unauthorized(ApiError):
    """401: the server does not know who we are."""

    hint = "check the credentials of the kubeconfig or the service account's token"


class Forbidden(ApiError):
    """403: the server knows us, and RBAC or an admission policy says no."""

    hint = "grant the right by a Role or ClusterRole, or read what the admission policy asks for"


class NotFound(ApiError):
    """404: the object does not exist, or the server does not serve its kind (`kind_is_missing`)."""

    @property
    def kind_is_missing(self) -> bool:
        """The server has no such kind at all: a bare 404 without a Status about an object."""
        return not self.details.name


class MethodNotAllowed(ApiError):
    """405: the kind does not support the verb."""


class NotAcceptable(ApiError):
    """406: the server can't answer in the format that was asked for."""


class AlreadyExists(ApiError):
    """409 AlreadyExists: the name is taken."""


class Conflict(ApiError):
    """409 Conflict: stale resourceVersion, a failed precondition, or a field that another manager owns."""

    @property
    def hint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - a constant elsewhere
        """A stale version passes by itself, an owned field does not."""
        if self.fields:
            return f"apply with force to take {', '.join(self.fields)} over, or leave it to its owner"
        return "read the object again and retry"

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that other managers own, when a server-side apply met them."""
        return tuple(cause.field for cause in self.details.causes if cause.type == "FieldManagerConflict")


class Expired(ApiError):
    """410 Expired or Gone: the resource version or continue token is too old; list again."""


class Invalid(ApiError):
    """422: the object breaks its schema or a validation rule; `fields` names where."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Paths of the fields that the server refused."""
        return tuple(dict.fromkeys(cause.field for cause in self.details.causes if cause.field))

    @property
    def hint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - a constant elsewhere
        """Name the fields unless the message already does."""
        missing = [field for field in self.fields if field not in self.message]
        return f"change {', '.join(missing)}" if missing else ""


class RequestEntityTooLarge(ApiError):
    """413: the object is larger than the server or etcd takes."""

    hint = "an object may hold about 1.5 MB; move data out of it"


class UnsupportedMediaType(ApiError):
    """415: the server does not take this patch type for this kind."""


class TooManyRequests(ApiError):
    """429: the server is overloaded, still starting, or (for an eviction) a budget forbids it now."""


class InternalError(ApiError):
    """500: the server failed, or a webhook that it called did."""


class ServiceUnavailable(ApiError):
    """503: the server, or the aggregated server behind it, is not ready."""


class ServerTimeout(ApiError):
    """504 Timeout or 500 ServerTimeout: the server gave up on the request; it may or may not have been done."""


class ConnectionFailed(KubeError):
    """No answer came from the server: refused, unreachable, TLS trouble, cut off."""

    def __init__(self, server: str, cause: BaseException | str, *, action: str = "") -> None:
        super().__init__(server, cause)
        self.server = server
        self.cause = cause
        self.action = action

    def __str__(self) -> str:
        wanted = f"{self.action}: " if self.action else ""
        found, advice = _explain(self.cause)
        return f"{wanted}no answer from {self.server}: {found}; {advice}"

    @property
    def refused(self) -> bool:
        """Nothing listens at the address: typical for a server that is restarting."""
        return any(isinstance(link, ConnectionRefusedError) for link in _chain(self.cause))


class DeadlineExceeded(ConnectionFailed):
    """The server took the request and did not finish its answer in time."""

    def __init__(self, server: str, deadline_s: float, *, action: str = "") -> None:
        super().__init__(server, f"nothing within {deadline_s:g} s", action=action)
        self.deadline_s = deadline_s


class WatchIdle(ConnectionFailed):
    """An open watch was silent for longer than two bookmark periods: the connection is dead, whatever TCP says."""


class InvalidResponse(KubeError):
    """The answer came and is not what an API server says: garbage, a wrong content type, a cut-off document."""

    def __init__(self, server: str, wanted: str, found: str, *, action: str = "") -> None:
        super().__init__(server, wanted, found)
        self.server = server
        self.wanted = wanted
        self.found = found
        self.action = action

    def __str__(self) -> str:
        prefix = f"{self.action}: " if self.action else ""
        return (
            f"{prefix}{self.server} did not answer like an API server: wanted {self.wanted}, found {self.found}; "
            "check that the server's address names an API server and not a proxy or another service"
        )


def _chain(cause: BaseException | str) -> list[BaseException]:
    links: list[BaseException] = []
    link = None if isinstance(cause, str) else cause
    while link is not None and link not in links:
        links.append(link)
        inner = getattr(link, "os_error", None)
        link = inner if isinstance(inner, BaseException) else link.__cause__ or link.__context__
    return links


def _explain(cause: BaseException | str) -> tuple[str, str]:
    running = "check that the control plane runs and that the kubeconfig names the right address"
    if isinstance(cause, str):
        return cause, running
    for link in _chain(cause):
        if isinstance(link, ssl.SSLCertVerificationError):
            inner = getattr(link, "certificate_error", link)  # aiohttp's own class hides the reason one level down
            return (
                f"its certificate is not trusted ({getattr(inner, 'verify_message', inner)})",
                "check certificate-authority-data and the host name in the kubeconfig",
            )
        if isinstance(link, ssl.SSLError):
            return (
                f"TLS failed ({getattr(link, 'reason', None) or link})",
                "check that the address is https and the client certificate fits",
            )
        if isinstance(link, ConnectionRefusedError):
            return "connection refused", running
        if isinstance(link, socket.gaierror):
            return "its name can't be resolved", "check the server's address in the kubeconfig"
        if isinstance(link, OSError) and link.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
            return "the host is unreachable", "check the network and the server's address in the kubeconfig"
        if isinstance(link, asyncio.TimeoutError):
            return "it did not accept a connection in time", running
    return str(cause) or type(cause).__name__, running
