"""What many objects repeat is decoded once, and not collected without end."""

import pytest
from msgspec import Raw

from omectl.informers.repeated import Repeated


class Decoder:
    """Decodes bytes to a list of them, notes each call, and refuses what begins with a question mark."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, written: bytes) -> list[bytes]:
        self.asked.append(written)
        if written.startswith(b"?"):
            raise ValueError("not decodable")
        return [written]


def test_what_is_written_alike_is_one_value() -> None:
    decode = Decoder()
    repeated = Repeated(decode)
    first, other, again = (repeated.of(Raw(each)) for each in (b"a", b"b", b"a"))
    assert (first, other) == ([b"a"], [b"b"])
    assert again is first
    assert decode.asked == [b"a", b"b"]
    assert len(repeated) == 2


def test_beyond_the_most_it_begins_anew() -> None:
    decode = Decoder()
    repeated = Repeated(decode, most=2)
    lengths: list[int] = []
    for written in (b"a", b"b", b"b", b"c", b"a"):
        assert repeated.of(Raw(written)) == [written]
        lengths.append(len(repeated))
    assert lengths == [1, 2, 2, 1, 2]
    assert decode.asked == [b"a", b"b", b"c", b"a"]


def test_it_keeps_a_thousand_values_unless_told_otherwise() -> None:
    repeated = Repeated(Decoder())
    for number in range(1024):
        repeated.of(Raw(str(number).encode()))
    assert len(repeated) == 1024
    repeated.of(Raw(b"one more"))
    assert len(repeated) == 1


def test_what_cannot_be_decoded_is_refused_each_time() -> None:
    decode = Decoder()
    repeated = Repeated(decode)
    for _ in range(2):
        with pytest.raises(ValueError, match="not decodable"):
            repeated.of(Raw(b"?"))
    assert decode.asked == [b"?", b"?"]
    assert len(repeated) == 0
