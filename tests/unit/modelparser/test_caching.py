"""What a model's layers keep of the tokens they have seen, from configurations as the families write them."""

import json
from typing import Any

import pytest

from omectl.api.facts import ModelFacts
from omectl.modelparser import parse_model

_BASE = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 12, "num_attention_heads": 4, "vocab_size": 100,
    "max_position_embeddings": 512,
}  # fmt: skip


def facts(**fields: Any) -> ModelFacts:
    text = json.dumps({**_BASE, **fields}).encode()
    return parse_model({"config.json": text}, None, {"config.json": len(text)})


def window(**fields: Any) -> tuple[int | None, int | None]:
    found = facts(**fields)
    return found.sliding_window, found.sliding_layers


def state(**fields: Any) -> tuple[int | None, int | None]:
    found = facts(**fields)
    return found.state_layers, found.state_size


def test_latent_attention_tells_its_ranks() -> None:
    found = facts(model_type="deepseek_v2", kv_lora_rank=512, qk_rope_head_dim=64)
    assert (found.latent_rank, found.latent_rope_size) == (512, 64)
    found = facts(qk_rope_head_dim=64)
    assert (found.latent_rank, found.latent_rope_size) == (None, None)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"model_type": "mistral", "sliding_window": 4096}, (4096, 12)),
        ({"model_type": "mistral", "sliding_window": None}, (None, None)),
        ({"model_type": "qwen2", "sliding_window": 99, "use_sliding_window": False}, (None, None)),
        ({"model_type": "qwen2", "sliding_window": 99, "use_sliding_window": True, "max_window_layers": 8}, (99, 4)),
        ({"sliding_window": 99, "use_sliding_window": True, "max_window_layers": 12}, (None, None)),
        ({"model_type": "gemma2", "sliding_window": 4096}, (4096, 6)),
        ({"model_type": "gemma3_text", "sliding_window": 1024}, (1024, 10)),
        ({"model_type": "gemma3_text", "sliding_window": 1024, "sliding_window_pattern": 4}, (1024, 9)),
        ({"sliding_window": 128, "layer_types": ["sliding_attention", "full_attention"] * 6}, (128, 6)),
        ({"attention_chunk_size": 8192, "layer_types": ["chunked_attention"] * 9}, (8192, 9)),
        ({"sliding_window": "4096"}, (None, None)),
        ({"sliding_window": 0}, (None, None)),
    ],
)  # fmt: skip
def test_layers_with_a_window_are_told_apart(fields: dict[str, Any], wanted: tuple[int | None, int | None]) -> None:
    assert window(**fields) == wanted


LINEAR = {
    "linear_num_value_heads": 32, "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_key_head_dim": 128,
    "linear_conv_kernel_dim": 4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, (None, None)),
        (
            {"model_type": "qwen3_next", "full_attention_interval": 4, **LINEAR},
            (9, 32 * 128 * 128 + (32 * 128 + 2 * 16 * 128) * 3),
        ),
        ({"layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 3}, (9, None)),
        ({"layer_types": ["linear_attention"]}, (None, None)),
        ({"model_type": "rwkv"}, (12, 3 * 64 + 2 * 64)),
        ({"model_type": "rwkv6", "head_size": 32}, (12, 32 * 64 + 2 * 64)),
        ({"model_type": "rwkv7", "attention_hidden_size": 1024}, (12, 64 * 1024 + 2 * 64)),
        (
            {"model_type": "kimi_linear", "linear_attn_config": {"full_attn_layers": [4, 8, 12], "num_heads": 32,
                                                                 "head_dim": 128, "short_conv_kernel_size": 4}},
            (9, 32 * 128 * 128 + 3 * 32 * 128 * 3),
        ),
        ({"linear_attn_config": {"full_attn_layers": [4], "num_heads": -1, "head_dim": 8}}, (11, None)),
        (
            {"attn_layer_period": 8, "attn_layer_offset": 4, "mamba_d_state": 16, "mamba_expand": 2},
            (11, 2 * 64 * (16 + 3)),
        ),
        ({"model_type": "mamba", "state_size": 16, "expand": 2, "conv_kernel": 4}, (12, 2 * 64 * 19)),
        (
            {
                "model_type": "nemotron_h", "hybrid_override_pattern": "M-M-M-M*M-M-", "mamba_num_heads": 2,
                "mamba_head_dim": 8, "ssm_state_size": 16, "n_groups": 2, "conv_kernel": 4,
            },
            (11, -(-(2 * 8 * 16 + (16 + 64) * 3) * 6 // 11)),
        ),
        ({"model_type": "kimi_linear", "linear_attn_config": {"full_attn_layers": [4, 8, 12]}}, (9, None)),
        ({"model_type": "kimi_linear", "linear_attn_config": {"full_attn_layers": "x"}}, (None, None)),
        ({"full_attention_interval": 40}, (None, None)),
        ({"full_attention_interval": "4"}, (None, None)),
    ],
)  # fmt: skip
def test_layers_with_a_state_are_told_apart(fields: dict[str, Any], wanted: tuple[int | None, int | None]) -> None:
    assert state(**fields) == wanted


def test_the_language_part_is_read() -> None:
    found = facts(model_type="x", text_config={"model_type": "gemma3_text", "sliding_window": 1024})
    assert (found.sliding_window, found.sliding_layers) == (1024, 10)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"tie_word_embeddings": True}, True),
        ({"tie_word_embeddings": False}, False),
        ({}, None),
        ({"model_type": "gemma2"}, True),
        ({"model_type": "gemma2", "tie_word_embeddings": False}, False),
        ({"model_type": "x", "text_config": {"model_type": "gemma2"}}, True),
    ],
)
def test_embeddings_are_tied_when_the_file_or_the_family_says_so(fields: dict[str, Any], wanted: bool | None) -> None:
    assert facts(**fields).tied_embeddings is wanted


def test_the_width_of_packed_weights_is_told() -> None:
    assert facts(quantization_config={"quant_method": "gptq", "bits": 8}).quantization_bits == 8
    assert facts().quantization_bits is None
