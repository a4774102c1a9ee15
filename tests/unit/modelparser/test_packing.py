"""What stored tensors stand for: packed weights as what they unpack to, by their shapes before the configuration."""

from collections.abc import Mapping

import pytest

from omectl.api.facts import ModelFacts
from omectl.modelparser import SafetensorsHeader, Tensor, TensorSummary, parse_model
from omectl.modelparser.packing import UNPACKED, Packing
from omectl.modelparser.tensors import BITS
from omectl.modelparser.weights import Totals, totals_of

_Shapes = Mapping[str, tuple[str, list[int]]]


def header(shapes: _Shapes) -> SafetensorsHeader:
    tensors: list[Tensor] = []
    offset = 0
    for name, (dtype, shape) in shapes.items():
        tensor = Tensor(name, dtype, tuple(shape), offset, offset)
        offset += tensor.elements * BITS[dtype] // 8
        tensors.append(Tensor(name, dtype, tuple(shape), tensor.start, offset))
    return SafetensorsHeader(tuple(tensors), {}, 8, offset)


def count(shapes: _Shapes, packing: Packing = UNPACKED) -> int:
    return totals_of([header(shapes)], packing).all


GPTQ = {"w.qweight": ("I32", [512, 4096]), "w.scales": ("F16", [32, 4096]), "w.qzeros": ("I32", [32, 512]),
        "w.g_idx": ("I32", [4096])}  # fmt: skip


@pytest.mark.parametrize(
    ("packing", "shapes", "wanted"),
    [
        (UNPACKED, GPTQ, 16_777_216),
        # The zero points say 8 bits, whatever the configuration has for the other layers.
        (Packing(4), {"w.qweight": ("I32", [16, 64]), "w.scales": ("F16", [1, 64]), "w.qzeros": ("I32", [1, 16])},
         16 * 64 * 4),
        # Three bits: 96 rows of 32-bit words are 1024 inputs.
        (UNPACKED, {"w.qweight": ("I32", [96, 64]), "w.scales": ("F16", [8, 64]), "w.qzeros": ("I32", [8, 6])},
         1024 * 64),
        # Without zero points the order of the inputs tells it.
        (UNPACKED, {"w.qweight": ("I32", [16, 64]), "w.scales": ("F16", [1, 64]), "w.g_idx": ("I32", [64])}, 64 * 64),
        # AWQ packs along the outputs.
        (Packing(8), {"w.qweight": ("I32", [64, 8]), "w.scales": ("F16", [1, 64])}, 64 * 64),
        (Packing(8), {"w.qweight": ("I32", [8, 4])}, 128),
        (UNPACKED, {"w.qweight": ("I32", [8, 4]), "w.scales": ("F16", [8])}, 256),
        (UNPACKED, {"w.qweight": ("F16", [8, 4])}, 32),
        # Sizes that no width of 1 to 8 bits explains.
        (Packing(2), {"w.qweight": ("I32", [8, 8]), "w.scales": ("F16", [1, 9]), "w.qzeros": ("I32", [1, 5])}, 1024),
    ],
)  # fmt: skip
def test_gptq_and_awq(packing: Packing, shapes: _Shapes, wanted: int) -> None:
    assert count(shapes, packing) == wanted


