"""Writes GGUF headers for the parser's tests."""

import struct
from collections.abc import Mapping, Sequence

_KINDS = {bool: (7, "<?"), int: (4, "<I"), float: (6, "<f")}


class RawValue(bytes):
    """A field's type and value as they stand in the file."""


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def value(item: object) -> bytes:
    if isinstance(item, RawValue):
        return item
    if isinstance(item, str):
        return struct.pack("<I", 8) + text(item)
    if isinstance(item, list):
        inner = [value(part) for part in item]
        kind = inner[0][:4] if inner else struct.pack("<I", 4)
        return struct.pack("<I", 9) + kind + struct.pack("<Q", len(item)) + b"".join(part[4:] for part in inner)
    kind, form = _KINDS[type(item)]
    return struct.pack("<I", kind) + struct.pack(form, item)


def tensor(name: str, shape: Sequence[int], kind: int = 0, offset: int = 0) -> bytes:
    sizes = struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", size) for size in shape)
    return text(name) + sizes + struct.pack("<IQ", kind, offset)


def gguf(
    fields: Mapping[str, object] | Sequence[tuple[str, object]],
    tensors: Sequence[bytes] = (),
    *,
    version: int = 3,
    tensor_count: int | None = None,
    field_count: int | None = None,
) -> bytes:
    pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
    counts = (
        len(tensors) if tensor_count is None else tensor_count,
        len(pairs) if field_count is None else field_count,
    )
    head = b"GGUF" + struct.pack("<I", version) + struct.pack("<QQ", *counts)
    return head + b"".join(text(name) + value(item) for name, item in pairs) + b"".join(tensors)
