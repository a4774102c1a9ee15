"""Errors: the right type for each answer, and texts that say what to do."""

import json
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.kube.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    ConnectionFailed,
    DeadlineExceeded,
    Expired,
    Forbidden,
    InternalError,
    Invalid,
    InvalidResponse,
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
from omectl.kube.status import error_from_status, parse_retry_after


def answer(code: int, reason: str = "", headers: dict[str, str] | None = None, **more: object) -> ApiError:
    body = json.dumps({"kind": "Status", "code": code, "reason": reason, **more}).encode()
    return error_from_status(body, http_status=code, action="get Pod ns/a", headers=headers or {})


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", BadRequest),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (405, "MethodNotAllowed", MethodNotAllowed),
        (406, "NotAcceptable", NotAcceptable),
        (406, "", NotAcceptable),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (410, "Gone", Expired),
        (410, "Expired", Expired),
        (413, "RequestEntityTooLarge", RequestEntityTooLarge),
        (415, "UnsupportedMediaType", UnsupportedMediaType),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", InternalError),
        (500, "StoreReadError", InternalError),
        (500, "ServerTimeout", ServerTimeout),
        (503, "ServiceUnavailable", ServiceUnavailable),
        (504, "Timeout", ServerTimeout),
        (418, "Teapot", ApiError),
        (409, "", Conflict),
        (404, "", NotFound),
    ],
)
def test_each_reason_has_its_type(code: int, reason: str, kind: type[ApiError]) -> None:
    error = answer(code, reason)
    assert type(error) is kind
    assert (error.status, error.reason) == (code, reason)


@pytest.mark.parametrize(
    ("body", "http_status", "kind", "text"),
    [
        (b"404 page not found\n", 404, NotFound, "404 page not found"),
        (b"<html>\n<body>502 Bad Gateway</body>", 502, ServiceUnavailable, "502 Bad Gateway"),
        (b"", 500, InternalError, "no message"),
        (b'{"kind":"Pod"}', 403, Forbidden, "403"),
        (b"\xff\xfe", 400, BadRequest, "400"),
        (b'{"kind":"Status","details":"nonsense"}', 409, Conflict, "409"),
    ],
)
def test_any_body_gives_a_typed_error(body: bytes, http_status: int, kind: type[ApiError], text: str) -> None:
    error = error_from_status(body, http_status=http_status, action="get Pod ns/a", headers={})
    assert type(error) is kind
    assert text in str(error)


@given(st.binary(max_size=200), st.integers(400, 599))
def test_no_body_ever_breaks_the_error(body: bytes, http_status: int) -> None:
    assert str(error_from_status(body, http_status=http_status, action="x", headers={}))


def test_an_invalid_object_names_its_fields_once() -> None:
    causes = [{"reason": "FieldValueInvalid", "field": "spec.a", "message": "m"}] * 2
    error = answer(422, "Invalid", message="it is wrong", details={"causes": causes})
    assert isinstance(error, Invalid)
    assert error.fields == ("spec.a",)
    assert str(error) == "get Pod ns/a: the API server answered 422 Invalid: it is wrong; change spec.a"


def test_a_missing_object_and_a_missing_kind_are_told_apart() -> None:
    missing_object = answer(404, "NotFound", details={"name": "a", "kind": "pods"})
    missing_kind = answer(404)
    assert isinstance(missing_object, NotFound)
    assert isinstance(missing_kind, NotFound)
    assert (missing_object.kind_is_missing, missing_kind.kind_is_missing) == (False, True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), (" 12 ", 12.0), ("0", 0.0), (None, None), ("soon", None), ("-1", None), ("", None)],
)
def test_retry_after_is_seconds_or_nothing(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


def test_the_advice_to_retry_may_come_in_the_body() -> None:
    assert answer(429, "TooManyRequests", details={"retryAfterSeconds": 4}).retry_after_s == 4
    assert answer(429, "TooManyRequests", {"Retry-After": "2"}, details={"retryAfterSeconds": 4}).retry_after_s == 2


@pytest.mark.parametrize(
    ("more", "too_large"),
    [
        ({"details": {"causes": [{"reason": "ResourceVersionTooLarge"}]}}, True),
        ({"message": "Timeout: Too large resource version: 9, current: 1"}, True),
        ({"message": "something else"}, False),
    ],
)
def test_a_version_that_the_server_has_not_reached_is_recognised(more: dict[str, object], too_large: bool) -> None:
    assert answer(504, "Timeout", **more).is_resource_version_too_large is too_large


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (ConnectionRefusedError(), "connection refused; check that the control plane runs"),
        (socket.gaierror(-2, "Name or service not known"), "its name can't be resolved"),
        (OSError(113, "No route to host"), "the host is unreachable"),
        (ssl.SSLError(1, "wrong version number"), "TLS failed"),
        (TimeoutError(), "did not accept a connection in time"),
        (ValueError("odd"), "odd"),
        ("cut off", "cut off"),
    ],
)
def test_a_failed_connection_says_why_and_what_to_do(cause: BaseException | str, text: str) -> None:
    error = ConnectionFailed("https://server", cause, action="get Pod ns/a")
    assert str(error).startswith("get Pod ns/a: no answer from https://server: ")
    assert text in str(error)
    assert "check" in str(error)


def test_a_refused_connection_is_recognised_through_wrappers() -> None:
    outer = RuntimeError("wrapped")
    outer.__cause__ = ConnectionRefusedError()
    assert ConnectionFailed("s", outer).refused
    assert not ConnectionFailed("s", "cut off").refused


def test_a_deadline_names_its_seconds_and_garbage_what_was_found() -> None:
    assert "nothing within 30 s" in str(DeadlineExceeded("https://server", 30.0, action="list pods"))
    assert "wanted a JSON object, found text/html" in str(InvalidResponse("https://s", "a JSON object", "text/html"))