@pytest.mark.parametrize(
    ("packing", "shapes", "wanted"),
    [
        (Packing(4), {"w.weight": ("U8", [4, 4]), "w.input_scale": ("F32", [1])}, 32),
        # NVFP4 shows itself by a scale for every 16 weights.
        (UNPACKED, {"w.weight": ("U8", [4, 8]), "w.weight_scale": ("F8_E4M3", [4, 1]), "w.input_scale": ("F32", [1])},
         64),
        (UNPACKED, {"w.weight": ("U8", [4, 8]), "w.weight_scale": ("F8_E4M3", [4, 2])}, 32),
        (UNPACKED, {"w.weight": ("F8_E4M3", [4, 4]), "w.weight_scale_inv": ("F32", [1, 1])}, 16),
        (UNPACKED, {"e.gate_up_proj_blocks": ("U8", [2, 8, 4, 16]), "e.gate_up_proj_scales": ("U8", [2, 8, 4])}, 2048),
        (UNPACKED, {"w.weight": ("U8", [32, 1]), "w.weight.absmax": ("U8", [4]), "w.weight.quant_map": ("F32", [16]),
                    "w.weight.quant_state.bitsandbytes__nf4": ("U8", [80]), "n.weight": ("BF16", [3])}, 67),
        (UNPACKED, {"w.weight": ("U8", [32, 1]), "w.weight.quant_state.bitsandbytes__fp4": ("U8", [80])}, 64),
        (Packing(8), {"w.weight": ("U8", [4]), "w.SCB": ("F32", [4])}, 4),
    ],
)  # fmt: skip
def test_floats_of_eight_and_four_bits_and_bitsandbytes(packing: Packing, shapes: _Shapes, wanted: int) -> None:
    assert count(shapes, packing) == wanted


@pytest.mark.parametrize(
    ("groups", "scales", "wanted"),
    [
        (((4, 32),), 2, 2 * 64),
        (((4, 32), (8, 32)), 1, 2 * 32),
        (((4, 16),), 2, 2 * 32),
        ((), 2, 2 * 64),
        (((4, 30),), 7, 2 * 64),
    ],
)
def test_compressed_tensors_take_the_recipe_whose_groups_fit(
    groups: tuple[tuple[int, int], ...], scales: int, wanted: int
) -> None:
    shapes: _Shapes = {
        "w.weight_packed": ("I32", [2, 8]), "w.weight_shape": ("I64", [2]), "w.weight_scale": ("BF16", [2, scales]),
    }  # fmt: skip
    assert count(shapes, Packing(None, groups)) == wanted


@pytest.mark.parametrize(("columns", "wanted"), [(8, 4 * 64), (16, 4 * 64)])
def test_mlx_words_count_what_their_groups_hold(columns: int, wanted: int) -> None:
    shapes: _Shapes = {
        "w.weight": ("U32", [4, columns]), "w.scales": ("BF16", [4, 2]), "w.biases": ("BF16", [4, 2]),
        "w.bias": ("BF16", [4]),
    }  # fmt: skip
    assert count(shapes, Packing(4, ((4, 32),))) == wanted + 4


def test_biases_without_packed_words_are_parameters() -> None:
    assert count({"w.weight": ("F32", [4, 2]), "w.scales": ("F32", [4]), "w.biases": ("F32", [4])}) == 12


def test_scalars_and_buffers_are_no_parameters() -> None:
    shapes: _Shapes = {
        "s": ("F32", []), "w": ("F32", [3]), "e.position_ids": ("I32", [1, 512]), "r.inv_freq": ("F32", [64]),
    }  # fmt: skip
    assert count(shapes) == 3


def test_a_learned_scale_without_a_weight_beside_it_counts() -> None:
    assert count({"attention.scales": ("F32", [9])}) == 9


_EXPERTS: _Shapes = {
    "model.embed_tokens.weight": ("BF16", [10, 4]),
    "model.layers.0.mlp.gate.weight": ("BF16", [8, 4]),
    "model.layers.0.mlp.shared_experts.up_proj.weight": ("BF16", [4, 4]),
    **{f"model.layers.0.mlp.experts.{number}.up_proj.weight": ("BF16", [2, 4]) for number in range(8)},
    "model.layers.1.mlp.experts.0.up_proj.weight": ("BF16", [2, 4]),
    "model.layers.1.eh_proj.weight": ("BF16", [3, 4]),
}


def test_a_token_meets_the_experts_that_it_is_sent_to_and_everything_else() -> None:
    totals = totals_of([header(_EXPERTS)], UNPACKED, layers=1)
    assert totals == Totals(all=172, routed=64, later=20)
    assert totals.active(8, 2) == 40 + 32 + 16 + 64 * 2 // 8
    assert totals.active(8, 8) == 172 - 20
    assert totals_of([header(_EXPERTS)], UNPACKED) == Totals(all=172, routed=72, later=0)


