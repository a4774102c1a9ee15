"""A journal that is cut, torn or foreign never makes anyone believe in bytes that are not there."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from omectl.modelagent.source import Digest, RemoteFile
from omectl.modelagent.transfer.journal import Journal, TransferName, WrittenRange, encode_line, read_journal

NAME = TransferName(
    "uid-1", "https://hub/org/model", "c" * 40, (RemoteFile("a", 100, None), RemoteFile("b", 50, Digest("sha256", "d")))
)


def _journal(*records: list[object]) -> bytes:
    return b"".join(map(encode_line, [NAME.fingerprint(), *records]))


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    journal, contents = Journal.resume(_open(tmp_path / "j"), NAME)
    assert contents is None
    journal.written(0, WrittenRange(0, 10, 7))
    journal.written(1, WrittenRange(20, 50, 8))
    journal.verified(0)
    journal.close()
    journal, contents = Journal.resume(_open(tmp_path / "j"), NAME)
    journal.close()
    assert contents is not None
    assert contents.written == {0: [WrittenRange(0, 10, 7)], 1: [WrittenRange(20, 50, 8)]}
    assert contents.verified == {0}


def test_another_transfer_s_journal_is_begun_anew(tmp_path: Path) -> None:
    journal, _ = Journal.resume(_open(tmp_path / "j"), NAME)
    journal.written(0, WrittenRange(0, 10, 7))
    journal.close()
    other = TransferName("uid-2", NAME.source, NAME.revision, NAME.files)
    journal, contents = Journal.resume(_open(tmp_path / "j"), other)
    journal.close()
    assert contents is None
    assert read_journal((tmp_path / "j").read_bytes(), NAME) is None


@given(st.integers(0, 400), st.binary(max_size=8))
def test_a_torn_tail_costs_only_the_tail(cut: int, noise: bytes) -> None:
    whole = _journal(*[["written", 0, start, start + 10, start] for start in range(0, 100, 10)])
    contents = read_journal(whole[:cut] + noise, NAME)
    if contents is not None:
        for piece in contents.written.get(0, []):
            assert piece.crc == piece.start


@given(st.data())
def test_a_flipped_bit_ends_the_reading_there(data: st.DataObject) -> None:
    whole = bytearray(_journal(["written", 0, 0, 10, 1], ["written", 0, 10, 20, 2]))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    contents = read_journal(bytes(whole), NAME)
    known = [WrittenRange(0, 10, 1), WrittenRange(10, 20, 2)]
    assert contents is None or contents.written.get(0, []) in ([], known[:1], known)


def test_ranges_outside_their_file_are_not_believed() -> None:
    for bad in (
        ["written", 0, 90, 101, 1],
        ["written", 2, 0, 1, 1],
        ["written", 0, 5, 5, 1],
        ["written", 0, -1, 5, 1],
        7,
    ):
        contents = read_journal(_journal() + encode_line(bad if isinstance(bad, list) else [bad]), NAME)
        assert contents is not None
        assert not contents.written


def test_a_discarded_range_is_forgotten_with_what_it_touches() -> None:
    contents = read_journal(
        _journal(["written", 0, 0, 10, 1], ["written", 0, 10, 20, 2], ["verified", 0], ["discarded", 0, 5, 6]), NAME
    )
    assert contents is not None
    assert contents.written[0] == [WrittenRange(10, 20, 2)]
    assert contents.verified == set()


def test_a_resumed_journal_is_cut_where_it_is_torn(tmp_path: Path) -> None:
    good = _journal(["written", 0, 0, 10, 1])
    (tmp_path / "j").write_bytes(good + b"0000 half a li")
    journal, _ = Journal.resume(_open(tmp_path / "j"), NAME)
    journal.written(0, WrittenRange(10, 20, 2))
    journal.close()
    contents = read_journal((tmp_path / "j").read_bytes(), NAME)
    assert contents is not None
    assert [piece.start for piece in contents.written[0]] == [0, 10]
