"""Pipelines without weights: counted by the configurations of their components.

Figures: what diffusers counts of Stable Diffusion 1.5 and XL, FLUX.1, Qwen-Image, Stable Diffusion 3 and Wan 2.1, and
"860M UNet and 123M text encoder" as the card of Stable Diffusion has it. Stored positions count.
"""

import json
from typing import Any

import pytest

from omectl.api.facts import ModelFacts
from omectl.modelparser import SafetensorsHeader, Tensor, TensorSummary, parse_model
from omectl.modelparser.components import component_parameters

_DOWN, _UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
_ENCODERS: dict[str, list[str]] = {
    "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip
UNET = {
    "_class_name": "UNet2DConditionModel", "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
    "cross_attention_dim": 768, "in_channels": 4, "out_channels": 4,
    "down_block_types": [_DOWN] * 3 + ["DownBlock2D"], "up_block_types": ["UpBlock2D"] + [_UP] * 3,
}  # fmt: skip
UNET_XL = {
    "_class_name": "UNet2DConditionModel", "block_out_channels": [320, 640, 1280], "layers_per_block": 2,
    "cross_attention_dim": 2048, "transformer_layers_per_block": [1, 2, 10], "addition_embed_type": "text_time",
    "projection_class_embeddings_input_dim": 2816, "down_block_types": ["DownBlock2D", _DOWN, _DOWN],
    "up_block_types": [_UP, _UP, "UpBlock2D"],
}  # fmt: skip
VAE = {
    "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
    "latent_channels": 4, **_ENCODERS,
}  # fmt: skip
VAE_FLUX = VAE | {"latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
CLIP = {
    "model_type": "clip_text_model", "architectures": ["CLIPTextModel"], "hidden_size": 768, "num_hidden_layers": 12,
    "num_attention_heads": 12, "intermediate_size": 3072, "vocab_size": 49408, "max_position_embeddings": 77,
    "projection_dim": 768,
}  # fmt: skip
CLIP_G = CLIP | {
    "architectures": ["CLIPTextModelWithProjection"], "hidden_size": 1280, "num_hidden_layers": 32,
    "num_attention_heads": 20, "intermediate_size": 5120, "projection_dim": 1280,
}  # fmt: skip
T5 = {
    "model_type": "t5", "architectures": ["T5EncoderModel"], "d_model": 4096, "num_layers": 24, "num_heads": 64,
    "d_kv": 64, "d_ff": 10240, "vocab_size": 32128, "feed_forward_proj": "gated-gelu",
}  # fmt: skip
FLUX = {
    "_class_name": "FluxTransformer2DModel", "num_attention_heads": 24, "attention_head_dim": 128, "in_channels": 64,
    "joint_attention_dim": 4096, "pooled_projection_dim": 768, "guidance_embeds": True, "num_layers": 19,
    "num_single_layers": 38,
}  # fmt: skip
SD3 = {
    "_class_name": "SD3Transformer2DModel", "num_attention_heads": 24, "attention_head_dim": 64, "num_layers": 24,
    "in_channels": 16, "out_channels": 16, "joint_attention_dim": 4096, "pooled_projection_dim": 2048,
    "pos_embed_max_size": 192,
}  # fmt: skip
QWEN = {
    "_class_name": "QwenImageTransformer2DModel", "num_attention_heads": 24, "attention_head_dim": 128,
    "num_layers": 60, "in_channels": 64, "out_channels": 16, "joint_attention_dim": 3584,
}  # fmt: skip
WAN = {
    "_class_name": "WanTransformer3DModel", "num_attention_heads": 12, "attention_head_dim": 128, "num_layers": 30,
    "ffn_dim": 8960, "freq_dim": 256, "text_dim": 4096, "in_channels": 16, "out_channels": 16, "image_dim": None,
}  # fmt: skip


def parameters(config: dict[str, Any]) -> int | None:
    return component_parameters("c/config.json", json.dumps(config).encode())


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (UNET, 859_520_964),
        (UNET_XL, 2_567_463_684),
        (VAE, 83_653_863),
        (VAE_FLUX, 83_819_683),
        (CLIP, 123_060_480),
        (CLIP_G, 694_659_840),
        (T5, 4_762_310_656),
        (FLUX, 11_901_408_320),
        (SD3, 2_084_951_104),
        (SD3 | {"num_attention_heads": 38, "num_layers": 38, "qk_norm": "rms_norm"}, 8_056_627_520 + 192 * 192 * 2432),
        (QWEN, 20_430_401_088),
        (WAN, 1_418_996_800),
        (WAN | {"num_attention_heads": 40, "ffn_dim": 13824, "num_layers": 40}, 14_288_491_584),
    ],
    ids=["unet", "unet xl", "vae", "vae flux", "clip l", "clip g", "t5 xxl", "flux", "sd3", "sd3.5 large", "qwen image",
         "wan 1.3b", "wan 14b"],
)  # fmt: skip
def test_a_components_shapes_give_its_count(config: dict[str, Any], wanted: int) -> None:
    assert parameters(config) == wanted


