"""GGUF headers and what they tell; every limit by its own test."""

import struct
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.modelparser.gguf_writer import RawValue, gguf, tensor, text

from omectl.api.facts import ModelFacts
from omectl.modelparser import ModelParseError, ModelReading, Request
from omectl.modelparser.gguf import (
    MAX_FIELDS,
    MAX_GGUF_HEADER,
    MAX_GGUF_TENSORS,
    TYPE_NAMES,
    HeaderCutError,
    parse_gguf_header,
)
from omectl.modelparser.requests import FIRST_READ

_LLAMA: dict[str, object] = {
    "general.architecture": "llama", "llama.block_count": 2, "llama.embedding_length": 64,
    "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2, "llama.context_length": 8192,
    "tokenizer.ggml.tokens": ["a", "bc", "d"], "general.quantization_version": 2,
}  # fmt: skip
_TENSORS = [tensor("token_embd.weight", [64, 3], 12), tensor("blk.0.attn_norm.weight", [64], 0)]


def read(files: Mapping[str, bytes], sizes: Mapping[str, int] | None = None) -> tuple[ModelFacts, list[Request]]:
    reading = ModelReading({path: len(data) for path, data in files.items()} | dict(sizes or {}))
    made: list[Request] = []
    while requests := reading.wanted():
        for request in requests:
            made.append(request)
            reading.feed(request, files[request.path][request.start : request.end])
    assert reading.problems == ()
    return reading.facts(), made


def test_a_files_header_tells_the_model() -> None:
    facts, _ = read({"model-Q4_K_M.gguf": gguf(_LLAMA, _TENSORS)})
    assert facts.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sources"}) == {
        "modelType": "llama", "parameterCount": 64 * 3 + 64, "parameterCountSource": "tensors", "layers": 2,
        "hiddenSize": 64, "attentionHeads": 4, "keyValueHeads": 2, "headSize": 16, "contextLength": 8192,
        "vocabularySize": 3, "quantizationMethod": "q4_k", "quantizationBits": 4, "capabilities": ["TEXT_TO_TEXT"],
        "apiCapabilities": [], "features": [], "format": {"name": "gguf"}, "files": 1,
        "sizeBytes": len(gguf(_LLAMA, _TENSORS)),
    }  # fmt: skip
    assert facts.sources is not None
    assert facts.sources["parameterCount"] == facts.sources["quantizationMethod"] == "tensors"
    assert facts.sources["layers"] == "configuration"


def test_experts_tell_total_and_active_parameters() -> None:
    fields = {"general.architecture": "qwen3moe", "qwen3moe.expert_count": 8, "qwen3moe.expert_used_count": 2}
    facts, _ = read({"m.gguf": gguf(fields, [*_TENSORS, tensor("blk.0.ffn_up_exps.weight", [4, 4, 8])])})
    assert (facts.parameter_count, facts.active_parameter_count) == (256 + 128, 256 + 32)
    assert (facts.experts, facts.experts_per_token) == (8, 2)


def _llama_3_2_1b() -> list[bytes]:
    """The tensors of Llama 3.2 1B as llama.cpp's converter writes them; the output layer is the embedding."""
    tensors = [tensor("rope_freqs.weight", [32]), tensor("token_embd.weight", [2048, 128256], 14)]
    tensors.append(tensor("output_norm.weight", [2048]))
    widths = {"attn_q": (2048, 2048), "attn_k": (2048, 512), "attn_v": (2048, 512), "attn_output": (2048, 2048),
              "ffn_gate": (2048, 8192), "ffn_up": (2048, 8192), "ffn_down": (8192, 2048)}  # fmt: skip
    for block in range(16):
        tensors += [tensor(f"blk.{block}.{name}.weight", shape, 12) for name, shape in widths.items()]
        tensors += [tensor(f"blk.{block}.{name}_norm.weight", [2048]) for name in ("attn", "ffn")]
    return tensors


def test_a_real_models_tensors_count_as_its_parameters_without_the_frequencies_of_positions() -> None:
    facts, _ = read({"Llama-3.2-1B-Instruct-Q4_K_M.gguf": gguf(_LLAMA, _llama_3_2_1b())})
    assert (facts.parameter_count, facts.quantization_method) == (1_235_814_400, "q4_k")
    longer = [*_llama_3_2_1b(), *(tensor(f"rope_factors_{name}.weight", [48]) for name in ("long", "short"))]
    assert read({"m.gguf": gguf(_LLAMA, longer)})[0].parameter_count == 1_235_814_400


