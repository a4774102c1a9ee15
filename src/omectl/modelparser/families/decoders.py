"""Families whose every layer is attention and one feed-forward part, and that only read and write text."""

from omectl.modelparser.families.parts import (
    ALL_DIMENSIONS,
    ATTENTION,
    ATTENTION_BIAS,
    DIMENSIONS,
    GATED,
    HEAD,
    LATENT,
    LATENT_FIELDS,
    LLAMA,
)
from omectl.modelparser.family import Family

_LLAMA_DEFAULTS = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
}
_NO_BIASES = {"attention_bias": 0, "mlp_bias": 0}

DECODERS: tuple[Family, ...] = (
    Family(
        model_types=("llama",),
        architecture="LlamaForCausalLM",
        required=ALL_DIMENSIONS,
        defaults=_NO_BIASES,
        nested_defaults=_LLAMA_DEFAULTS,
        parameters=LLAMA,
    ),
    Family(
        model_types=("granite", "xverse", "internlm2", "exaone", "ministral", "ministral3", "helium"),
        defaults=_NO_BIASES,
        parameters=LLAMA,
    ),
    Family(
        model_types=("mistral",),
        architecture="MistralModel",
        required=ALL_DIMENSIONS,
        defaults=_NO_BIASES,
        parameters=LLAMA,
    ),
    Family(
        model_types=("qwen",),
        context=("seq_length",),
        parameters=f"v*h + L*(2*h + 4*h*h + 3*h + 3*h*(i//2)) + h + {HEAD}",
    ),
    Family(
        model_types=("qwen2", "qwen2_vl_text", "qwen2_5_vl_text", "qwen2_5_omni_text"),
        context=("seq_length",),
        parameters=f"v*h + L*(2*h + {ATTENTION} + q + 2*k + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("qwen3", "qwen3_vl_text"),
        context=("seq_length",),
        defaults={"attention_bias": 0},
        parameters=f"v*h + L*(2*h + 2*d + {ATTENTION} + {ATTENTION_BIAS} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("gemma", "vaultgemma"),
        tied=True,
        required=DIMENSIONS,
        parameters=f"v*h + L*(2*h + {ATTENTION} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("gemma2",),
        tied=True,
        required=DIMENSIONS,
        parameters=f"v*h + L*(4*h + {ATTENTION} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("gemma3_text",),
        tied=True,
        required=DIMENSIONS,
        nested_defaults={"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256},
        parameters=f"v*h + L*(4*h + 2*d + {ATTENTION} + {GATED}) + h + {HEAD}",
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
        model_types=("phi3small",),
        tied=True,
        parameters=f"v*h + L*(4*h + {ATTENTION} + q + 2*k + h + 3*h*i + 2*i + h) + 2*h + {HEAD}",
    ),
    Family(
        model_types=("baichuan",),
        context=("model_max_length",),
        parameters=f"v*h + L*(2*h + {ATTENTION} + {GATED}) + h + {HEAD}",
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
        model_types=("internlm",),
        defaults={"bias": 1},
        parameters=f"v*h + L*(2*h + {ATTENTION} + bias*(q + 2*k + h) + {GATED}) + h + {HEAD}",
    ),
    Family(model_types=("minicpm",), tied=True, defaults=_NO_BIASES, parameters=LLAMA),
    Family(
        model_types=("minicpm3",),
        tied=True,
        defaults=LATENT_FIELDS | {"v_head_dim": 0},
        parameters=f"v*h + L*(2*h + {LATENT.replace('v_head_dim', '(h//H)')} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("stablelm",),
        defaults={"use_qkv_bias": 0, "use_parallel_residual": 0, "qk_layernorm": 0},
        parameters=(
            f"v*h + L*((4 - 2*use_parallel_residual)*h + {ATTENTION} + use_qkv_bias*(q + 2*k)"
            f" + qk_layernorm*(q + k) + {GATED}) + 2*h + {HEAD}"
        ),
    ),
    Family(
        model_types=("olmo2", "olmo3"),
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
    Family(model_types=("olmo",), parameters=f"v*h + L*({ATTENTION} + {GATED}) + {HEAD}"),
    Family(
        model_types=("glm",),
        defaults={"attention_bias": 0},
        parameters=f"v*h + L*(2*h + {ATTENTION} + attention_bias*(q + 2*k) + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("glm4", "glm4v_text"),
        defaults={"attention_bias": 0},
        parameters=f"v*h + L*(4*h + {ATTENTION} + attention_bias*(q + 2*k) + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("seed_oss",),
        defaults={"attention_bias": 1, "attention_out_bias": 0, "mlp_bias": 0},
        parameters=(
            f"v*h + L*(2*h + {ATTENTION} + attention_bias*(q + 2*k) + attention_out_bias*h + {GATED}"
            f" + mlp_bias*(2*i + h)) + h + {HEAD}"
        ),
    ),
    Family(model_types=("smollm3",), tied=True, defaults=_NO_BIASES, parameters=LLAMA),
    Family(model_types=("exaone4",), parameters=f"v*h + L*(2*h + 2*d + {ATTENTION} + {GATED}) + h + {HEAD}"),
    Family(
        model_types=("hunyuan_v1_dense", "hunyuan"),
        tied=True,
        defaults=_NO_BIASES | {"use_qk_norm": 1},
        parameters=f"v*h + L*(2*h + use_qk_norm*2*d + {ATTENTION} + {ATTENTION_BIAS} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("ernie4_5",),
        tied=True,
        defaults={"use_bias": 0},
        parameters=f"v*h + L*(2*h + {ATTENTION} + {GATED} + use_bias*(q + 2*k + 2*i + 2*h)) + h + {HEAD}",
    ),
    Family(
        model_types=("nemotron",),
        defaults=_NO_BIASES,
        parameters=f"v*h + L*(4*h + {ATTENTION} + {ATTENTION_BIAS} + 2*h*i + mlp_bias*(i + h)) + 2*h + {HEAD}",
    ),
    Family(
        model_types=("arcee",),
        defaults=_NO_BIASES,
        parameters=f"v*h + L*(2*h + {ATTENTION} + {ATTENTION_BIAS} + 2*h*i + mlp_bias*(i + h)) + h + {HEAD}",
    ),
    Family(
        model_types=("apertus",),
        defaults=_NO_BIASES,
        parameters=f"v*h + L*(2*h + 2*d + 2 + {ATTENTION} + {ATTENTION_BIAS} + 2*h*i) + h + {HEAD}",
    ),
    Family(
        model_types=("bitnet",),
        tied=True,
        parameters=f"v*h + L*(3*h + i + {ATTENTION} + {GATED}) + h + {HEAD}",
    ),
    Family(
        model_types=("gpt_neox",),
        defaults={"attention_bias": 1},
        parameters=f"v*h + L*(4*h + 4*h*h + attention_bias*4*h + 2*h*i + i + h) + 2*h + {HEAD}",
    ),
    Family(
        model_types=("gptj",),
        defaults={"n_inner": 0},
        parameters="v*h + L*(2*h + 4*h*h + 2*h*4*h + 5*h) + 2*h + lm*(v*h + v)",
    ),
    Family(
        model_types=("gpt_bigcode",),
        tied=True,
        defaults={"n_inner": 0, "n_positions": 1024, "multi_query": 1},
        parameters=(
            "(v + n_positions)*h + L*(4*h + (h + 1)*(h + (2*d if multi_query else 2*h)) + h*h + h"
            f" + 2*h*(n_inner if n_inner else 4*h) + (n_inner if n_inner else 4*h) + h) + 2*h + {HEAD}"
        ),
    ),
    Family(model_types=("bloom",), tied=True, parameters=f"v*h + 2*h + L*(12*h*h + 13*h) + 2*h + {HEAD}"),
    Family(
        model_types=("opt",),
        tied=True,
        parameters=f"(v + max_position_embeddings + 2)*h + L*(4*h*h + 9*h + 2*h*i + i) + 2*h + {HEAD}",
    ),
    Family(
        model_types=("mpt",),
        tied=True,
        context=("max_seq_len",),
        defaults={"expansion_ratio": 4},
        parameters=f"v*h + L*(2*h + 4*h*h + 2*expansion_ratio*h*h) + h + {HEAD}",
    ),
    Family(
        model_types=("persimmon",),
        defaults={"qk_layernorm": 1},
        parameters=f"v*h + L*(4*h + 4*h*h + 4*h + qk_layernorm*4*d + 2*h*i + i + h) + 2*h + {HEAD}",
    ),
    Family(
        model_types=("internlm3",),
        defaults={"bias": 0, "qkv_bias": 0},
        parameters=(
            f"v*h + L*(2*h + {ATTENTION} + qkv_bias*(q + 2*k) + bias*h + {GATED} + bias*(2*i + h)) + h + {HEAD}"
        ),
    ),
)
