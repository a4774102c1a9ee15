"""What is told of a trouble, and when."""

from collections.abc import MutableMapping

import pytest
import structlog

from omectl.informers.troubles import Troubles
from omectl.kube.errors import ConnectionFailed, Forbidden, InvalidResponse, Unauthorized

AWAY = ConnectionFailed("https://server", ConnectionRefusedError())
FORBIDDEN = Forbidden(403, "Forbidden", "no")


def told(troubles: Troubles, *at: float, error: Exception = AWAY) -> list[MutableMapping[str, object]]:
    with structlog.testing.capture_logs() as logs:
        for each in at:
            troubles.note(error, each)
    return logs


@pytest.mark.parametrize(
    ("at", "warnings"),
    [
        ((5.0,), 0),
        ((5.0, 9.0), 0),
        ((5.0, 5.9, 6.9), 0),
        ((5.0, 5.9, 7.0), 1),
        ((5.0, 5.1, 5.2, 6.99), 0),
        ((5.0, 5.1, 5.2, 7.1, 7.2), 1),
        ((0.0, 1.0, 2.0), 1),
    ],
)
def test_a_passing_trouble_is_told_from_the_third_time_and_two_seconds_on(at: tuple[float, ...], warnings: int) -> None:
    assert (
        told(Troubles("pods"), *at)
        == [{"event": "reflector_round_ended", "log_level": "warning", "reflector": "pods", "error": str(AWAY)}]
        * warnings
    )


@pytest.mark.parametrize("end", ["end_row", "end"])
def test_a_row_that_ended_begins_anew_in_number_and_time(end: str) -> None:
    troubles = Troubles("pods")
    assert told(troubles, 0.0, 1.0) == []
    getattr(troubles, end)()
    assert told(troubles, 10.0, 10.1, 11.9) == []
    assert len(told(troubles, 12.0)) == 1


@pytest.mark.parametrize(
    "error", [FORBIDDEN, Unauthorized(401, "", ""), InvalidResponse("https://server", "a list", "<html>")], ids=repr
)
def test_what_somebody_must_mend_is_told_at_once_and_once(error: Exception) -> None:
    assert [entry["error"] for entry in told(Troubles("pods"), *map(float, range(9)), error=error)] == [str(error)]


def test_after_a_long_calm_it_is_told_again() -> None:
    troubles = Troubles("pods")
    assert len(told(troubles, 0.0, error=FORBIDDEN)) == 1
    troubles.end()
    assert told(troubles, 1.0, error=FORBIDDEN) == []
    troubles.tell_again()
    assert len(told(troubles, 2.0, error=FORBIDDEN)) == 1


def test_the_last_one_is_kept_until_all_is_well() -> None:
    troubles = Troubles("pods")
    assert troubles.last is None
    troubles.note(AWAY, 0.0)
    troubles.note(FORBIDDEN, 1.0)
    assert troubles.last is FORBIDDEN
    troubles.end_row()
    troubles.tell_again()
    assert troubles.last is FORBIDDEN
    troubles.end()
    assert troubles.last is None
