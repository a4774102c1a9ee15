"""GGUF headers: what a file says of its model and which tensors it holds, from its first bytes alone.

A file is the letters GGUF, a version, the numbers of tensors and of fields, the fields (name, type, value), then each
tensor's name, dimensions, type and place. All numbers are little endian. Lists, such as the vocabulary, are walked over
and only their length is kept; texts that are fields are kept up to a limit.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from omectl.modelparser.errors import ModelParseError

MAX_GGUF_HEADER: Final = 100_000_000
"""Longest header that is read, in bytes; vocabularies of a million words take a third of it."""
MAX_FIELDS: Final = 10_000
MAX_GGUF_TENSORS: Final = 250_000
_MAX_NAME = 4096
_MAX_TEXT = 1 << 20
_MAX_LIST = 1 << 24
_MAX_LIST_DEPTH = 4
_MAX_RANK = 8
_MAX_ELEMENTS = 1 << 60
_MAGIC = b"GGUF"
_VERSIONS = frozenset({2, 3})
_SCALARS: Final[Mapping[int, str]] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_TEXT, _LIST = 8, 9
TYPE_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 9: "q8_1", 10: "q2_k", 11: "q3_k",
        12: "q4_k", 13: "q5_k", 14: "q6_k", 15: "q8_k", 16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs", 19: "iq1_s",
        20: "iq4_nl", 21: "iq3_s", 22: "iq2_s", 23: "iq4_xs", 24: "i8", 25: "i16", 26: "i32", 27: "i64", 28: "f64",
        29: "iq1_m", 30: "bf16", 34: "tq1_0", 35: "tq2_0", 39: "mxfp4", 40: "nvfp4",
    }
)  # fmt: skip
"""Names of the types of tensors. A number that is not here is a newer type: counted all the same."""

Scalar = int | float | bool | str


class HeaderCutError(Exception):
    """The bytes end before the header does; `needed` is how many it takes at least."""

    def __init__(self, needed: int) -> None:
        super().__init__(f"at least {needed} bytes are needed")
        self.needed = needed


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor: name, dimensions and the number of its type."""

    name: str
    shape: tuple[int, ...]
    kind: int

    @property
    def elements(self) -> int:
        """Number of weights, however they are packed."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """A checked header. `lengths` has the number of items of the fields that are lists."""

    version: int
    fields: Mapping[str, Scalar]
    lengths: Mapping[str, int]
    tensors: tuple[GgufTensor, ...]

    def count_of(self, name: str) -> int | None:
        """A positive whole number among the architecture's own fields, within 32 bits."""
        value = self.fields.get(f"{self.architecture}.{name}")
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else None

    @property
    def templates(self) -> tuple[str, ...]:
        """The chat template, when there is one."""
        found = self.fields.get("tokenizer.chat_template")
        return (found,) if isinstance(found, str) and found.strip() else ()

    @property
    def architecture(self) -> str:
        """The model's architecture by llama.cpp's name; "" when it isn't said."""
        kind = self.fields.get("general.architecture")
        return kind if isinstance(kind, str) and kind.isprintable() and len(kind) <= 200 else ""


def parse_gguf_header(prefix: bytes, file_size: int, *, path: str = "model.gguf") -> GgufHeader:
    """The header at a file's start. HeaderCutError when `prefix` is too short and the file has more.

    Raises: `ModelParseError`, naming the field.
    """
    reader = _Reader(prefix, file_size, path)
    if reader.take(4, "magic") != _MAGIC:
        raise ModelParseError(path, "magic", repr(prefix[:4]), "the letters GGUF")
    version = reader.number("<I", "version")
    if version not in _VERSIONS:
        swapped = int(version) >> 24 and not int(version) & 0xFFFFFF
        found = f"{version} (a big-endian file)" if swapped else str(version)
        raise ModelParseError(path, "version", found, "version 2 or 3")
    tensor_count = reader.count("tensor_count", MAX_GGUF_TENSORS)
    field_count = reader.count("metadata_kv_count", MAX_FIELDS)
    fields: dict[str, Scalar] = {}
    lengths: dict[str, int] = {}
    for _ in range(field_count):
        name = reader.text("metadata key", _MAX_NAME)
        if name in fields or name in lengths:
            raise ModelParseError(path, name, "a repeated key", "each key once")
        kind = int(reader.number("<I", name))
        if kind == _LIST:
            lengths[name] = reader.skip_list(name, 1)
        else:
            fields[name] = reader.value(kind, name)
    tensors = _read_tensors(reader, tensor_count)
    return GgufHeader(int(version), MappingProxyType(fields), MappingProxyType(lengths), tensors)


