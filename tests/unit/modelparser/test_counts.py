"""Parameter counts from configurations alone, against the published totals of public models."""

import json
from pathlib import Path

import pytest

from omectl.modelparser.configuration import read_configuration
from omectl.modelparser.counts import configured_parameters
from omectl.modelparser.document import Section

_PUBLISHED_FILE = Path(__file__).with_name("published.json")


def dense(kind: str, h: int, layers: int, heads: int, kv: int, i: int, v: int, **more: object) -> dict[str, object]:
    return {
        "model_type": kind, "hidden_size": h, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": kv, "intermediate_size": i, "vocab_size": v, "max_position_embeddings": 4096, **more,
    }  # fmt: skip


_PUBLISHED: dict[str, tuple[dict[str, object], int]] = {
    "Llama-3.1-8B": (dense("llama", 4096, 32, 32, 8, 14336, 128256), 8_030_261_248),
    "Llama-3.2-1B": (dense("llama", 2048, 16, 32, 8, 8192, 128256, tie_word_embeddings=True), 1_235_814_400),
    "Falcon3-7B": (dense("llama", 3072, 28, 12, 4, 23040, 131072, head_dim=256), 7_455_550_464),
    "Mistral-Nemo": (
        dense("mistral", 5120, 40, 32, 8, 14336, 131072, head_dim=128, architectures=["MistralForCausalLM"]),
        12_247_782_400,
    ),
    "Mixtral-8x7B": (
        dense("mixtral", 4096, 32, 32, 8, 14336, 32000, num_local_experts=8, num_experts_per_tok=2),
        46_702_792_704,
    ),
    "Qwen2.5-7B": (dense("qwen2", 3584, 28, 28, 4, 18944, 152064), 7_615_616_512),
    "Qwen3-8B": (dense("qwen3", 4096, 36, 32, 8, 12288, 151936, head_dim=128), 8_190_735_360),
    "Qwen3-30B-A3B": (
        dense("qwen3_moe", 2048, 48, 32, 4, 6144, 151936, head_dim=128, num_experts=128, num_experts_per_tok=8,
              moe_intermediate_size=768),
        30_532_122_624,
    ),
    "DeepSeek-V2-Lite": (
        dense("deepseek_v2", 2048, 27, 16, 16, 10944, 102400, q_lora_rank=None, kv_lora_rank=512, qk_nope_head_dim=128,
              qk_rope_head_dim=64, v_head_dim=128, n_routed_experts=64, n_shared_experts=2, num_experts_per_tok=6,
              moe_intermediate_size=1408, first_k_dense_replace=1),
        15_706_484_224,
    ),
    "gpt-oss-20b": (
        dense("gpt_oss", 2880, 24, 64, 8, 2880, 201088, head_dim=64, num_local_experts=32, num_experts_per_tok=4),
        20_914_757_184,
    ),
    "gemma-2-2b": (dense("gemma2", 2304, 26, 8, 4, 9216, 256000, head_dim=256), 2_614_341_888),
    "gemma-3-1b": (dense("gemma3_text", 1152, 26, 4, 1, 6912, 262144, head_dim=256), 999_885_952),
    "Phi-3-mini": (dense("phi3", 3072, 32, 32, 32, 8192, 32064), 3_821_079_552),
    "phi-2": (dense("phi", 2560, 32, 32, 32, 10240, 51200), 2_779_683_840),
    "command-r": (dense("cohere", 8192, 40, 64, 64, 22528, 256000), 34_980_831_232),
    "Baichuan2-7B": (dense("baichuan", 4096, 32, 32, 32, 11008, 125696), 7_505_973_248),
    "starcoder2-7b": (dense("starcoder2", 4608, 32, 36, 4, 18432, 49152), 7_173_923_840),
    "stablelm-2-1.6b": (dense("stablelm", 2048, 24, 32, 32, 5632, 100352, use_qkv_bias=True), 1_644_515_328),
    "falcon-7b": (
        {"model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
         "vocab_size": 65024, "multi_query": True, "parallel_attn": True, "bias": False},
        6_921_720_704,
    ),
    "gpt2": ({"model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12, "vocab_size": 50257}, 124_439_808),
    "bge-large-en-v1.5": (
        dense("bert", 1024, 24, 16, 16, 4096, 30522, architectures=["BertModel"], max_position_embeddings=512),
        335_141_888,
    ),
    "whisper-small": (
        {"model_type": "whisper", "d_model": 768, "encoder_layers": 12, "decoder_layers": 12, "encoder_ffn_dim": 3072,
         "decoder_ffn_dim": 3072, "num_mel_bins": 80, "max_source_positions": 1500, "max_target_positions": 448,
         "vocab_size": 51865},
        241_734_912,
    ),
    "llava-1.5-7b": (
        {"model_type": "llava", "text_config": {"model_type": "llama", "vocab_size": 32064},
         "vision_config": {"model_type": "clip_vision_model", "hidden_size": 1024, "image_size": 336, "patch_size": 14,
                           "intermediate_size": 4096, "num_hidden_layers": 24}},
        7_063_427_072,
    ),
}  # fmt: skip


def count(config: dict[str, object]) -> int | None:
    return configured_parameters(read_configuration(Section("config.json", config)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", _PUBLISHED)
def test_a_public_models_configuration_gives_its_published_total(name: str) -> None:
    config, published = _PUBLISHED[name]
    assert count(config) == published


@pytest.mark.parametrize(
    ("name", "active"),
    [
        # Published: 12.9B, 3.3B, 2.4B and 3.61B; the last two without the embedding of the input.
        ("Mixtral-8x7B", 46_702_792_704 - 32 * 6 * 3 * 4096 * 14336),
        ("Qwen3-30B-A3B", 30_532_122_624 - 48 * 120 * 3 * 2048 * 768),
        ("DeepSeek-V2-Lite", 15_706_484_224 - 26 * 58 * 3 * 2048 * 1408),
        ("gpt-oss-20b", 20_914_757_184 - 24 * 28 * 3 * (2880 + 1) * 2880),
        ("Llama-3.1-8B", None),
    ],
)
def test_active_parameters_follow_from_the_same_formula(name: str, active: int | None) -> None:
    config = read_configuration(Section("config.json", _PUBLISHED[name][0]))  # type: ignore[arg-type]
    assert configured_parameters(config, active=True) == active


@pytest.mark.parametrize("architecture", ["LlamaModel", "LlamaForSequenceClassification"])
def test_only_a_writing_architecture_has_an_output_layer(architecture: str) -> None:
    config = dense("llama", 4096, 32, 32, 8, 14336, 128256)
    heads = {"LlamaModel": 0, "LlamaForSequenceClassification": 4096}
    wanted = 8_030_261_248 - 128256 * 4096 + heads[architecture]
    assert count(config | {"architectures": [architecture], "num_labels": 1}) == wanted


def test_a_family_without_formula_is_not_guessed() -> None:
    assert count(dense("brand_new", 4096, 32, 32, 8, 14336, 128256)) is None


def test_a_vision_part_that_no_formula_covers_is_not_left_out() -> None:
    assert count(dense("llama", 4096, 32, 32, 8, 14336, 128256, vision_config={"hidden_size": 8})) is None
    llava, _ = _PUBLISHED["llava-1.5-7b"]
    assert count(llava | {"vision_config": {"model_type": "siglip_vision_model"}}) is None


def test_a_missing_dimension_leaves_the_count_unknown() -> None:
    config = dense("granite", 4096, 32, 32, 8, 14336, 128256)
    assert count(config) is not None
    assert count({name: value for name, value in config.items() if name != "intermediate_size"}) is None


@pytest.mark.parametrize("ratio", [float("inf"), float("nan"), 1e308, 10**400, -1, "4", None])
def test_an_absurd_ratio_leaves_the_count_unknown(ratio: object) -> None:
    vision = {"depth": 2, "embed_dim": 8, "mlp_ratio": ratio, "patch_size": 2}
    config = dense("qwen2_vl", 64, 2, 2, 2, 128, 100, vision_config=vision)
    assert count(config) is None
    assert count(config | {"vision_config": vision | {"mlp_ratio": 4}}) is not None


def test_an_absurd_product_is_not_a_count() -> None:
    assert count(dense("granite", 2**31 - 1, 10_000, 8, 8, 2**31 - 1, 2**31 - 1)) is None


def test_sparse_attention_adds_what_the_hub_counts_more() -> None:
    """DeepSeek's V3.2 is V3.1 with an indexer in each layer; the hub counts one layer more, and scales of 8 bits."""
    shapes = dense("deepseek_v3", 7168, 61, 128, 128, 18432, 129280, q_lora_rank=1536, kv_lora_rank=512,
                   qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128, n_routed_experts=256, n_shared_experts=1,
                   num_experts_per_tok=8, moe_intermediate_size=2048, first_k_dense_replace=3)  # fmt: skip
    shapes |= {"topk_method": "noaux_tc"}
    indexed = count(shapes | {"model_type": "deepseek_v32", "index_n_heads": 64, "index_head_dim": 128}) or 0
    added, left = divmod(indexed - (count(shapes) or 0), 61)
    scales = (64 * 128 * 1536 + 7168 * 128) // 128**2
    assert (count(shapes), left) == (671_026_419_200, 0)
    assert 62 * (added + scales) == 685_396_921_376 - 684_531_386_000


def test_what_speaks_counts_its_own_experts() -> None:
    """The same formula with the experts that a token is sent to, in what thinks and in what speaks."""
    row = next(row for row in json.loads(_PUBLISHED_FILE.read_bytes()) if "Omni-30B-A3B-Instruct" in row["name"])
    config = read_configuration(Section("config.json", row["configuration"]))
    total, active = configured_parameters(config), configured_parameters(config, active=True)
    idle = 48 * 120 * 3 * 2048 * 768 + 20 * 122 * 3 * 1024 * 384
    assert (total, active) == (35_259_818_545, 35_259_818_545 - idle)


def test_parts_that_a_file_leaves_to_their_classes_are_counted_by_the_familys_defaults() -> None:
    text = {
        "model_type": "gemma3n_text",
        "hidden_size": 2048,
        "intermediate_size": [8192] * 30,
        "num_hidden_layers": 30,
    }
    short = {"model_type": "gemma3n", "text_config": text, "audio_config": {"hidden_size": 1536}, "vision_config": {}}
    assert count(short) == 5_439_438_272
    wider = short | {"audio_config": {"vocab_size": 129}}
    assert count(wider) == 5_439_438_272 + 1536


def test_a_list_of_widths_is_summed_and_a_number_taken_for_every_layer() -> None:
    row = next(row for row in json.loads(_PUBLISHED_FILE.read_bytes()) if row["name"] == "google/gemma-3n-E4B-it")
    text = row["configuration"]["text_config"]
    assert count(row["configuration"]) == count(
        row["configuration"] | {"text_config": text | {"intermediate_size": 16384}}
    )
    narrow = text | {"intermediate_size": [16384] * 34 + [8192]}
    assert count(row["configuration"] | {"text_config": narrow}) == 7_849_978_192 - 3 * 2048 * 8192
