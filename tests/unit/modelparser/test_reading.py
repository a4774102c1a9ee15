"""Reading facts from a listing and a few ranges."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omectl.api.facts import ModelFacts
from omectl.modelparser import ModelParseError, ModelReading, Request, needed_files
from omectl.modelparser.requests import FIRST_READ

_LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 512,
    "intermediate_size": 128, "torch_dtype": "bfloat16", "transformers_version": "4.50.0",
}  # fmt: skip


def safetensors(tensors: Mapping[str, tuple[str, list[int]]], padding: int = 0) -> bytes:
    header: dict[str, object] = {}
    offset = 0
    for name, (dtype, shape) in tensors.items():
        size = {"F32": 4, "BF16": 2, "F16": 2, "U8": 1, "I32": 4, "F8_E4M3": 1}[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode() + b" " * padding
    return len(text).to_bytes(8, "little") + text + bytes(offset)


def read(files: Mapping[str, bytes | object]) -> tuple[ModelFacts, ModelReading, list[Request]]:
    stored = {path: data if isinstance(data, bytes) else json.dumps(data).encode() for path, data in files.items()}
    reading = ModelReading({path: len(data) for path, data in stored.items()})
    made: list[Request] = []
    while requests := reading.wanted():
        for request in requests:
            made.append(request)
            reading.feed(request, stored[request.path][request.start : request.end])
    return reading.facts(), reading, made


def test_a_real_models_facts_take_one_small_read_of_its_weights(minilm: Path) -> None:
    paths = [path for path in minilm.rglob("*") if path.is_file()]
    reading = ModelReading({path.relative_to(minilm).as_posix(): path.stat().st_size for path in paths})
    read_bytes = 0
    while requests := reading.wanted():
        for request in requests:
            with (minilm / request.path).open("rb") as file:
                file.seek(request.start)
                data = file.read(request.length)
            read_bytes += len(data)
            reading.feed(request, data)
    facts = reading.facts()
    assert read_bytes < FIRST_READ + 20_000
    assert facts.parameter_count == 22_713_216
    assert facts.architecture == "BertModel"
    assert facts.capabilities == ("EMBEDDING",)
    assert (facts.context_length, facts.layers, facts.hidden_size, facts.attention_heads) == (512, 6, 384, 12)
    assert facts.size_bytes == 90_868_376
    assert facts.format is not None
    assert (facts.format.name, facts.format.version) == ("safetensors", "1.0.0")


def test_the_facts_of_a_small_llama() -> None:
    facts, reading, _ = read({"config.json": _LLAMA, "model.safetensors": safetensors({"w": ("BF16", [7, 3])})})
    assert facts.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "architecture": "LlamaForCausalLM", "modelType": "llama", "parameterCount": 21, "contextLength": 512,
        "dtype": "bfloat16", "sizeBytes": len(safetensors({"w": ("BF16", [7, 3])})), "layers": 2, "hiddenSize": 64,
        "attentionHeads": 4, "keyValueHeads": 2, "headSize": 16, "vocabularySize": 100, "apiCapabilities": [],
        "features": [],
        "framework": {"name": "transformers", "version": "4.50.0"}, "capabilities": ["TEXT_TO_TEXT"], "files": 2,
        "format": {"name": "safetensors", "version": "1.0.0"}, "parameterCountSource": "tensors", "family": "llama",
        "sources": facts.sources,
    }  # fmt: skip
    assert facts.sources == {
        **dict.fromkeys(("parameterCount", "parameterCountSource"), "tensors"),
        **dict.fromkeys(("sizeBytes", "files", "format"), "files"),
        **dict.fromkeys(("family", "capabilities"), "table"),
        **dict.fromkeys(
            ("architecture", "modelType", "contextLength", "dtype", "layers", "hiddenSize", "attentionHeads",
             "keyValueHeads", "headSize", "vocabularySize", "framework"),
            "configuration",
        ),
    }  # fmt: skip
    assert reading.problems == ()


def test_a_long_header_takes_exactly_one_more_read() -> None:
    weights = safetensors({"w": ("F32", [3])}, padding=FIRST_READ)
    facts, _, made = read({"config.json": _LLAMA, "model.safetensors": weights})
    reads = [request for request in made if request.path == "model.safetensors"]
    assert [(r.start, r.end) for r in reads] == [(0, FIRST_READ), (0, len(weights) - 12)]
    assert facts.parameter_count == 3


def test_the_index_decides_which_files_count() -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    facts, _, _ = read(
        {
            "config.json": _LLAMA,
            "model.safetensors.index.json": index,
            "model-00001-of-00002.safetensors": safetensors({"a": ("BF16", [5])}),
            "model-00002-of-00002.safetensors": safetensors({"b": ("BF16", [6])}),
            "consolidated.safetensors": safetensors({"all": ("BF16", [11])}),
        }
    )
    assert facts.parameter_count == 11


@pytest.mark.parametrize("target", ["../outside.safetensors", "/etc/x", "a/../../x", ".hidden/x", "a\\b", ""])
def test_an_index_that_points_outside_is_not_followed(target: str) -> None:
    facts, _, made = read(
        {"config.json": _LLAMA, "model.safetensors.index.json": {"weight_map": {"a": target}}, "README.md": b"x"}
    )
    assert {request.path for request in made} == {"config.json", "model.safetensors.index.json", "README.md"}
    assert facts.parameter_count_source == "configuration"


def test_a_missing_shard_makes_the_configuration_count() -> None:
    config = _LLAMA | {"tie_word_embeddings": False}
    facts, _, _ = read({"config.json": config, "model-00001-of-00002.safetensors": safetensors({"a": ("BF16", [5])})})
    per_layer = 2 * 64 + 64 * (64 + 2 * 32) + 64 * 64 + 3 * 64 * 128
    assert facts.parameter_count == 2 * 100 * 64 + 2 * per_layer + 64
    assert facts.parameter_count_source == "configuration"


def test_a_broken_weight_file_is_a_problem_and_not_the_end() -> None:
    facts, reading, _ = read({"config.json": {"model_type": "newllm"}, "model.safetensors": b"\xff" * 30})
    assert [problem.file for problem in reading.problems] == ["model.safetensors"]
    assert facts.parameter_count is None


def test_pickles_are_never_asked_for() -> None:
    facts, _, made = read({"config.json": _LLAMA, "pytorch_model.bin": b"\x80\x02cos\nsystem", "a/b.pt": b"x"})
    assert [request.path for request in made] == ["config.json"]
    assert facts.format is not None
    assert (facts.format.name, facts.size_bytes) == ("pytorch", 12)


def test_a_pipeline_sums_its_components() -> None:
    facts, _, _ = read(
        {
            "model_index.json": {
                "_class_name": "StableDiffusionXLPipeline", "_diffusers_version": "0.30.0",
                "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
                "text_encoder": ["transformers", "CLIPTextModel"], "safety_checker": [None, None],
            },
            "unet/config.json": {}, "unet/diffusion_pytorch_model.safetensors": safetensors({"u": ("F16", [5])}),
            "unet/diffusion_pytorch_model.fp16.safetensors": safetensors({"u": ("F16", [5])}),
            "vae/config.json": {}, "vae/diffusion_pytorch_model.safetensors": safetensors({"v": ("F16", [6])}),
            "text_encoder/config.json": {"max_position_embeddings": 77},
            "text_encoder/model.safetensors": safetensors({"t": ("F16", [7])}),
            "extra/config.json": {}, "extra/model.safetensors": safetensors({"x": ("F16", [8])}),
        }
    )  # fmt: skip
    assert facts.parameter_count == 18
    assert facts.context_length == 77
    assert facts.architecture == "StableDiffusionXLPipeline"
    assert facts.diffusion_pipeline == {
        "className": "StableDiffusionXLPipeline",
        "transformer": {"library": "diffusers", "type": "UNet2DConditionModel"},
        "vae": {"library": "diffusers", "type": "AutoencoderKL"},
        "textEncoder": {"library": "transformers", "type": "CLIPTextModel"},
    }


def test_a_broken_pipeline_index_does_not_hide_a_good_configuration() -> None:
    assert read({"model_index.json": b"{", "config.json": _LLAMA})[0].architecture == "LlamaForCausalLM"


@pytest.mark.parametrize(
    ("files", "file"),
    [
        ({}, "config.json"),
        ({"README.md": b"# x"}, "config.json"),
        ({"config.json": b"{"}, "config.json"),
        ({"config.json": {}}, "config.json"),
        ({"config.json": {"model_type": ["x"]}}, "config.json"),
        ({"config.json/config.json": _LLAMA}, "config.json"),
        ({".cache/config.json": _LLAMA}, "config.json"),
        ({"model/config.json": _LLAMA | {"hidden_size": "64"}}, "model/config.json"),
        ({"model_index.json": {}}, "model_index.json"),
    ],
)
def test_without_a_readable_document_the_error_names_the_file(files: dict[str, object], file: str) -> None:
    with pytest.raises(ModelParseError) as caught:
        read(files)
    assert caught.value.file == file


def test_a_known_family_needs_its_dimensions() -> None:
    with pytest.raises(ModelParseError) as caught:
        read({"config.json": {name: value for name, value in _LLAMA.items() if name != "hidden_size"}})
    assert caught.value.field == "hidden_size"


def test_more_key_value_heads_than_heads_are_refused() -> None:
    with pytest.raises(ModelParseError) as caught:
        read({"config.json": _LLAMA | {"num_key_value_heads": 5}})
    assert caught.value.field == "num_key_value_heads"


@pytest.mark.parametrize(
    "path", ["../config.json", "/config.json", "a\\config.json", "a\0config.json", "a//config.json"]
)
def test_hostile_names_in_a_listing_are_never_asked_for(path: str) -> None:
    assert needed_files({path: 10, "x/" + path: 10}) == ()


_values = st.none() | st.booleans() | st.integers(-(10**6), 10**20) | st.floats() | st.text(max_size=5) | st.just([[1]])


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([*_LLAMA, "quantization_config", "text_config", "num_labels"]), _values, max_size=4)
)
def test_any_values_in_a_configuration_give_facts_or_the_parsers_error(changes: dict[str, object]) -> None:
    message = ""
    try:
        facts, _, _ = read({"config.json": _LLAMA | changes, "model.safetensors": safetensors({"w": ("F32", [2])})})
    except ModelParseError as error:
        message = str(error)
    else:
        assert facts.model_dump_json()
        assert facts.parameter_count == 2
    assert message.isprintable()


@settings(deadline=None)
@given(st.binary(max_size=100), st.binary(max_size=100), st.integers(0, 1 << 50))
def test_any_bytes_in_any_file_give_facts_or_the_parsers_error(config: bytes, weights: bytes, size: int) -> None:
    reading = ModelReading({"config.json": len(config), "model.safetensors": size, "model_index.json": len(weights)})
    while requests := reading.wanted():
        for request in requests:
            stored = {"config.json": config}.get(request.path, weights)
            reading.feed(request, stored[request.start : request.end])
    file = ""
    try:
        told = reading.facts().model_dump_json()
    except ModelParseError as error:
        file = error.file
    else:
        assert told.isprintable()
    assert file in {"", "config.json", "model_index.json"}


def test_every_request_is_fed_once() -> None:
    reading = ModelReading({"config.json": 2})
    with pytest.raises(RuntimeError, match="still to be fed"):
        reading.facts()
    (request,) = reading.wanted()
    reading.feed(request, b"{}")
    with pytest.raises(ValueError, match="not asked for"):
        reading.feed(request, b"{}")
