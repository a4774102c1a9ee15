"""Safetensors headers: what a file holds, from its first bytes alone.

A file is eight bytes of header length (little endian), that many bytes of JSON, then the tensors' bytes.
Nothing here touches tensor data.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from operator import eq
from types import MappingProxyType
from typing import Annotated, Literal, overload

import msgspec

from omectl.modelparser.errors import ModelParseError

LENGTH_BYTES = 8
MAX_HEADER = 100_000_000
"""Longest header that the format's own reader accepts, in bytes."""
MAX_TENSORS = 250_000
"""Most tensors of one file; the largest models have half as many in all."""
_MAX_RANK = 64
_MAX_ELEMENTS = 1 << 60

BITS: Mapping[str, int] = MappingProxyType(
    {
        "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
        "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64,
    }
)  # fmt: skip
"""Bits of one element by the format's dtype names."""


class Tensor(msgspec.Struct, gc=False, frozen=True):
    """One tensor: its dtype as the format names it, its shape and its byte range after the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def elements(self) -> int:
        """Number of stored elements; 1 for a scalar."""
        return prod(self.shape)


@dataclass(slots=True, eq=False)
class Tensors(Sequence[Tensor]):
    """The tensors of a file, by their places in it. Kept in columns: as objects they would take five times as much."""

    _names: list[str] = field(default_factory=list[str])
    _dtypes: list[str] = field(default_factory=list[str])
    _shapes: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    _starts: "array[int]" = field(default_factory=lambda: array("q"))
    _ends: "array[int]" = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Tensor]:
        return map(Tensor, self._names, self._dtypes, self._shapes, self._starts, self._ends)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Tensor, ...]: ...
    def __getitem__(self, index: int | slice) -> Tensor | tuple[Tensor, ...]:
        if isinstance(index, slice):
            return tuple(self[one] for one in range(*index.indices(len(self))))
        return Tensor(
            self._names[index], self._dtypes[index], self._shapes[index], self._starts[index], self._ends[index]
        )

    def add(self, tensor: Tensor) -> None:
        """Behind the others."""
        self._names.append(tensor.name)
        self._dtypes.append(tensor.dtype)
        self._shapes.append(tensor.shape)
        self._starts.append(tensor.start)
        self._ends.append(tensor.end)

    def take(self, entries: "Mapping[str, _Entry]", shapes: dict[tuple[int, ...], tuple[int, ...]]) -> bool:
        """Add entries whose bytes fit their shapes; False when one does not, or has none. `shapes`: those met."""
        starts, ends = self._starts, self._ends
        dtypes, alike = self._dtypes, self._shapes
        for entry in entries.values():
            start, end = entry.data_offsets
            shape = entry.shape
            dtype, bits = _KINDS.get(entry.dtype, _UNKNOWN)
            elements = prod(shape)
            if not elements or (end - start) * 8 != elements * bits:
                return False
            starts.append(start)
            ends.append(end)
            dtypes.append(dtype)
            alike.append(shapes.setdefault(shape, shape))
        self._names += entries
        return True

    @property
    def distinct(self) -> bool:
        """Whether no two have the same name. Sorted, as a set would take as much memory as the names themselves."""
        ordered = sorted(self._names)
        return not any(map(eq, ordered, islice(ordered, 1, None)))

    def in_order(self) -> "Tensors":
        """The same by their places in the file: a header may name them in any order."""
        order = sorted(range(len(self)), key=self._starts.__getitem__)
        return Tensors(
            [self._names[one] for one in order],
            [self._dtypes[one] for one in order],
            [self._shapes[one] for one in order],
            array("q", (self._starts[one] for one in order)),
            array("q", (self._ends[one] for one in order)),
        )

    def cover(self, data_bytes: int) -> bool:
        """Whether they adjoin in this order, from the first byte of the data to the last."""
        if not self._names:
            return data_bytes == 0
        return self._starts[0] == 0 and self._ends[-1] == data_bytes and self._starts[1:] == self._ends[:-1]


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """A checked header: dtypes known, sizes right, byte ranges adjoining and within the file."""

    tensors: Sequence[Tensor]
    metadata: Mapping[str, str]
    length: int
    """Bytes before the tensors' data: the length field and the header."""
    data_bytes: int


