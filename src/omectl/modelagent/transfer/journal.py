"""The journal of a transfer: what has been written to disk so far, so that a killed process fetches none of it again.

One line per fact, appended with a single write: `<CRC32C of the rest, 8 hex digits> <JSON array>`. The first line names
the transfer; a reader takes lines until the first one that is torn or foreign, and the file is cut there. A `written`
line says that bytes were handed to the kernel, and carries their CRC32C: a process may die at any point without losing
it, and after a power cut the CRC tells whether the bytes made it. A `verified` line is appended only after the file was
synced and renamed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import cast

import msgspec
from crc32c import crc32c

from omectl.modelagent.source import RemoteFile

_VERSION = 1


@dataclass(frozen=True, slots=True)
class WrittenRange:
    """Bytes of a file that are on disk, and their CRC32C."""

    start: int
    end: int
    crc: int


@dataclass(frozen=True, slots=True)
class TransferName:
    """What a journal belongs to; a journal of anything else is worthless."""

    uid: str
    source: str
    revision: str
    files: tuple[RemoteFile, ...]

    def fingerprint(self) -> list[object]:
        files = [[file.path, file.size, file.digest.value if file.digest else ""] for file in self.files]
        return ["transfer", _VERSION, self.uid, self.source, self.revision, files]


@dataclass(slots=True)
class JournalContents:
    """What a journal says: per file number the ranges written and not discarded, and the files that are done."""

    written: dict[int, list[WrittenRange]] = field(default_factory=dict[int, list[WrittenRange]])
    verified: set[int] = field(default_factory=set[int])
    length: int = 0


class Journal:
    """An open journal; `append` methods may be called from any thread (O_APPEND, one write per line)."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def resume(cls, descriptor: int, name: TransferName) -> tuple[Journal, JournalContents | None]:
        """Take over a file open for reading and appending; contents are None when it was new or another transfer's."""
        journal = cls(descriptor)
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            stream.seek(0)
            data = stream.read()
        contents = read_journal(data, name)
        if contents is None:
            os.ftruncate(descriptor, 0)
            journal._append(name.fingerprint())
        elif contents.length < len(data):
            os.ftruncate(descriptor, contents.length)
        return journal, contents

    def written(self, file: int, piece: WrittenRange) -> None:
        self._append(["written", file, piece.start, piece.end, piece.crc])

    def discarded(self, file: int, start: int, end: int) -> None:
        """Bytes `start` to `end` of the file are not to be trusted after all."""
        self._append(["discarded", file, start, end])

    def verified(self, file: int) -> None:
        self._append(["verified", file])

    def close(self) -> None:
        os.close(self._descriptor)

    def _append(self, record: list[object]) -> None:
        line = encode_line(record)
        if os.write(self._descriptor, line) != len(line):
            raise OSError(f"the journal took only part of a line of {len(line)} bytes; the disk is probably full")


def encode_line(record: list[object]) -> bytes:
    body = msgspec.json.encode(record)
    return b"%08x %s\n" % (crc32c(body), body)


def read_journal(data: bytes, name: TransferName) -> JournalContents | None:
    """Fold a journal's bytes; None when it is not the journal of `name`."""
    contents = JournalContents()
    expected = msgspec.json.decode(msgspec.json.encode(name.fingerprint()))
    position = 0
    while (end := data.find(b"\n", position)) >= 0:
        record = _decode_line(data[position:end])
        if record is None:
            break
        if position == 0:
            if record != expected:
                return None
        elif not _fold(contents, record, name.files):
            break
        position = end + 1
    contents.length = position
    return contents if position else None


def _decode_line(line: bytes) -> list[object] | None:
    checksum, separator, body = line.partition(b" ")
    try:
        if separator and int(checksum, 16) == crc32c(body):
            record = msgspec.json.decode(body)
            return cast("list[object]", record) if isinstance(record, list) else None
    except ValueError:
        pass
    return None


def _fold(contents: JournalContents, record: list[object], files: tuple[RemoteFile, ...]) -> bool:
    match record:
        case ["written", int(file), int(start), int(end), int(crc)] if (
            0 <= file < len(files) and 0 <= start < end <= files[file].size
        ):
            contents.written.setdefault(file, []).append(WrittenRange(start, end, crc))
        case ["discarded", int(file), int(start), int(end)] if 0 <= file < len(files):
            pieces = contents.written.get(file, [])
            contents.written[file] = [piece for piece in pieces if piece.end <= start or piece.start >= end]
            contents.verified.discard(file)
        case ["verified", int(file)] if 0 <= file < len(files):
            contents.verified.add(file)
        case _:
            return False
    return True