def _read_tensors(reader: "_Reader", count: int) -> tuple[GgufTensor, ...]:
    tensors: dict[str, GgufTensor] = {}
    for _ in range(count):
        name = reader.text("tensor name", _MAX_NAME)
        if name in tensors:
            raise ModelParseError(reader.path, name, "a repeated tensor", "each tensor once")
        rank = int(reader.number("<I", f"{name}.n_dimensions"))
        if rank > _MAX_RANK:
            raise ModelParseError(reader.path, f"{name}.n_dimensions", str(rank), f"at most {_MAX_RANK}")
        shape: list[int] = []
        elements = 1
        for _ in range(rank):
            size = int(reader.number("<Q", f"{name}.dimensions"))
            if elements * max(size, 1) > _MAX_ELEMENTS:
                raise ModelParseError(reader.path, f"{name}.dimensions", str([*shape, size]), "sizes within reason")
            elements *= size
            shape.append(size)
        kind = int(reader.number("<I", f"{name}.type"))
        offset = int(reader.number("<Q", f"{name}.offset"))
        if offset > reader.file_size:
            wanted = f"a place within the file's {reader.file_size} bytes"
            raise ModelParseError(reader.path, f"{name}.offset", str(offset), wanted)
        tensors[name] = GgufTensor(name, tuple(shape), kind)
    return tuple(tensors.values())


class _Reader:
    """Walks over the bytes, and knows when they end too early."""

    def __init__(self, data: bytes, file_size: int, path: str) -> None:
        self.path = path
        self.file_size = file_size
        self._data = data
        self._at = 0

    def take(self, length: int, field: str) -> bytes:
        end = self._at + length
        if end > self.file_size:
            found = f"{self.file_size} bytes"
            raise ModelParseError(self.path, field, found, f"a file of at least {end} bytes, or the rest of this one")
        if end > MAX_GGUF_HEADER:
            raise ModelParseError(self.path, field, f"a header beyond {end} bytes", f"at most {MAX_GGUF_HEADER}")
        if end > len(self._data):
            raise HeaderCutError(end)
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, form: str, field: str) -> int | float | bool:
        return struct.unpack(form, self.take(struct.calcsize(form), field))[0]

    def count(self, field: str, most: int) -> int:
        found = int(self.number("<Q", field))
        if found > most:
            raise ModelParseError(self.path, field, str(found), f"at most {most}")
        return found

    def text(self, field: str, most: int) -> str:
        length = int(self.number("<Q", field))
        if length > most:
            raise ModelParseError(self.path, field, f"a text of {length} bytes", f"at most {most}")
        data = self.take(length, field)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise ModelParseError(self.path, field, f"byte {data[error.start]:#x}", "text in UTF-8") from error

    def value(self, kind: int, field: str) -> Scalar:
        if kind == _TEXT:
            return self.text(field, _MAX_TEXT)
        form = _SCALARS.get(kind)
        if form is None:
            raise ModelParseError(self.path, field, f"the type {kind}", "a type of the format")
        return self.number(form, field)

    def skip_list(self, field: str, depth: int) -> int:
        """Walk over a list; its length."""
        kind, length = int(self.number("<I", field)), self.count(field, _MAX_LIST)
        if depth > _MAX_LIST_DEPTH:
            raise ModelParseError(self.path, field, "deeply nested lists", f"at most {_MAX_LIST_DEPTH} levels")
        if (form := _SCALARS.get(kind)) is not None:
            self.take(struct.calcsize(form) * length, field)
        elif kind in {_TEXT, _LIST}:
            skip: Callable[[], object] = (
                (lambda: self._skip_text(field)) if kind == _TEXT else (lambda: self.skip_list(field, depth + 1))
            )
            # Each item takes eight bytes at least, which bounds the walk by the header's limit.
            for _ in range(length):
                skip()
        else:
            raise ModelParseError(self.path, field, f"a list of the type {kind}", "a type of the format")
        return length

    def _skip_text(self, field: str) -> None:
        length = int(self.number("<Q", field))
        if length > _MAX_TEXT:
            raise ModelParseError(self.path, field, f"a text of {length} bytes", f"at most {_MAX_TEXT}")
        self.take(length, field)
