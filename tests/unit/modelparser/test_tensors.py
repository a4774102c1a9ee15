"""Safetensors headers: what the format's own library writes is read alike, what is broken is refused by name."""

import json
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from omectl.modelparser import ModelParseError, header_bytes, parse_safetensors_header
from omectl.modelparser.tensors import BITS, MAX_HEADER, MAX_TENSORS

_DTYPES = {
    "F64": numpy.float64, "F32": numpy.float32, "F16": numpy.float16, "I64": numpy.int64, "I32": numpy.int32,
    "I16": numpy.int16, "I8": numpy.int8, "U8": numpy.uint8, "BOOL": numpy.bool_,
}  # fmt: skip
_tensors = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).filter(
        lambda name: name != "__metadata__"
    ),
    st.tuples(st.sampled_from(sorted(_DTYPES)), st.lists(st.integers(0, 4), max_size=3)),
    max_size=5,
)


def packed(header: object, data_bytes: int = 0) -> tuple[bytes, int]:
    """A file's first bytes and its size."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text, 8 + len(text) + data_bytes


def tensor(dtype: str = "F32", shape: list[int] | None = None, offsets: list[int] | None = None) -> dict[str, object]:
    return {"dtype": dtype, "shape": [2] if shape is None else shape, "data_offsets": offsets or [0, 8]}


@settings(deadline=None)
@given(_tensors, st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2))
def test_what_the_library_writes_is_read_alike(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, tuple[str, list[int]]], metadata: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("t") / "model.safetensors"
    save_file(
        {name: numpy.zeros(shape, _DTYPES[dtype]) for name, (dtype, shape) in tensors.items()}, path, metadata or None
    )
    header = parse_safetensors_header(path.read_bytes(), path.stat().st_size)
    with safe_open(path, "numpy") as reference:
        assert {t.name: (t.dtype, list(t.shape)) for t in header.tensors} == {
            name: (view.get_dtype(), view.get_shape())
            for name in reference.keys()  # noqa: SIM118 - not a mapping
            for view in [reference.get_slice(name)]
        }
        assert dict(header.metadata) == (reference.metadata() or {})


def test_a_real_model_has_the_tensors_that_the_library_finds(minilm: Path) -> None:
    path = minilm / "model.safetensors"
    with path.open("rb") as file:
        end = header_bytes(file.read(8), path.stat().st_size)
        file.seek(0)
        header = parse_safetensors_header(file.read(end), path.stat().st_size)
    with safe_open(path, "numpy") as reference:
        shapes = {name: tuple(reference.get_slice(name).get_shape()) for name in reference.keys()}  # noqa: SIM118
    assert {t.name: t.shape for t in header.tensors} == shapes
    assert header.length + header.data_bytes == path.stat().st_size


def test_only_the_header_is_needed() -> None:
    prefix, size = packed({"a": tensor(shape=[1 << 20], offsets=[0, 4 << 20])}, 4 << 20)
    assert parse_safetensors_header(prefix, size).tensors[0].elements == 1 << 20


@pytest.mark.parametrize(
    ("header", "data_bytes", "field", "wanted"),
    [
        ({"a": tensor(dtype="F99")}, 8, "a.dtype", "dtype of the safetensors format"),
        ({"a": tensor(shape=[-1])}, 8, "a.shape", "zero or more"),
        ({"a": tensor(shape=[2**40, 2**40])}, 8, "a.shape", "within reason"),
        ({"a": tensor(shape=[1] * 65)}, 8, "a.shape", "at most 64"),
        ({"a": tensor(offsets=[0, 9])}, 8, "a.data_offsets", "within 0..8"),
        ({"a": tensor(offsets=[8, 0])}, 8, "a.data_offsets", "within 0..8"),
        ({"a": tensor(offsets=[0, 4])}, 4, "a.data_offsets", "8 for F32"),
        ({"a": tensor(), "b": tensor(offsets=[4, 12])}, 12, "b.data_offsets", "without overlap"),
        ({"a": tensor(), "b": tensor(offsets=[12, 20])}, 20, "b.data_offsets", "without overlap"),
        ({"a": tensor()}, 9, "header", "every byte of the file"),
        ({"a": tensor(shape=[2.5])}, 8, "a", "dtype, shape and data_offsets"),  # type: ignore[list-item]
        ({"a": {"dtype": "F32"}}, 8, "a", "dtype, shape and data_offsets"),
        ({"a": 1}, 8, "a", "dtype, shape and data_offsets"),
        ({"__metadata__": {"a": 1}}, 0, "__metadata__", "texts by name"),
        ([], 0, "header", "a JSON object"),
        (b'{"a": NaN}', 0, "header", "a JSON object of tensors"),
        (b'{"a": ' + b"[" * 9000 + b"]" * 9000 + b"}", 0, "header", "a JSON object of tensors"),
        (b'{"\xff": 1}', 0, "header", "a JSON object of tensors"),
        (b'{"a"', 0, "header", "a JSON object of tensors"),
        (b"{" * (MAX_TENSORS + 3), 0, "header", f"at most {MAX_TENSORS}"),
    ],
)
def test_a_broken_header_is_refused_with_the_field(header: object, data_bytes: int, field: str, wanted: str) -> None:
    prefix, size = packed(header, data_bytes)
    with pytest.raises(ModelParseError) as caught:
        parse_safetensors_header(prefix, size, path="w/x.safetensors")
    assert caught.value.file == "w/x.safetensors"
    assert caught.value.field == field
    assert wanted in caught.value.wanted


@pytest.mark.parametrize(
    ("prefix", "size", "wanted"),
    [
        (b"", 0, "at least 8 bytes"),
        (b"\1\2\3\4\5", 5, "at least 8 bytes"),
        (b"\xff" * 8, 1 << 40, f"at most {MAX_HEADER}"),
        ((100).to_bytes(8, "little"), 50, "inside the file's 50 bytes"),
        ((1).to_bytes(8, "little"), 50, "a JSON object"),
    ],
)
def test_an_absurd_header_length_is_refused_from_eight_bytes(prefix: bytes, size: int, wanted: str) -> None:
    with pytest.raises(ModelParseError) as caught:
        header_bytes(prefix, size)
    assert wanted in caught.value.wanted


def test_a_header_cut_short_says_how_much_is_missing() -> None:
    prefix, size = packed({"a": tensor()}, 8)
    with pytest.raises(ModelParseError, match=f"all {len(prefix)} bytes"):
        parse_safetensors_header(prefix[:-1], size)


def test_any_order_and_notation_is_read() -> None:
    text = (
        b'{"b":{"shape":[1],"data_offsets":[1,2],"dtype":"U8","more":{"x":[{}]}},\n "a\\u0021":'
        b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"k":"},\\""}}   '
    )
    header = parse_safetensors_header(*packed(text, 2))
    assert [(t.name, t.start, t.end) for t in header.tensors] == [("a!", 0, 1), ("b", 1, 2)]
    assert dict(header.metadata) == {"k": '},"'}


@pytest.mark.parametrize("odd", ["x},", "},", '{"', '"},"', "__metadata__x", "\u2028", "é" * 3])
def test_names_that_look_like_the_end_of_a_tensor_are_names(odd: str) -> None:
    names = [f"{odd}{number}" for number in range(300)]
    entries = {name: tensor("U8", [1], [at, at + 1]) for at, name in enumerate([*names, odd])}
    header = parse_safetensors_header(*packed(json.dumps(entries, separators=(",", ":")).encode(), 301))
    assert [t.name for t in header.tensors] == [*names, odd]
    assert header.tensors[300].start == 300
    assert [t.name for t in header.tensors[1:3]] == names[1:3]


def test_a_tensor_named_again_far_away_is_refused() -> None:
    entry = '"%s":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}'
    names = ["first", *(f"other.{number}" for number in range(300)), "first"]
    text = "{" + ",".join(entry % (name, at, at + 1) for at, name in enumerate(names)) + "}"
    with pytest.raises(ModelParseError) as caught:
        parse_safetensors_header(*packed(text.encode(), len(names)))
    assert caught.value.field == "other.0.data_offsets"


def test_what_is_wrong_far_in_is_named_all_the_same() -> None:
    entries = {f"t.{at}": tensor("U8", [1], [at, at + 1]) for at in range(500)}
    entries["t.450"]["shape"] = [2]
    with pytest.raises(ModelParseError) as caught:
        parse_safetensors_header(*packed(entries, 500))
    assert (caught.value.field, caught.value.wanted) == ("t.450.data_offsets", "2 for U8 [2]")


def test_tensors_without_bytes_are_sound() -> None:
    prefix, size = packed({"a": tensor(shape=[0, 3], offsets=[0, 0]), "b": tensor(shape=[], offsets=[0, 4])}, 4)
    assert [t.elements for t in parse_safetensors_header(prefix, size).tensors] == [0, 1]


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 1 << 62))
def test_any_bytes_give_a_header_or_the_parsers_error(prefix: bytes, size: int) -> None:
    message = ""
    try:
        parse_safetensors_header(prefix, size)
    except ModelParseError as error:
        message = str(error)
    assert message.isprintable()


@settings(deadline=None)
@given(st.data())
def test_a_damaged_header_gives_a_header_or_the_parsers_error(data: st.DataObject) -> None:
    prefix, size = packed({"a": tensor(), "b.weight": tensor("BF16", [2, 3], [8, 20]), "__metadata__": {"x": "y"}}, 20)
    damaged = bytearray(prefix)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    message = ""
    try:
        header = parse_safetensors_header(bytes(damaged), size)
    except ModelParseError as error:
        message = str(error)
    else:
        assert sum(t.elements * BITS[t.dtype] for t in header.tensors) == 160
    assert message.isprintable()
