"""Files beside or instead of a transformer's configuration: adapters, engines, ONNX, indexes, sentence-transformers."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.unit.modelparser.test_reading import read, safetensors

from omectl.api.facts import ModelFacts
from omectl.modelparser import ModelParseError, ModelReading

_ADAPTER = {
    "peft_type": "LORA", "r": 16, "task_type": "CAUSAL_LM",
    "base_model_name_or_path": "meta-llama/Llama-3.1-8B-Instruct",
}  # fmt: skip
_WEIGHTS = safetensors({"q.lora_A.weight": ("F32", [16, 64]), "q.lora_B.weight": ("F32", [64, 16])})


def facts(files: Mapping[str, bytes | object]) -> ModelFacts:
    return read(files)[0]


def test_an_adapter_tells_its_base_its_method_and_its_rank() -> None:
    found = facts({"adapter_config.json": _ADAPTER, "adapter_model.safetensors": _WEIGHTS})
    assert found.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sources"}) == {
        "adapterMethod": "lora", "adapterRank": 16, "baseModel": "meta-llama/Llama-3.1-8B-Instruct",
        "parameterCount": 2048, "parameterCountSource": "tensors", "dtype": "float32", "sizeBytes": len(_WEIGHTS),
        "framework": {"name": "peft"}, "format": {"name": "safetensors", "version": "1.0.0"}, "files": 2,
        "capabilities": ["TEXT_TO_TEXT"], "apiCapabilities": [], "features": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "method", "rank", "capabilities"),
    [
        ({"peft_type": "IA3", "task_type": "SEQ_2_SEQ_LM"}, "ia3", None, ("TEXT_TO_TEXT",)),
        ({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 8, "task_type": None}, "prompt_tuning", 8, ()),
        ({"peft_type": "LORA", "r": 4, "task_type": "FEATURE_EXTRACTION"}, "lora", 4, ("EMBEDDING",)),
    ],
)
def test_other_methods_of_adapting(
    config: dict[str, object], method: str, rank: int | None, capabilities: tuple[str, ...]
) -> None:
    found = facts({"adapter_config.json": config, "adapter_model.bin": b"pickle"})
    assert (found.adapter_method, found.adapter_rank, found.capabilities) == (method, rank, capabilities)
    assert found.format is not None
    assert (found.format.name, found.parameter_count) == ("pytorch", None)


@pytest.mark.parametrize(
    ("config", "field"),
    [({}, "peft_type"), ({"peft_type": 7}, "peft_type"), ({"peft_type": "LORA", "r": -1}, "r"),
     ({"peft_type": "LORA", "r": 10**9}, "r"), ({"peft_type": "LORA", "base_model_name_or_path": [1]},
      "base_model_name_or_path")],
)  # fmt: skip
def test_a_broken_adapter_is_refused_with_the_field(config: dict[str, object], field: str) -> None:
    with pytest.raises(ModelParseError) as caught:
        facts({"adapter_config.json": config})
    assert (caught.value.file, caught.value.field) == ("adapter_config.json", field)


def test_a_model_with_an_adapter_beside_it_is_the_model() -> None:
    found = facts({"config.json": {"model_type": "newllm"}, "adapter_config.json": _ADAPTER})
    assert (found.model_type, found.adapter_method) == ("newllm", None)


_ENGINE = {
    "version": "0.20.0",
    "pretrained_config": {
        "architecture": "LlamaForCausalLM", "dtype": "bfloat16", "num_hidden_layers": 32, "hidden_size": 4096,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
        "quantization": {"quant_algo": "FP8"}, "mapping": {"world_size": 2, "tp_size": 2},
    },
    "build_config": {"max_seq_len": 8192, "max_input_len": 1024, "max_batch_size": 64},
}  # fmt: skip


def test_an_engine_tells_what_it_was_built_from_and_for() -> None:
    found = facts({"config.json": _ENGINE, "rank0.engine": b"x" * 30, "rank1.engine": b"x" * 30})
    assert found.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sources"}) == {
        "architecture": "LlamaForCausalLM", "dtype": "bfloat16", "layers": 32, "hiddenSize": 4096, "attentionHeads": 32,
        "keyValueHeads": 8, "headSize": 128, "vocabularySize": 128256, "contextLength": 8192, "quantization": "fp8",
        "quantizationMethod": "fp8", "framework": {"name": "tensorrtllm", "version": "0.20.0"}, "sizeBytes": 60,
        "format": {"name": "tensorrtllm", "version": "0.20.0"}, "capabilities": ["TEXT_TO_TEXT"], "files": 3,
        "apiCapabilities": [], "features": [],
    }  # fmt: skip


def test_a_checkpoint_for_an_engine_is_one_too() -> None:
    found = facts({"config.json": {**_ENGINE["pretrained_config"], "quantization": {}}})  # type: ignore[dict-item]
    assert found.framework is not None
    assert (found.framework.name, found.context_length, found.quantization) == ("tensorrtllm", 131072, None)


def test_an_engine_with_a_wrong_number_is_refused() -> None:
    with pytest.raises(ModelParseError) as caught:
        facts({"config.json": {"pretrained_config": {"num_hidden_layers": -2}}})
    assert caught.value.field == "pretrained_config.num_hidden_layers"


def test_an_onnx_model_for_generation_tells_its_decoder() -> None:
    decoder = {"hidden_size": 3072, "head_size": 96, "num_attention_heads": 32, "num_key_value_heads": 32,
               "num_hidden_layers": 32}  # fmt: skip
    config = {"model": {"type": "phi3", "context_length": 131072, "vocab_size": 32064, "decoder": decoder}}
    found = facts({"genai_config.json": config, "model.onnx": b"x" * 9})
    assert (found.model_type, found.context_length, found.vocabulary_size) == ("phi3", 131072, 32064)
    assert (found.layers, found.hidden_size, found.head_size, found.key_value_heads) == (32, 3072, 96, 32)
    assert found.format is not None
    assert (found.format.name, found.size_bytes) == ("onnx", 9)


@pytest.mark.parametrize("config", [{}, {"model": 1}])
def test_an_onnx_configuration_without_a_model_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ModelParseError) as caught:
        facts({"genai_config.json": config})
    assert (caught.value.file, caught.value.field) == ("genai_config.json", "model")


_NEW = {"model_type": "newllm", "torch_dtype": "float16"}


@pytest.mark.parametrize("name", ["pytorch_model.bin.index.json", "model.safetensors.index.json"])
def test_an_index_tells_the_bytes_of_all_weights(name: str) -> None:
    index = {"metadata": {"total_size": 2000}, "weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}
    found = facts({"config.json": _NEW, name: index})
    assert (found.parameter_count, found.parameter_count_source) == (1000, "index")
    index["metadata"] = {"total_size": 2000, "total_parameters": 7}
    assert facts({"config.json": _NEW, name: index}).parameter_count == 7


@pytest.mark.parametrize("size", [0, -5, "2000", 1.5, 1 << 61, None])
def test_nonsense_in_an_index_is_not_said(size: object) -> None:
    index = {"metadata": {"total_size": size}, "weight_map": {"a": "pytorch_model.bin"}}
    assert facts({"config.json": _NEW, "pytorch_model.bin.index.json": index}).parameter_count is None


def test_bytes_of_quantized_weights_or_of_an_unknown_type_tell_no_count() -> None:
    index = {"metadata": {"total_size": 2000}, "weight_map": {"a": "pytorch_model.bin"}}
    files = {"config.json": {"model_type": "newllm"}, "pytorch_model.bin.index.json": index}
    assert facts(files).parameter_count is None
    quantized = {"config.json": _NEW | {"quantization_config": {"quant_method": "aqlm"}}}
    assert facts(files | quantized).parameter_count is None


def test_pickles_named_by_an_index_are_never_asked_for() -> None:
    index = {"weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}
    _, _, made = read(
        {
            "config.json": _NEW, "pytorch_model.bin.index.json": index,
            "pytorch_model-00001-of-00001.bin": b"\x80\x02cos\nsystem",
        }
    )  # fmt: skip
    assert {request.path for request in made} == {"config.json", "pytorch_model.bin.index.json"}


def test_a_real_embedding_model_is_described_in_full(minilm: Path) -> None:
    paths = [path for path in minilm.rglob("*") if path.is_file()]
    reading = ModelReading({path.relative_to(minilm).as_posix(): path.stat().st_size for path in paths})
    while requests := reading.wanted():
        for request in requests:
            reading.feed(request, (minilm / request.path).read_bytes()[request.start : request.end])
    found = reading.facts()
    assert reading.problems == ()
    assert found.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sources"}) == {
        "architecture": "BertModel", "family": "bert", "modelType": "bert", "parameterCount": 22_713_216,
        "parameterCountSource": "tensors", "contextLength": 512, "inputLength": 256, "embeddingSize": 384,
        "pooling": "mean", "dtype": "float32", "sizeBytes": 90_868_376, "layers": 6, "hiddenSize": 384,
        "attentionHeads": 12, "keyValueHeads": 12, "headSize": 32, "vocabularySize": 30522,
        "capabilities": ["EMBEDDING"], "apiCapabilities": ["OPENAI_V1_EMBEDDINGS"], "features": [], "files": 12,
        "framework": {"name": "transformers", "version": "4.8.2"},
        "format": {"name": "safetensors", "version": "1.0.0"},
    }  # fmt: skip


_BERT = {
    "model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 10,
    "max_position_embeddings": 64, "architectures": ["BertModel"],
}  # fmt: skip


def test_modules_are_found_by_their_list() -> None:
    modules = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "3_Mine", "type": "sentence_transformers.models.Pooling"},
        {"path": "4_Wide", "type": "sentence_transformers.models.Dense"},
    ]
    found = facts(
        {
            "config.json": _BERT, "modules.json": modules,
            "3_Mine/config.json": {"pooling_mode_cls_token": True, "pooling_mode_lasttoken": True,
                                   "word_embedding_dimension": 8},
            "4_Wide/config.json": {"in_features": 8, "out_features": 32},
        }
    )  # fmt: skip
    assert (found.pooling, found.embedding_size, found.capabilities) == ("cls+last", 32, ("EMBEDDING",))


@pytest.mark.parametrize(
    "modules",
    [{}, [], [1], [{"type": "x.Pooling", "path": "../out"}], [{"type": 5, "path": "p"}], b"[", b"[[[[" * 90],
)
def test_a_list_of_modules_that_says_nothing_leaves_the_usual_folders(modules: object) -> None:
    pooling = {"pooling_mode_max_tokens": True, "word_embedding_dimension": 8}
    found = facts({"config.json": _BERT, "modules.json": modules, "1_Pooling/config.json": pooling})
    assert (found.pooling, found.embedding_size) == ("max", 8)


@pytest.mark.parametrize(
    "pooling",
    [{}, {"word_embedding_dimension": -1}, {"word_embedding_dimension": "8"}, {"pooling_mode": "a\nb"}, b"{", [1]],
)
def test_nonsense_in_these_files_is_not_said(pooling: object) -> None:
    found = facts(
        {"config.json": _BERT, "1_Pooling/config.json": pooling, "sentence_bert_config.json": {"max_seq_length": 0}}
    )
    assert (found.pooling, found.embedding_size, found.input_length) == (None, None, None)


def test_the_newer_way_to_say_the_pooling() -> None:
    assert facts({"config.json": _BERT, "1_Pooling/config.json": {"pooling_mode": "mean"}}).pooling == "mean"


def test_arrays_are_read_as_strictly_as_objects() -> None:
    for data in (b"{}", b"[1", b"\xff", b"[" * 300 + b"]" * 300, b""):
        assert facts({"config.json": json.dumps(_BERT).encode(), "modules.json": data}).model_type == "bert"