@pytest.mark.parametrize(
    ("kind", "dtype", "method", "bits"),
    [(0, "float32", None, None), (1, "float16", None, None), (30, "bfloat16", None, None), (8, None, "q8_0", 8),
     (23, None, "iq4_xs", 4), (39, None, "mxfp4", 4), (29, None, "iq1_m", 1), (99, None, None, None)],
)  # fmt: skip
def test_the_type_of_most_weights_is_told(kind: int, dtype: str | None, method: str | None, bits: int | None) -> None:
    facts, _ = read({"m.gguf": gguf(_LLAMA, [tensor("a", [100], kind), tensor("b", [99], 2)])})
    assert (facts.dtype, facts.quantization_method, facts.quantization_bits) == (dtype, method, bits)


def test_a_header_with_a_long_vocabulary_takes_ever_longer_reads() -> None:
    words = ["w" * 20] * 30_000
    data = gguf({**_LLAMA, "tokenizer.ggml.tokens": words}, _TENSORS) + bytes(7_000_000)
    facts, made = read({"m.gguf": data})
    assert facts.vocabulary_size == 30_000
    ends = [FIRST_READ, FIRST_READ * 8, FIRST_READ * 64]
    assert [(request.start, request.end) for request in made] == list(zip([0, *ends[:1]], ends[:2], strict=True)) + [
        (ends[1], ends[2])
    ] * (len(made) - 2)


def test_shards_count_together_and_a_missing_one_leaves_the_count_unknown() -> None:
    first = gguf({**_LLAMA, "split.count": 2}, _TENSORS)
    second = gguf({}, [tensor("output.weight", [64, 3])])
    names = ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf")
    facts, _ = read(dict(zip(names, (first, second), strict=True)))
    assert facts.parameter_count == 256 + 192
    assert facts.size_bytes == len(first) + len(second)
    assert read({names[0]: first})[0].parameter_count is None


def test_of_several_variants_the_first_is_read_and_no_size_told() -> None:
    facts, made = read({"m-Q4.gguf": gguf(_LLAMA, _TENSORS), "m-Q8.gguf": b"never read"})
    assert [request.path for request in made] == ["m-Q4.gguf"]
    assert (facts.parameter_count, facts.size_bytes) == (256, None)


def test_a_projector_beside_the_model_makes_it_read_images() -> None:
    facts, made = read({"m.gguf": gguf(_LLAMA, _TENSORS), "a-mmproj-f16.gguf": b"never read"})
    assert facts.capabilities == ("IMAGE_TEXT_TO_TEXT",)
    assert [request.path for request in made] == ["m.gguf"]


@pytest.mark.parametrize(
    ("fields", "capability"),
    [
        ({"general.architecture": "bert"}, "EMBEDDING"),
        ({"general.architecture": "qwen3", "qwen3.pooling_type": 3}, "EMBEDDING"),
        ({"general.architecture": "qwen3", "qwen3.pooling_type": 0}, "TEXT_TO_TEXT"),
        ({"general.architecture": "whisper"}, "AUDIO_TO_TEXT"),
    ],
)
def test_what_a_gguf_model_is_for(fields: dict[str, object], capability: str) -> None:
    assert read({"m.gguf": gguf(fields, _TENSORS)})[0].capabilities == (capability,)


def test_beside_a_configuration_the_header_gives_the_count() -> None:
    config = b'{"model_type": "newllm"}'
    facts, _ = read({"config.json": config, "m.gguf": gguf(_LLAMA, _TENSORS)})
    assert (facts.model_type, facts.parameter_count, facts.parameter_count_source) == ("newllm", 256, "tensors")


def test_a_broken_header_is_a_problem_and_not_the_end() -> None:
    reading = ModelReading({"m.gguf": 30})
    for request in reading.wanted():
        reading.feed(request, b"not a model at all, no, no, no")
    assert [(problem.file, problem.field) for problem in reading.problems] == [("m.gguf", "magic")]
    facts = reading.facts()
    assert facts.format is not None
    assert (facts.format.name, facts.size_bytes, facts.model_type) == ("gguf", 30, None)


def test_fewer_bytes_than_asked_for_are_a_cut_file() -> None:
    reading = ModelReading({"m.gguf": 500_000})
    for request in reading.wanted():
        reading.feed(request, gguf(_LLAMA, _TENSORS)[:50])
    assert "50 bytes" in reading.problems[0].found


def _nested(depth: int) -> RawValue:
    item = struct.pack("<IQ", 4, 0)
    for _ in range(depth):
        item = struct.pack("<IQ", 9, 1) + item
    return RawValue(struct.pack("<I", 9) + item)


_BIG = 1 << 63