class _Entry(msgspec.Struct, gc=False, frozen=True):
    dtype: str
    shape: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0)], ...], msgspec.Meta(max_length=_MAX_RANK)]
    data_offsets: tuple[int, int]


class _AnyEntry(msgspec.Struct, gc=False, frozen=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


_KINDS: Mapping[str, tuple[str, int]] = {name: (name, bits) for name, bits in BITS.items()}
_UNKNOWN = ("", -1)
_PIECE = 1 << 12
"""Bytes of the header that are objects of Python at one time, roughly."""
_BETWEEN = b'},"'
_METADATA = "__metadata__"
_FIRST = b'{"__metadata__":{'
_entries_of = msgspec.json.Decoder(dict[str, _Entry], strict=True)
_only_metadata = msgspec.json.Decoder(dict[Literal["__metadata__"], dict[str, str]], strict=True)
_entry = msgspec.json.Decoder(_AnyEntry, strict=True)
_raw_entries = msgspec.json.Decoder(dict[str, msgspec.Raw])
_metadata = msgspec.json.Decoder(dict[str, str])


def header_bytes(prefix: bytes, file_size: int, *, path: str = "model.safetensors") -> int:
    """How many bytes from the file's start the header takes, from its first eight bytes."""
    if file_size < LENGTH_BYTES or len(prefix) < LENGTH_BYTES:
        found = f"{min(file_size, len(prefix))} bytes"
        raise ModelParseError(path, "header length", found, f"a safetensors file of at least {LENGTH_BYTES} bytes")
    length = int.from_bytes(prefix[:LENGTH_BYTES], "little")
    if length > MAX_HEADER:
        raise ModelParseError(path, "header length", length, f"at most {MAX_HEADER}")
    if length < 2:
        raise ModelParseError(path, "header length", length, "a JSON object")
    if LENGTH_BYTES + length > file_size:
        raise ModelParseError(path, "header length", length, f"a header inside the file's {file_size} bytes")
    return LENGTH_BYTES + length


def parse_safetensors_header(prefix: bytes, file_size: int, *, path: str = "model.safetensors") -> SafetensorsHeader:
    """The header in a file's first bytes; `ModelParseError` when it is cut, malformed or inconsistent."""
    end = header_bytes(prefix, file_size, path=path)
    if len(prefix) < end:
        raise ModelParseError(path, "header", f"{len(prefix)} bytes", f"all {end} bytes of the header")
    if prefix[LENGTH_BYTES : LENGTH_BYTES + 1] != b"{":
        raise ModelParseError(path, "header", f"byte {prefix[LENGTH_BYTES]:#x} at the start", "a JSON object")
    if prefix.count(b"{", LENGTH_BYTES, end) > MAX_TENSORS + 2:
        raise ModelParseError(path, "header", "too many tensors", f"at most {MAX_TENSORS}")
    data_bytes = file_size - end
    found = _read_by_pieces(prefix, end, data_bytes)
    tensors, metadata = found or _read_one_by_one(prefix[LENGTH_BYTES:end], data_bytes, path)
    return SafetensorsHeader(tensors, MappingProxyType(metadata), end, data_bytes)


def _read_by_pieces(prefix: bytes, end: int, data_bytes: int) -> tuple[Tensors, dict[str, str]] | None:
    """The header in one pass over pieces, as nearly every file has it; None when something is unusual or wrong.

    A piece ends between two tensors. Where it seems to but does not (in a name), it is no JSON.
    """
    tensors = Tensors()
    metadata: dict[str, str] = {}
    shapes: dict[tuple[int, ...], tuple[int, ...]] = {}
    at, pieces = LENGTH_BYTES + 1, _PIECE
    if prefix.startswith(_FIRST, LENGTH_BYTES):
        pieces = 0  # the first piece is what stands before the first tensor
    try:
        while at < end:
            cut = prefix.find(_BETWEEN, at + pieces, end)
            piece = b"{" + (prefix[at : cut + 1] + b"}" if cut >= 0 else prefix[at:end])
            at, pieces = cut + 2 if cut >= 0 else end, _PIECE
            if _METADATA.encode() in piece:
                (metadata,) = _only_metadata.decode(piece).values()
                continue
            entries = _entries_of.decode(piece)
            if not tensors.take(entries, shapes):
                return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
    if not tensors.distinct:
        return None
    if not tensors.cover(data_bytes):
        tensors = tensors.in_order()
    return (tensors, metadata) if tensors.cover(data_bytes) else None


def _read_one_by_one(text: bytes, data_bytes: int, path: str) -> tuple[Tensors, dict[str, str]]:
    """The same for any order and notation; ModelParseError names what is wrong."""
    metadata: dict[str, str] = {}
    found: list[Tensor] = []
    for name, raw in _entries(text, path).items():
        if name == _METADATA:
            metadata = _read_metadata(raw, path)
        else:
            found.append(_read_tensor(name, raw, data_bytes, path))
    found.sort(key=lambda tensor: (tensor.start, tensor.end))
    _check_coverage(found, data_bytes, path)
    tensors = Tensors()
    for tensor in found:
        tensors.add(tensor)
    return tensors, metadata


def _entries(text: bytes, path: str) -> dict[str, msgspec.Raw]:
    try:
        return _raw_entries.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelParseError(path, "header", str(error), "a JSON object of tensors") from error


def _read_metadata(raw: msgspec.Raw, path: str) -> dict[str, str]:
    try:
        return _metadata.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelParseError(path, _METADATA, str(error), "texts by name") from error


def _read_tensor(name: str, raw: msgspec.Raw, data_bytes: int, path: str) -> Tensor:
    try:
        entry = _entry.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelParseError(path, name, str(error), "dtype, shape and data_offsets") from error
    bits = BITS.get(entry.dtype)
    if bits is None:
        raise ModelParseError(path, f"{name}.dtype", entry.dtype, "a dtype of the safetensors format")
    if len(entry.shape) > _MAX_RANK:
        raise ModelParseError(path, f"{name}.shape", f"{len(entry.shape)} dimensions", f"at most {_MAX_RANK}")
    elements = 1
    for size in entry.shape:
        if size < 0 or elements * max(size, 1) > _MAX_ELEMENTS:
            raise ModelParseError(path, f"{name}.shape", str(entry.shape), "sizes of zero or more within reason")
        elements *= size
    start, end = entry.data_offsets
    if not 0 <= start <= end <= data_bytes:
        raise ModelParseError(path, f"{name}.data_offsets", f"{start}..{end}", f"a range within 0..{data_bytes}")
    if (end - start) * 8 != elements * bits:
        raise ModelParseError(
            path,
            f"{name}.data_offsets",
            f"{end - start} bytes",
            f"{elements * bits / 8:g} for {entry.dtype} {entry.shape}",
        )
    return Tensor(name, entry.dtype, tuple(entry.shape), start, end)


def _check_coverage(tensors: list[Tensor], data_bytes: int, path: str) -> None:
    reached = 0
    for tensor in tensors:
        if tensor.start != reached:
            found = f"{tensor.start}..{tensor.end} after byte {reached}"
            raise ModelParseError(path, f"{tensor.name}.data_offsets", found, "ranges that adjoin without overlap")
        reached = tensor.end
    if reached != data_bytes:
        found = f"{data_bytes} bytes of data, {reached} of them named"
        raise ModelParseError(path, "header", found, "every byte of the file to belong to a tensor")
