"""Whole models as quantizing tools store them: counted as the weights they stand for, to the last one.

The layouts are real: they add up to the numbers of stored elements that are quoted. Those are the hub's, from
https://github.com/AlexsJones/llmfit/blob/026ac571bab477fcc50ba9c7a4aabbeff56828d2/llmfit-core/data/hf_models.json, of
Qwen2.5-7B-Instruct-AWQ and gpt-oss-20b those of the recorded answers of the reference parser.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from tests.unit.modelparser import layouts
from tests.unit.modelparser.layouts import Shapes, Stored, header, stored

from omectl.api.facts import ModelFacts
from omectl.modelparser import SafetensorsHeader, TensorSummary, parse_model

_QWEN25_7B = Shapes(3584, 28, 28, 4, 128, 18944, 152064, biases=True)
_QWEN3_8B = Shapes(4096, 36, 32, 8, 128, 12288, 151936, norms=True)
_QWEN3_32B = Shapes(5120, 64, 64, 8, 128, 25600, 151936, norms=True)
_QWEN3_2B = Shapes(2048, 28, 16, 8, 128, 6144, 151936, norms=True, tied=True)
_QWEN3_30B = Shapes(
    2048, 48, 32, 4, 128, 768, 151936, experts=128, norms=True,
    more={"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768},
)  # fmt: skip
_LLAMA_70B = Shapes(8192, 80, 64, 8, 128, 28672, 128256)
_LLAMA_1B = Shapes(2048, 16, 32, 8, 64, 8192, 128256, tied=True)


@dataclass(frozen=True)
class Case:
    """A stored model: how many weights it stands for, and how many elements are stored, where that is known."""

    name: str
    model_type: str
    shapes: Shapes
    tensors: Callable[[], Stored]
    logical: int
    recipe: Mapping[str, object]
    stored: int | None = None


def _case(
    name: str, model_type: str, shapes: Shapes, linear: layouts.Format, logical: int, recipe: Mapping[str, object],
    stored_figure: int | None = None, embedding: layouts.Format = layouts.plain,
) -> Case:  # fmt: skip
    return Case(name, model_type, shapes, lambda: stored(shapes, linear, embedding), logical, recipe, stored_figure)


def _groups(bits: int, size: int, kind: str) -> dict[str, object]:
    weights = {"num_bits": bits, "group_size": size, "type": kind}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}


_GPT_OSS = Shapes(2880, 24, 64, 8, 64, 2880, 201088, more={"num_local_experts": 32, "num_experts_per_tok": 4})
CASES = [
    _case("Qwen/Qwen2.5-7B-Instruct-AWQ", "qwen2", _QWEN25_7B, layouts.awq, 7_615_616_512,
          {"quant_method": "awq", "bits": 4, "group_size": 128}, 1_963_340_288),
    _case("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "qwen2", _QWEN25_7B, layouts.gptq, 7_615_616_512,
          {"quant_method": "gptq", "bits": 4, "group_size": 128}),
    _case("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "qwen3_moe", _QWEN3_30B, layouts.fp8_blocks, 30_532_122_624,
          {"quant_method": "fp8", "weight_block_size": [128, 128]}, 30_533_947_392),
    _case("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "llama", _LLAMA_70B, layouts.fp8_channels, 70_553_706_496,
          _groups(8, 0, "float"), 70_560_423_936),
    _case("warshanks/Qwen3-8B-abliterated-AWQ", "qwen3", _QWEN3_8B, layouts.packed, 8_190_735_360,
          _groups(4, 128, "int"), 2_174_236_152),
    _case("nvidia/Qwen3-32B-NVFP4", "qwen3", _QWEN3_32B, layouts.nvfp4, 32_762_123_264,
          {"quant_method": "modelopt", "quant_algo": "NVFP4"}),
    _case("RedHatAI/Qwen3-32B-NVFP4", "qwen3", _QWEN3_32B, layouts.nvfp4_packed, 32_762_123_264,
          _groups(4, 16, "float")),
    _case("unsloth/Llama-3.2-1B-Instruct-bnb-4bit", "llama", _LLAMA_1B, layouts.nf4, 1_235_814_400,
          {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}),
    _case("Llama-3.2-1B in 8 bits", "llama", _LLAMA_1B, layouts.int8, 1_235_814_400,
          {"quant_method": "bitsandbytes", "load_in_8bit": True}),
    _case("lmstudio-community/Qwen3-8B-MLX-8bit", "qwen3", _QWEN3_8B, layouts.mlx(8), 8_190_735_360,
          {"bits": 8, "group_size": 64}, 2_303_865_856, layouts.mlx(8)),
    _case("lmstudio-community/Qwen3-1.7B-MLX-4bit", "qwen3", _QWEN3_2B, layouts.mlx(4), 1_720_574_976,
          {"bits": 4, "group_size": 64}, 268_944_384, layouts.mlx(4)),
    Case("openai/gpt-oss-20b", "gpt_oss", _GPT_OSS, lambda: layouts.gpt_oss(24, 32), 20_914_757_184,
         {"quant_method": "mxfp4"}, 11_956_805_184),
]  # fmt: skip


def facts(case: Case, whole: SafetensorsHeader) -> ModelFacts:
    configuration = case.shapes.configuration(case.model_type, case.recipe)
    if case.recipe and "quant_method" not in case.recipe:
        configuration["quantization"] = configuration.pop("quantization_config")
    files = {"config.json": json.dumps(configuration).encode()}
    sizes = {"config.json": 500, "model.safetensors": whole.data_bytes}
    return parse_model(files, TensorSummary({"model.safetensors": whole}), sizes)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_stored_model_counts_as_the_weights_it_stands_for(case: Case) -> None:
    whole = header(case.tensors())
    if case.stored is not None:
        assert sum(tensor.elements for tensor in whole.tensors if tensor.shape) == case.stored
    read = facts(case, whole)
    assert (read.parameter_count, read.parameter_count_source) == (case.logical, "tensors")
    assert read.parameter_count != case.stored


@pytest.mark.parametrize(
    ("name", "active"),
    [
        # Published: 3.3B of 30.5B, and 3.6B of 20.9B without the embedding of the input.
        ("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", 30_532_122_624 - 48 * 120 * 3 * 2048 * 768),
        ("openai/gpt-oss-20b", 20_914_757_184 - 24 * 28 * 3 * (2880 + 1) * 2880),
        ("nvidia/Qwen3-32B-NVFP4", None),
    ],
)
def test_active_parameters_of_packed_experts_are_those_of_the_shapes(name: str, active: int | None) -> None:
    case = next(case for case in CASES if case.name == name)
    read = facts(case, header(case.tensors()))
    assert read.active_parameter_count == active


def test_an_output_layer_that_is_the_embedding_counts_once_as_the_file_has_it() -> None:
    whole = header(stored(_QWEN3_2B, layouts.plain))
    case = _case("Qwen/Qwen3-1.7B-Base", "qwen3", _QWEN3_2B, layouts.plain, 1_720_574_976, {})
    assert "lm_head.weight" not in {tensor.name for tensor in whole.tensors}
    assert facts(case, whole).parameter_count == 1_720_574_976
