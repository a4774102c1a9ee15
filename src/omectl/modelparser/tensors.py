"""Safetensors headers: what a file holds, from its first bytes alone.

A file is eight bytes of header length (little endian), that many bytes of JSON, then the tensors' bytes.
Nothing here touches tensor data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

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


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its dtype as the format names it, its shape and its byte range after the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def elements(self) -> int:
        """Number of stored elements; 1 for a scalar."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """A checked header: dtypes known, sizes right, byte ranges adjoining and within the file."""

    tensors: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    length: int
    """Bytes before the tensors' data: the length field and the header."""
    data_bytes: int


class _Entry(msgspec.Struct, gc=False, frozen=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


_entry = msgspec.json.Decoder(_Entry, strict=True)
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
    text = prefix[LENGTH_BYTES:end]
    if not text.startswith(b"{"):
        raise ModelParseError(path, "header", f"byte {text[0]:#x} at the start", "a JSON object")
    if text.count(b"{") > MAX_TENSORS + 2:
        raise ModelParseError(path, "header", "too many tensors", f"at most {MAX_TENSORS}")
    metadata: dict[str, str] = {}
    tensors: list[Tensor] = []
    data_bytes = file_size - end
    for name, raw in _entries(text, path).items():
        if name == "__metadata__":
            metadata = _read_metadata(raw, path)
        else:
            tensors.append(_read_tensor(name, raw, data_bytes, path))
    tensors.sort(key=lambda tensor: (tensor.start, tensor.end))
    _check_coverage(tensors, data_bytes, path)
    return SafetensorsHeader(tuple(tensors), MappingProxyType(metadata), end, data_bytes)


def _entries(text: bytes, path: str) -> dict[str, msgspec.Raw]:
    try:
        return _raw_entries.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelParseError(path, "header", str(error), "a JSON object of tensors") from error


def _read_metadata(raw: msgspec.Raw, path: str) -> dict[str, str]:
    try:
        return _metadata.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelParseError(path, "__metadata__", str(error), "texts by name") from error


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