@pytest.mark.parametrize(
    ("data", "field", "wanted"),
    [
        (b"", "magic", "at least 4 bytes"),
        (b"GGUX" + bytes(20), "magic", "the letters GGUF"),
        (gguf({}, version=1), "version", "version 2 or 3"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(16), "version", "version 2 or 3"),
        (gguf({}, tensor_count=MAX_GGUF_TENSORS + 1), "tensor_count", f"at most {MAX_GGUF_TENSORS}"),
        (gguf({}, field_count=MAX_FIELDS + 1), "metadata_kv_count", f"at most {MAX_FIELDS}"),
        (gguf({}, tensor_count=1), "tensor name", "at least"),
        (gguf({}, field_count=1), "metadata key", "at least"),
        (gguf([("a", 1), ("a", 2)]), "a", "each key once"),
        (gguf([("a", [1]), ("a", 2)]), "a", "each key once"),
        (gguf({"a": RawValue(struct.pack("<I", 77))}), "a", "a type of the format"),
        (gguf({"a": RawValue(struct.pack("<IIQ", 9, 77, 1))}), "a", "a type of the format"),
        (gguf({"a": RawValue(struct.pack("<IIQ", 9, 4, _BIG))}), "a", "at most 16777216"),
        (gguf({"a": RawValue(struct.pack("<IIQ", 9, 8, 1 << 20))}), "a", "at least"),
        (gguf({"a": RawValue(struct.pack("<IIQQ", 9, 8, 1, _BIG))}), "a", "at most 1048576"),
        (gguf({"a": RawValue(struct.pack("<IQ", 8, _BIG))}), "a", "at most 1048576"),
        (gguf({"a": RawValue(struct.pack("<I", 8) + text(b"\xff"))}), "a", "text in UTF-8"),
        (gguf({"a": _nested(4)}), "a", "at most 4 levels"),
        (gguf({"k" * 4097: 1}), "metadata key", "at most 4096"),
        (gguf({}, [tensor("a", [1]), tensor("a", [1])]), "a", "each tensor once"),
        (gguf({}, [tensor("a", [1] * 9)]), "a.n_dimensions", "at most 8"),
        (gguf({}, [tensor("a", [1 << 40, 1 << 40])]), "a.dimensions", "within reason"),
        (gguf({}, [tensor("a", [1], 0, _BIG)]), "a.offset", "within the file's"),
    ],
)
def test_a_broken_header_is_refused_with_the_field(data: bytes, field: str, wanted: str) -> None:
    with pytest.raises(ModelParseError) as caught:
        parse_gguf_header(data, len(data), path="w/x.gguf")
    assert (caught.value.file, caught.value.field) == ("w/x.gguf", field)
    assert wanted in caught.value.wanted


def test_three_nested_lists_are_sound() -> None:
    data = gguf({"a": _nested(3)})
    assert parse_gguf_header(data, len(data)).lengths == {"a": 1}


def test_a_header_beyond_the_limit_is_refused_before_it_is_read() -> None:
    words = struct.pack("<IIQ", 9, 12, 1 << 24)
    with pytest.raises(ModelParseError) as caught:
        parse_gguf_header(gguf({"a": RawValue(words)}), 1 << 40)
    assert caught.value.wanted == f"at most {MAX_GGUF_HEADER}"


def test_a_header_that_is_not_all_there_says_how_much_it_needs() -> None:
    data = gguf(_LLAMA, _TENSORS)
    with pytest.raises(HeaderCutError) as caught:
        parse_gguf_header(data[:40], len(data))
    assert 40 < caught.value.needed <= len(data)


def test_numbers_beyond_reason_are_not_facts() -> None:
    fields = {"general.architecture": "llama", "llama.block_count": RawValue(struct.pack("<IQ", 10, 1 << 40)),
              "llama.embedding_length": RawValue(struct.pack("<Ii", 5, -3)), "llama.context_length": 1.5,
              "llama.attention.head_count": True}  # fmt: skip
    facts, _ = read({"m.gguf": gguf(fields, _TENSORS)})
    assert (facts.layers, facts.hidden_size, facts.context_length, facts.attention_heads) == (None, None, None, None)


def test_type_names_are_those_of_the_format() -> None:
    assert (TYPE_NAMES[2], TYPE_NAMES[14], TYPE_NAMES[30]) == ("q4_0", "q6_k", "bf16")


_SOUND = gguf(_LLAMA, _TENSORS)


@settings(deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda rest: _SOUND[:24] + rest))
def test_any_bytes_give_a_header_or_the_parsers_error(data: bytes) -> None:
    message = ""
    try:
        parse_gguf_header(data, len(data))
    except ModelParseError as error:
        message = str(error)
    assert message.isprintable()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(8, len(_SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_header_gives_facts_or_the_parsers_error(damage: list[tuple[int, int]]) -> None:
    data = bytearray(_SOUND)
    for place, byte in damage:
        data[place] = byte
    reading = ModelReading({"m.gguf": len(data)})
    while requests := reading.wanted():
        for request in requests:
            reading.feed(request, bytes(data[request.start : request.end]))
    assert reading.facts().model_dump_json()
