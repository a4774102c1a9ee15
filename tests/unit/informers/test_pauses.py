"""How long each sort of trouble is waited out."""

import asyncio

import pytest

from omectl.informers.pauses import Pauses, advised_s
from omectl.informers.reflector_state import ReflectorOptions
from omectl.kube.errors import (
    Cause,
    ConnectionFailed,
    Details,
    Expired,
    Forbidden,
    InternalError,
    InvalidResponse,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
    WatchIdle,
)

REFUSED = ConnectionFailed("https://server", ConnectionRefusedError())
CUT = ConnectionFailed("https://server", "connection reset")
EXPIRED = Expired(410, "Expired", "")
TOO_LARGE = Details(causes=(Cause("ResourceVersionTooLarge", "", ""),))
BROKEN = InternalError(500, "InternalError", "")


def busy(advice: float | None) -> TooManyRequests:
    return TooManyRequests(429, "TooManyRequests", "", retry_after_s=advice)


def pauses(uniform: float = 0.0) -> Pauses:
    return Pauses(ReflectorOptions(), lambda: 0.0, lambda: uniform)


def test_a_server_away_a_version_forgotten_and_everything_else_have_delays_of_their_own() -> None:
    given = pauses()
    errors = [REFUSED, CUT, EXPIRED, REFUSED, BROKEN, EXPIRED, busy(None), REFUSED, EXPIRED]
    delays = [given.after(error) for error in errors]
    assert delays == pytest.approx([0.4, 0.8, 0.1, 0.44, 1.6, 0.2, 3.2, 0.484, 0.4])
    assert [given.while_absent() for _ in range(5)] == pytest.approx([0.8, 1.6, 3.2, 6.4, 10.0])
    assert given.after(BROKEN) == pytest.approx(6.4)


@pytest.mark.parametrize(
    "error",
    [
        InvalidResponse("https://server", "a list", "<html>"),
        WatchIdle("https://server", "silent"),
        Forbidden(403, "Forbidden", "", retry_after_s=9.0),
        ZeroDivisionError(),
        busy(None),
        busy(0.0),
    ],
    ids=repr,
)
def test_what_is_neither_has_the_common_delays(error: Exception) -> None:
    given = pauses()
    assert [given.after(error), given.after(BROKEN)] == pytest.approx([0.8, 1.6])


def test_advice_is_followed_with_up_to_a_quarter_more_and_makes_nothing_longer() -> None:
    assert [pauses(uniform).after(busy(8.0)) for uniform in (0.0, 0.5, 1.0)] == pytest.approx([8.0, 9.0, 10.0])
    given = pauses()
    for _ in range(5):
        given.after(busy(1.0))
    assert [given.after(error) for error in (busy(1.0), BROKEN, REFUSED, EXPIRED)] == pytest.approx([1, 0.8, 0.4, 0.1])


@pytest.mark.parametrize(
    ("uniform", "refused", "expired", "other"), [(0.0, 0.4, 0.1, 0.8), (0.5, 0.5, 0.45, 1.2), (1.0, 0.6, 0.8, 1.6)]
)
def test_each_sort_is_spread_in_its_own_way(uniform: float, refused: float, expired: float, other: float) -> None:
    given = pauses(uniform)
    assert [given.after(error) for error in (REFUSED, EXPIRED, CUT)] == pytest.approx([refused, expired, other])


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (busy(1.0), 1.0),
        (busy(None), None),
        (busy(0.0), None),
        (ServiceUnavailable(503, "ServiceUnavailable", "", retry_after_s=2.0), 2.0),
        (InternalError(500, "InternalError", "", retry_after_s=3.0), 3.0),
        (Forbidden(499, "", "", retry_after_s=4.0), None),
        (Expired(410, "Expired", "", retry_after_s=1.0), None),
        (ServerTimeout(504, "Timeout", "Too large resource version: 9, current: 3", retry_after_s=1.0), None),
        (TooManyRequests(429, "", "", TOO_LARGE, retry_after_s=1.0), None),
        (CUT, None),
        (asyncio.CancelledError(), None),
    ],
)
def test_advice_counts_where_the_same_request_is_to_come_later(error: Exception, advice: float | None) -> None:
    assert advised_s(error) == advice
