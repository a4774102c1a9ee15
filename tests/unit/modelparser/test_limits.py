"""Bad input, one limit at a time: an error that names the file and the field, or facts without it."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from tests.unit.modelparser.test_reading import read, safetensors

from omectl.modelparser import ModelParseError, ModelReading, Request, needed_files, parse_safetensors_header
from omectl.modelparser.document import MAX_DOCUMENT
from omectl.modelparser.reading import MAX_TENSORS_IN_ALL
from omectl.modelparser.requests import FIRST_READ, MAX_INDEX, MAX_WEIGHT_FILES
from omectl.modelparser.tensors import MAX_HEADER

_LLAMA: dict[str, Any] = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 512,
}  # fmt: skip


def refused(config: object) -> ModelParseError:
    with pytest.raises(ModelParseError) as caught:
        read({"config.json": config})
    assert caught.value.file == "config.json"
    assert str(caught.value).isprintable()
    return caught.value


@pytest.mark.parametrize("name", ["hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads"])
@pytest.mark.parametrize(
    "value", [-1, 2**31, 10**30, 1.5, float("inf"), float("-inf"), "64", True, [64, 32], {"a": 1}, [[64]]]
)
def test_a_number_out_of_range_or_of_another_type_is_refused_with_its_field(name: str, value: object) -> None:
    assert refused(_LLAMA | {name: value}).field == name


@pytest.mark.parametrize("value", [float("nan"), None, 0])
def test_a_number_that_is_not_said_is_missing(value: object) -> None:
    assert refused(_LLAMA | {"hidden_size": value}).field == "hidden_size"


def test_the_largest_dimension_is_the_limit() -> None:
    assert read({"config.json": _LLAMA | {"vocab_size": 2**31 - 1}})[0].vocabulary_size == 2**31 - 1


def test_layers_beyond_reason_are_refused() -> None:
    assert refused(_LLAMA | {"num_hidden_layers": 10_001}).field == "num_hidden_layers"
    assert read({"config.json": _LLAMA | {"num_hidden_layers": 10_000}})[0].layers == 10_000


def test_fields_that_nobody_reads_may_be_anything() -> None:
    nonsense = {"rope_theta": "x", "mlp_only_layers": "1,2", "query_pre_attn_scalar": 224.5, "bos_token_id": [1, [2]]}
    assert read({"config.json": _LLAMA | nonsense})[0].layers == 2


def test_a_number_repeated_for_every_layer_is_that_number() -> None:
    assert read({"config.json": _LLAMA | {"intermediate_size": [128, 128]}})[0].parameter_count is not None
    assert refused(_LLAMA | {"num_key_value_heads": [2, 1]}).field == "num_key_value_heads"


@pytest.mark.parametrize("squeeze", [gzip.compress, zlib.compress])
def test_compressed_data_is_not_unpacked(squeeze: Any) -> None:
    bomb = squeeze(bytes(10 << 20))
    assert refused(bomb).wanted in {"JSON in UTF-8", "a JSON object"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1"])
def test_other_encodings_are_refused(encoding: str) -> None:
    text = json.dumps(_LLAMA | {"note": "caf\xe9"}, ensure_ascii=False)
    assert refused(text.encode(encoding)).wanted == "JSON in UTF-8"


def test_repeated_keys_are_refused_at_any_depth() -> None:
    assert refused(b'{"model_type": "llama", "text_config": {"a": 1, "a": 2}}').field == "a"


def test_a_document_beyond_the_limit_is_never_asked_for() -> None:
    assert needed_files({"config.json": MAX_DOCUMENT + 1}) == ()
    assert needed_files({"config.json": MAX_DOCUMENT}) == (Request("config.json", 0, MAX_DOCUMENT),)
    reading = ModelReading({"config.json": MAX_DOCUMENT + 1})
    with pytest.raises(ModelParseError, match=f"{MAX_DOCUMENT + 1} bytes that were not read"):
        reading.facts()


def test_an_index_beyond_the_limit_is_never_asked_for() -> None:
    asked = needed_files({"config.json": 2, "model.safetensors.index.json": MAX_INDEX + 1})
    assert [request.path for request in asked] == ["config.json"]


def test_more_weight_files_than_the_limit_are_not_read() -> None:
    names = [f"part-{number}.safetensors" for number in range(MAX_WEIGHT_FILES + 1)]
    assert len(needed_files({"config.json": 2, **dict.fromkeys(names, 100)})) == 1
    assert len(needed_files({"config.json": 2, **dict.fromkeys(names[:-1], 100)})) == 1 + MAX_WEIGHT_FILES


def test_a_header_beyond_the_limit_is_refused_from_its_first_bytes() -> None:
    reading = ModelReading({"config.json": 2, "model.safetensors": 1 << 40})
    for request in reading.wanted():
        reading.feed(request, (MAX_HEADER + 1).to_bytes(8, "little") + bytes(FIRST_READ - 8))
    assert reading.wanted() == ()
    assert [(problem.file, problem.field) for problem in reading.problems] == [("model.safetensors", "header length")]


def test_the_tensors_of_all_files_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_TENSORS_IN_ALL == 1_000_000
    monkeypatch.setattr("omectl.modelparser.reading.MAX_TENSORS_IN_ALL", 3)
    part = safetensors({"a": ("F32", [1]), "b": ("F32", [1])})
    _, reading, _ = read({"config.json": _LLAMA, "a.safetensors": part, "b.safetensors": part})
    assert [problem.found for problem in reading.problems] == ["4 tensors so far"]


def test_a_tensor_that_is_named_twice_leaves_bytes_that_nobody_names() -> None:
    entry = '"a": {"dtype": "U8", "shape": [2], "data_offsets": [%d, %d]}'
    text = ("{" + entry % (0, 2) + ", " + entry % (2, 4) + "}").encode()
    with pytest.raises(ModelParseError) as caught:
        parse_safetensors_header(len(text).to_bytes(8, "little") + text, 8 + len(text) + 4)
    assert caught.value.field == "a.data_offsets"


@pytest.mark.parametrize("offset", [-1, 2**63, 2**64, 10**30, 1.5, "0", None, True])
def test_offsets_that_are_no_places_are_refused(offset: object) -> None:
    text = json.dumps({"a": {"dtype": "U8", "shape": [2], "data_offsets": [offset, 2]}}).encode()
    with pytest.raises(ModelParseError) as caught:
        parse_safetensors_header(len(text).to_bytes(8, "little") + text, 10 + len(text))
    assert caught.value.field in {"a", "a.data_offsets"}


def test_a_folder_in_place_of_a_weight_file_is_no_weight_file() -> None:
    facts, reading, _ = read({"config.json": _LLAMA, "model.safetensors/x.txt": b"x"})
    assert reading.problems == ()
    assert facts.format is None


def many_tensors(count: int, *, backwards: bool = False) -> tuple[bytes, int]:
    """The first bytes of a file of experts, up to the end of its header, and its size."""
    names = [f"model.layers.{n // 256}.mlp.experts.{n % 256}.down_proj.weight" for n in range(count)]
    entries = {
        n: {"dtype": "BF16", "shape": [2, 3], "data_offsets": [12 * i, 12 * i + 12]} for i, n in enumerate(names)
    }
    if backwards:
        entries = dict(reversed(entries.items()))
    text = json.dumps({"__metadata__": {"format": "pt"}, **entries}, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text, 8 + len(text) + 12 * count


@pytest.mark.parametrize("backwards", [False, True])
def test_a_header_takes_less_than_three_times_its_bytes_while_it_is_read(backwards: bool) -> None:
    prefix, size = many_tensors(20_000, backwards=backwards)
    tracemalloc.start()
    try:
        header = parse_safetensors_header(prefix, size)
        kept, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert highest < 3 * len(prefix)
    assert kept < 2 * len(prefix)
    assert len(header.tensors) == 20_000
    assert header.tensors[1].name == "model.layers.0.mlp.experts.1.down_proj.weight"
    assert (header.tensors[1].start, header.tensors[1].end) == (12, 24)


def test_a_whole_reading_with_the_headers_own_bytes_takes_less_than_three_times_those() -> None:
    prefix, size = many_tensors(20_000)
    config = json.dumps(_LLAMA).encode()
    reading = ModelReading({"config.json": len(config), "model.safetensors": size})
    tracemalloc.start()
    try:
        while requests := reading.wanted():
            for request in requests:
                data = (config if request.path == "config.json" else prefix)[request.start : request.end]
                # A copy, so that what was read counts.
                reading.feed(request, bytes(bytearray(data)))
        facts = reading.facts()
        highest = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert facts.parameter_count == 20_000 * 6
    assert highest < 3 * len(prefix)
