"""The model families: what each one writes differently, as data. Names in formulas are explained in `family`."""

from collections.abc import Mapping

from omectl.modelparser.family import Family
from omectl.modelparser.formula_parts import (
    ATTENTION,
    ATTENTION_BIAS,
    BERT,
    BLOCKS,
    CLIP,
    DEEPSEEK,
    GATED,
    HEAD,
    LATENT,
    LLAMA,
    MERGER,
    QWEN3_VL,
    QWEN_MOE,
    SIGLIP,
    WITHOUT_HEAD,
)

_DIMENSIONS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
_ALL = (*_DIMENSIONS, "max_position_embeddings")
_LLAMA_DEFAULTS = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
}
_NO_BIASES = {"attention_bias": 0, "mlp_bias": 0}
_SPARSE = {"decoder_sparse_step": 1, "mlp_only_layers": 0, "attention_bias": 0}
_LATENT_FIELDS = {
    "q_lora_rank": 0, "kv_lora_rank": 0, "first_k_dense_replace": 0, "n_shared_experts": 0, "noaux_tc": 0,
}  # fmt: skip

FAMILIES: tuple[Family, ...] = (
    Family(
        model_types=("llama",),
        architecture="LlamaForCausalLM",
        required=_ALL,
        defaults=_NO_BIASES,
        nested_defaults=_LLAMA_DEFAULTS,
        parameters=LLAMA,
    ),
    Family(
        model_types=("granite", "xverse", "internlm2", "exaone", "ministral", "smollm3"),
        defaults=_NO_BIASES,
        parameters=LLAMA,
    ),
    Family(
        model_types=("llama4",),
        architecture="Llama4ForConditionalGeneration",
        language="llama4_text",
        tower=(
            f"patch*w + w + (grid + 1)*w + 4*w + {BLOCKS} + t*vision.projector_input_dim"
            " + vision.projector_input_dim*vision.projector_output_dim + vision.vision_output_dim*h"
        ),
    ),
    Family(
        model_types=("llama4_text",),
        defaults={"attention_bias": 0, "interleave_moe_layer_step": 1},
        parameters=(
            f"v*h + L*(2*h + {ATTENTION} + {ATTENTION_BIAS})"
            f" + L//interleave_moe_layer_step*(h*E + 3*(X + 1)*h*i)"
            f" + (L - L//interleave_moe_layer_step)*3*h*intermediate_size_mlp + h + {HEAD}"
        ),
    ),
    Family(model_types=("mllama",), architecture="MllamaForConditionalGeneration", vision=True),
    Family(
        model_types=("mistral",),
        architecture="MistralModel",
        required=_ALL,
        defaults=_NO_BIASES,
        parameters=LLAMA,
    ),
    Family(
        model_types=("mixtral",),
        architecture="MixtralForCausalLM",
        required=(*_ALL, "num_local_experts", "num_experts_per_tok"),
        parameters=f"v*h + L*(2*h + {ATTENTION} + h*E + 3*X*h*i) + h + {HEAD}",
    ),
    Family(
        model_types=("qwen",),
        context=("seq_length",),
        parameters=f"v*h + L*(2*h + 4*h*h + 3*h + 3*h*(i//2)) + h + {HEAD}",
    ),
    Family(
        model_types=("qwen2",),
        context=("seq_length",),
        parameters=f"v*h + L*(2*h + {ATTENTION} + q + 2*k + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("qwen2_moe",),
        context=("seq_length",),
        defaults=_SPARSE,
        parameters=QWEN_MOE.format(
            attention=f"{ATTENTION} + q + 2*k", shared="3*h*shared_expert_intermediate_size + h"
        ),
    ),
    Family(
        model_types=("qwen3",),
        context=("seq_length",),
        defaults={"attention_bias": 0},
        parameters=f"v*h + L*(2*h + 2*d + {ATTENTION} + {ATTENTION_BIAS} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("qwen3_moe",),
        context=("seq_length",),
        defaults=_SPARSE,
        parameters=QWEN_MOE.format(attention=f"2*d + {ATTENTION} + {ATTENTION_BIAS}", shared="0"),
    ),
    Family(
        model_types=("qwen2_vl",),
        vision=True,
        language="qwen2",
        tower=f"2*patch*w + {BLOCKS} + 2*w + {MERGER}",
    ),
    Family(
        model_types=("qwen2_5_vl",),
        vision=True,
        language="qwen2",
        tower=f"2*patch*w + N*(4*w*w + 7*w + 3*w*t + 2*t) + w + {MERGER}",
    ),
    Family(model_types=("qwen3_vl",), vision=True, language="qwen3", tower=QWEN3_VL),
    Family(model_types=("qwen3_vl_moe",), vision=True, language="qwen3_moe", tower=QWEN3_VL),
    Family(model_types=("qwen3_5", "qwen3_5_moe"), vision=True),
    Family(
        model_types=("deepseek_v3", "kimi_k2"),
        required=(*_ALL, "n_routed_experts", "num_experts_per_tok"),
        defaults=_LATENT_FIELDS,
        parameters=DEEPSEEK,
    ),
    Family(model_types=("deepseek_v2",), defaults=_LATENT_FIELDS, parameters=DEEPSEEK),
    Family(model_types=("deepseek_vl_v2",), architecture="DeepseekVLV2ForCausalLM", vision=True, context_default=4096),
    Family(
        model_types=("janus", "multi_modality"),
        architecture="JanusMultiModalityCausalLM",
        vision=True,
        context_default=4096,
    ),
    Family(
        model_types=("kimi_vl",),
        vision=True,
        language="deepseek_v3",
        tower=f"patch*w + w + 4096*w + {BLOCKS} + 2*w + 2*w + {MERGER}",
    ),
    Family(
        model_types=("gpt_oss",),
        architecture="GptOssForCausalLM",
        required=(*_ALL, "num_local_experts", "num_experts_per_tok"),
        parameters=(f"v*h + L*(2*h + {ATTENTION} + q + 2*k + h + H + h*E + E + X*(3*h*i + 2*i + h)) + h + {HEAD}"),
    ),
    Family(
        model_types=("gemma",),
        tied=True,
        required=_DIMENSIONS,
        parameters=f"v*h + L*(2*h + {ATTENTION} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("gemma2",),
        tied=True,
        required=_DIMENSIONS,
        parameters=f"v*h + L*(4*h + {ATTENTION} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("gemma3_text",),
        tied=True,
        required=_DIMENSIONS,
        nested_defaults={"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256},
        parameters=f"v*h + L*(4*h + 2*d + {ATTENTION} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("gemma3",),
        vision=True,
        tied=True,
        context_default=131072,
        language="gemma3_text",
        tower=f"{SIGLIP} + w*h + w",
        tower_types=("siglip_vision_model",),
    ),
    Family(
        model_types=("phi",),
        defaults={"qk_layernorm": 0},
        parameters=(
            f"v*h + L*(2*h + {ATTENTION} + q + 2*k + h + qk_layernorm*4*d + 2*h*i + i + h) + 2*h + lm*(v*h + v)"
        ),
    ),
    Family(model_types=("phi3",), parameters=f"v*h + L*(2*h + {ATTENTION} + {GATED}) + h + {HEAD}"),
    Family(
        model_types=("phi3_v",),
        language="phi3",
        # The tower is always CLIP ViT-L/14 at 336 pixels.
        tower="303507456 + 4096*h + h + h*h + h + 2*4096",
    ),
    Family(
        model_types=("phi3small",),
        tied=True,
        parameters=f"v*h + L*(4*h + {ATTENTION} + q + 2*k + h + 3*h*i + 2*i + h) + 2*h + {HEAD}",
    ),
    Family(
        model_types=("phimoe",),
        defaults={"attention_bias": 0, "lm_head_bias": 0},
        parameters=(
            f"v*h + L*(4*h + {ATTENTION} + {ATTENTION_BIAS} + h*E + 3*X*h*i) + 2*h + {HEAD} + lm*lm_head_bias*v"
        ),
    ),
    Family(
        model_types=("baichuan",),
        context=("model_max_length",),
        parameters=f"v*h + L*(2*h + {ATTENTION} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("bert",),
        encoder=True,
        defaults={"type_vocab_size": 2},
        parameters=(
            f"(v + max_position_embeddings + type_vocab_size)*h + 2*h + {BERT}"
            f" + (0 if lm else h*h + h) + {WITHOUT_HEAD} + cls*(labels*h + labels)"
        ),
    ),
    Family(
        model_types=("roberta", "xlm-roberta", "camembert"),
        encoder=True,
        defaults={"type_vocab_size": 1},
        parameters=(
            f"(v + max_position_embeddings + type_vocab_size)*h + 2*h + {BERT}"
            f" + (0 if lm else h*h + h) + {WITHOUT_HEAD} + cls*(labels*h + labels)"
        ),
    ),
    Family(
        model_types=("distilbert",),
        encoder=True,
        parameters=(
            f"(v + max_position_embeddings)*h + 2*h + {BERT} + {WITHOUT_HEAD} + cls*(h*h + h + labels*h + labels)"
        ),
    ),
    Family(
        model_types=("nomic_bert",),
        encoder=True,
        parameters="(v + type_vocab_size)*h + 2*h + L*(4*h*h + 3*h*n_inner + 4*h)",
    ),
    Family(
        model_types=("new",),
        encoder=True,
        parameters=(
            "(v + type_vocab_size)*h + 2*h + L*(4*h*h + 4*h + 3*h*i + h + 4*h) + cls*(h*h + h + labels*h + labels)"
        ),
    ),
    Family(
        model_types=("electra", "deberta", "deberta-v2", "modernbert", "mpnet", "albert", "ernie", "xlm"),
        encoder=True,
    ),
    Family(
        model_types=("chatglm",),
        context=("seq_length",),
        dtype="float16",
        bare_generates=True,
        defaults={"add_qkv_bias": 0},
        parameters=f"v*h + L*(2*h + {ATTENTION} + add_qkv_bias*(q + 2*k) + {GATED}) + h + v*h",
    ),
    Family(
        model_types=("cohere", "command-r", "cohere2"),
        tied=True,
        defaults={"use_qk_norm": 0, "attention_bias": 0},
        parameters=f"v*h + L*(h + {ATTENTION} + {ATTENTION_BIAS} + use_qk_norm*(q + k) + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("dbrx",),
        architecture="DbrxForCausalLM",
        context=("max_seq_len",),
        parameters=f"v*h + L*(2*h + {ATTENTION} + h*E + 3*X*h*ffn.ffn_hidden_size) + h + {HEAD}",
    ),
    Family(
        model_types=("internlm",),
        defaults={"bias": 1},
        parameters=f"v*h + L*(2*h + {ATTENTION} + bias*(q + 2*k + h) + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("internlm3",),
        defaults={"bias": 0, "qkv_bias": 0},
        parameters=(
            f"v*h + L*(2*h + {ATTENTION} + qkv_bias*(q + 2*k) + bias*h + {GATED} + bias*(2*i + h)) + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("llava",),
        vision=True,
        language="llama",
        tower=f"{CLIP} + w*h + h + h*h + h",
        tower_types=("clip_vision_model",),
    ),
    Family(model_types=("minicpm",), tied=True, defaults=_NO_BIASES, parameters=LLAMA),
    Family(
        model_types=("minicpm3",),
        tied=True,
        defaults=_LATENT_FIELDS | {"v_head_dim": 0},
        parameters=f"v*h + L*(2*h + {LATENT.replace('v_head_dim', '(h//H)')} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("minicpmv",),
        vision=True,
        language="qwen2",
        tower=f"{SIGLIP} + query_num*h + w*h + 4*h*h + 4*h + 6*h + h*h",
        tower_types=("siglip", "siglip_vision_model"),
    ),
    Family(model_types=("minicpmo", "phi4mm"), vision=True),
    Family(
        model_types=("stablelm",),
        defaults={"use_qkv_bias": 0, "use_parallel_residual": 0, "qk_layernorm": 0},
        parameters=(
            f"v*h + L*((4 - 2*use_parallel_residual)*h + {ATTENTION} + use_qkv_bias*(q + 2*k)"
            f" + qk_layernorm*(q + k) + {GATED}) + 2*h + {HEAD}"
        ),
    ),
    Family(
        model_types=("olmo2",),
        defaults={"attention_bias": 0},
        parameters=f"v*h + L*(2*h + q + k + {ATTENTION} + {ATTENTION_BIAS} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("gpt2",),
        tied=True,
        defaults={"n_inner": 0, "n_positions": 1024},
        parameters=(
            "(v + n_positions)*h + L*(4*h*h + 4*h + 4*h + 2*h*(n_inner if n_inner else 4*h)"
            f" + (n_inner if n_inner else 4*h) + h) + 2*h + {HEAD}"
        ),
    ),
    Family(
        model_types=("starcoder2",),
        tied=True,
        defaults={"use_bias": 1},
        parameters=(f"v*h + L*(4*h + {ATTENTION} + use_bias*(q + 2*k + h) + 2*h*i + use_bias*(i + h)) + 2*h + {HEAD}"),
    ),
    Family(
        model_types=("falcon",),
        tied=True,
        defaults={"bias": 0, "new_decoder_architecture": 0, "parallel_attn": 1},
        parameters=(
            "v*h + L*((4 if new_decoder_architecture else (2 if parallel_attn else 4))*h"
            f" + {ATTENTION} + 8*h*h + bias*(q + 2*k + 6*h)) + 2*h + {HEAD}"
        ),
    ),
    Family(
        model_types=("jamba",),
        defaults={"mamba_expand": 2, "mamba_d_state": 16, "mamba_d_conv": 4},
        parameters=(
            f"v*h + L*2*h + L//attn_layer_period*({ATTENTION})"
            " + (L - L//attn_layer_period)*(2*h*mamba_expand*h + mamba_expand*h*(mamba_d_conv + 1)"
            " + mamba_expand*h*(h//16 + 2*mamba_d_state) + (h//16)*mamba_expand*h + mamba_expand*h"
            " + mamba_expand*h*mamba_d_state + mamba_expand*h + mamba_expand*h*h + h//16 + 2*mamba_d_state)"
            f" + L//expert_layer_period*(h*E + 3*X*h*i) + (L - L//expert_layer_period)*{GATED} + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("whisper",),
        parameters=(
            "3*num_mel_bins*d_model + d_model + 3*d_model*d_model + d_model + max_source_positions*d_model"
            " + encoder_layers*(4*d_model*d_model + 3*d_model + 2*d_model*encoder_ffn_dim + encoder_ffn_dim + d_model"
            " + 4*d_model) + 2*d_model"
            " + v*d_model + max_target_positions*d_model"
            " + decoder_layers*(8*d_model*d_model + 6*d_model + 2*d_model*decoder_ffn_dim + decoder_ffn_dim + d_model"
            " + 6*d_model) + 2*d_model"
        ),
    ),
    Family(
        model_types=("wav2vec2",),
        # The usual front end: seven convolutions of 512 channels with one group norm, positions in 16 groups of 128.
        parameters=(
            "4199424 + 1024 + 1024 + 512*h + h + 128*(h//16)*h + h + 128 + 2*h + L*(4*h*h + 9*h + 2*h*i + i) + v*h + v"
        ),
    ),
)

_ANY = Family(model_types=())
_BY_TYPE: Mapping[str, Family] = {name: family for family in FAMILIES for name in family.model_types}
_SPELLED: Mapping[str, str] = {
    "qwen3_vl_text": "qwen3",
    "qwen3_vl_moe_text": "qwen3_moe",
    "qwen2_vl_text": "qwen2",
    "qwen2_5_vl_text": "qwen2",
}


def family_of(model_type: str) -> Family:
    """The family of a model type; the usual rules when it is not listed."""
    return _BY_TYPE.get(_SPELLED.get(model_type, model_type), _ANY)
