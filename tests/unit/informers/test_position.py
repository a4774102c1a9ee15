"""What the next request asks for, by where a reflector is."""

import pytest

from omectl.informers.position import Position, is_lost
from omectl.kube.errors import ApiError, Cause, Details, Expired, InternalError, ServerTimeout

EXPIRED = Expired(410, "Expired", "too old resource version")
GONE = Expired(410, "Gone", "")
TOO_LARGE = ServerTimeout(504, "Timeout", "", Details(causes=(Cause("ResourceVersionTooLarge", "", ""),)))
TOO_LARGE_IN_WORDS = ServerTimeout(504, "Timeout", "Too large resource version: 9, current: 3")
OTHER = InternalError(500, "InternalError", "")
TIMEOUT = ServerTimeout(504, "Timeout", "the request took too long")


@pytest.mark.parametrize(
    ("position", "list_version", "stream_version", "page_size"),
    [
        (Position(), "0", "", 500),
        (Position("17"), "17", "17", 0),
        (Position("17", lost=True), "", "", 500),
        (Position(lost=True), "", "", 500),
        (Position("17", uncached=True), "17", "17", 500),
    ],
)
def test_versions_and_pages_follow_from_what_was_seen(
    position: Position, list_version: str, stream_version: str, page_size: int
) -> None:
    assert (position.list_version(), position.stream_version()) == (list_version, stream_version)
    assert position.page_size(None) == page_size
    assert position.page_size(3) == 3
    assert position.page_size(0) == 0


@pytest.mark.parametrize("error", [EXPIRED, GONE, TOO_LARGE, TOO_LARGE_IN_WORDS])
def test_a_refused_version_is_lost_once_and_a_list_gives_a_new_one(error: ApiError) -> None:
    position = Position("17")
    assert is_lost(error)
    assert position.lose(error)
    assert position == Position("17", lost=True)
    assert not position.lose(error)
    position.listed("20")
    assert position == Position("20")
    assert position.lose(error)


@pytest.mark.parametrize("error", [OTHER, TIMEOUT])
def test_other_refusals_leave_the_version_alone(error: ApiError) -> None:
    position = Position("17")
    assert not position.lose(error)
    assert position == Position("17")