@pytest.mark.parametrize(("experts", "chosen"), [(None, 2), (8, None), (0, 0), (8, 9)])
def test_without_sound_numbers_of_experts_nothing_is_said(experts: int | None, chosen: int | None) -> None:
    assert totals_of([header(_EXPERTS)], UNPACKED).active(experts, chosen) is None
    assert Totals(all=5).active(8, 2) is None


@pytest.mark.parametrize(
    ("name", "routed"),
    [
        ("model.layers.0.mlp.experts.gate_up_proj", True),
        ("model.layers.0.block_sparse_moe.experts.3.w1.weight", True),
        ("model.layers.0.block_sparse_moe.input_linear.weight", True),
        ("transformer.blocks.0.ffn.experts.mlp.w1", True),
        ("model.layers.0.mlp.switch_mlp.up_proj.weight", True),
        ("model.layers.4.moe.gate_proj.weight", True),
        ("model.layers.0.mlp.shared_expert.up_proj.weight", False),
        ("model.layers.0.mlp.shared_experts.up_proj.weight", False),
        ("model.layers.0.mlp.gate.weight", False),
        ("model.layers.0.block_sparse_moe.router.layer.weight", False),
    ],
)
def test_which_tensors_are_of_experts(name: str, routed: bool) -> None:
    assert totals_of([header({name: ("BF16", [8])})], UNPACKED).routed == (8 if routed else 0)


_CONFIG = (
    b'{"model_type": "mixtral", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 10,'
    b'"max_position_embeddings": 8, "num_local_experts": 8, "num_experts_per_tok": 2, "intermediate_size": 2%s}'
)


def facts(more: bytes, shapes: _Shapes | None) -> ModelFacts:
    files = {"config.json": _CONFIG % more}
    headers = {"model.safetensors": header(shapes)} if shapes is not None else {}
    return parse_model(files, TensorSummary(headers), {"config.json": 300, **dict.fromkeys(headers, 2000)})


def test_active_parameters_come_from_the_headers_or_else_from_the_shapes() -> None:
    read = facts(b"", _EXPERTS)
    assert (read.active_parameter_count, (read.sources or {})["activeParameterCount"]) == (40 + 32 + 16 + 16, "tensors")
    implied = facts(b"", None)
    everything, one = 2 * 40 + 2 * 4 + 4 * 16 + 8 * 4 + 4, 3 * 4 * 2
    assert implied.parameter_count == everything + 8 * one
    assert implied.active_parameter_count == everything + 2 * one
    assert (implied.sources or {})["activeParameterCount"] == "configuration"


def test_a_packing_that_is_not_understood_leaves_the_count_to_the_configuration() -> None:
    read = facts(b', "quantization_config": {"quant_method": "aqlm"}', _EXPERTS)
    assert read.parameter_count_source == "configuration"
    assert facts(b', "quantization_config": {"quant_method": "awq"}', _EXPERTS).parameter_count == 172


def test_the_configurations_recipes_reach_the_count() -> None:
    recipe = b', "quantization": {"group_size": 32, "bits": 4}'
    shapes: _Shapes = {"w.weight": ("U32", [4, 16]), "w.scales": ("BF16", [4, 2]), "w.biases": ("BF16", [4, 2])}
    read = facts(recipe, shapes)
    assert (read.parameter_count, read.quantization_method, read.quantization_bits) == (4 * 64, "mlx", 4)
    groups = b'"config_groups": {"group_0": {"weights": {"num_bits": 8, "group_size": 16}}}'
    recipe = b', "quantization_config": {"quant_method": "compressed-tensors", ' + groups + b"}"
    shapes = {"w.weight_packed": ("I32", [2, 8]), "w.weight_scale": ("BF16", [2, 2])}
    assert facts(recipe, shapes).parameter_count == 2 * 32
