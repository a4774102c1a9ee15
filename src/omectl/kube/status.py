"""Turns the body of a refused request, or of a watch's ERROR event, into the typed error."""

from collections.abc import Mapping

import msgspec

from omectl.kube.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Cause,
    Conflict,
    Details,
    Expired,
    Forbidden,
    InternalError,
    Invalid,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RequestEntityTooLarge,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
)

_BY_REASON: dict[str, type[ApiError]] = {
    "BadRequest": BadRequest,
    "Unauthorized": Unauthorized,
    "Forbidden": Forbidden,
    "NotFound": NotFound,
    "MethodNotAllowed": MethodNotAllowed,
    "NotAcceptable": NotAcceptable,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Gone": Expired,
    "Expired": Expired,
    "Invalid": Invalid,
    "RequestEntityTooLarge": RequestEntityTooLarge,
    "UnsupportedMediaType": UnsupportedMediaType,
    "TooManyRequests": TooManyRequests,
    "InternalError": InternalError,
    "ServiceUnavailable": ServiceUnavailable,
    "ServerTimeout": ServerTimeout,
    "Timeout": ServerTimeout,
}
_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    409: Conflict,
    410: Expired,
    413: RequestEntityTooLarge,
    415: UnsupportedMediaType,
    422: Invalid,
    429: TooManyRequests,
    500: InternalError,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: ServerTimeout,
}


class _WireCause(msgspec.Struct):
    reason: str | None = None
    field: str | None = None
    message: str | None = None


class _WireDetails(msgspec.Struct, rename="camel"):
    name: str | None = None
    group: str | None = None
    kind: str | None = None
    uid: str | None = None
    causes: list[_WireCause] | None = None
    retry_after_seconds: float | None = None


class _WireStatus(msgspec.Struct):
    kind: str = ""
    code: int | None = None
    reason: str | None = None
    message: str | None = None
    details: _WireDetails | None = None


_decode_status = msgspec.json.Decoder(_WireStatus).decode


def error_from_status(
    body: bytes | msgspec.Raw, *, http_status: int, action: str, headers: Mapping[str, str]
) -> ApiError:
    """Build the typed error from an answer's body, whatever the body is: a Status, a proxy's page, nothing."""
    try:
        wire = _decode_status(body)
        if wire.kind != "Status":
            raise msgspec.ValidationError
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = bytes(body[:300] if isinstance(body, bytes) else bytes(body)[:300]).decode(errors="replace")
        wire = _WireStatus(message=" ".join(text.split()))
    status = wire.code or http_status
    details = wire.details or _WireDetails()
    reason = wire.reason or ""
    kind = _BY_REASON.get(reason) or _BY_STATUS.get(status) or ApiError
    retry_after_s = parse_retry_after(headers.get("Retry-After"))
    if retry_after_s is None and details.retry_after_seconds:
        retry_after_s = details.retry_after_seconds
    return kind(
        status,
        reason,
        wire.message or "",
        Details(
            name=details.name or "",
            group=details.group or "",
            kind=details.kind or "",
            uid=details.uid or "",
            causes=tuple(Cause(c.reason or "", c.field or "", c.message or "") for c in details.causes or ()),
        ),
        action=action,
        retry_after_s=retry_after_s,
    )


def parse_retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header; the date form and nonsense count as absent (the API server sends seconds)."""
    if value is None or not value.strip().isdigit():
        return None
    return float(value.strip())