@pytest.mark.parametrize(
    "config",
    [
        UNET | {"down_block_types": ["AttnDownBlock2D"] * 4},
        UNET | {"down_block_types": [_DOWN] * 3},
        UNET | {"block_out_channels": []},
        UNET | {"block_out_channels": [320, "640", 1280, 1280]},
        UNET | {"block_out_channels": [True, 640, 1280, 1280]},
        UNET | {"layers_per_block": 17},
        UNET | {"layers_per_block": 1.5},
        UNET | {"class_embed_type": "timestep"},
        UNET | {"addition_embed_type": "image"},
        UNET | {"addition_embed_type": "text_time"},
        VAE | {"latent_channels": -4},
        VAE | {"up_block_types": ["AttnUpDecoderBlock2D"] * 4},
        WAN | {"image_dim": 1280},
        FLUX | {"num_layers": "19"},
        {"_class_name": "Cosmos"},
        {"model_type": "made_up"},
        {},
    ],
)  # fmt: skip
def test_what_no_formula_covers_is_not_guessed(config: dict[str, Any]) -> None:
    assert parameters(config) is None


def pipeline(components: dict[str, dict[str, Any]], weights: dict[str, int] | None = None) -> ModelFacts:
    index = {"_class_name": "FluxPipeline", **{name: ["diffusers", "X"] for name in components}}
    files = {"model_index.json": json.dumps(index).encode()}
    files |= {f"{name}/config.json": json.dumps(config).encode() for name, config in components.items()}
    headers = {
        f"{name}/model.safetensors": SafetensorsHeader((Tensor("w", "F32", (count,), 0, 4 * count),), {}, 8, 4 * count)
        for name, count in (weights or {}).items()
    }
    sizes = {path: len(data) for path, data in files.items()} | dict.fromkeys(headers, 4096)
    return parse_model(files, TensorSummary(headers), sizes)


def test_a_pipeline_counts_its_components_by_their_shapes() -> None:
    facts = pipeline({"transformer": FLUX, "text_encoder": CLIP, "text_encoder_2": T5, "vae": VAE_FLUX})
    assert facts.parameter_count == 11_901_408_320 + 123_060_480 + 4_762_310_656 + 83_819_683
    assert facts.parameter_count_source == (facts.sources or {})["parameterCount"] == "configuration"


def test_one_component_without_a_formula_leaves_the_count_unknown() -> None:
    facts = pipeline({"transformer": FLUX, "vae": VAE | {"_class_name": "AutoencoderKLWan"}})
    assert (facts.parameter_count, facts.parameter_count_source) == (None, None)


def test_headers_come_before_shapes_and_only_what_has_weights_counts() -> None:
    facts = pipeline({"transformer": FLUX, "text_encoder": CLIP}, {"transformer": 100, "text_encoder": 10})
    assert (facts.parameter_count, facts.parameter_count_source) == (110, "tensors")
    facts = pipeline({"transformer": FLUX, "feature_extractor": CLIP}, {"transformer": 100})
    assert (facts.parameter_count, facts.parameter_count_source) == (100, "tensors")
