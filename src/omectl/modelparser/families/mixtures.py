"""Families with mixtures of experts: a router sends each token to some of many feed-forward parts."""

from omectl.modelparser.families.parts import (
    ALL_DIMENSIONS,
    ATTENTION,
    ATTENTION_BIAS,
    DEEPSEEK,
    ERNIE_SPARSE,
    GATED,
    HEAD,
    INDEXER,
    LATENT,
    LATENT_FIELDS,
    QWEN_MOE,
)
from omectl.modelparser.family import Family

_SPARSE = {"decoder_sparse_step": 1, "mlp_only_layers": 0, "attention_bias": 0}

MIXTURES: tuple[Family, ...] = (
    Family(
        model_types=("llama4_text",),
        defaults={"attention_bias": 0, "interleave_moe_layer_step": 1},
        parameters=(
            f"v*h + L*(2*h + {ATTENTION} + {ATTENTION_BIAS})"
            f" + L//interleave_moe_layer_step*(h*E + 3*(X + 1)*h*i)"
            f" + (L - L//interleave_moe_layer_step)*3*h*intermediate_size_mlp + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("mixtral",),
        architecture="MixtralForCausalLM",
        required=(*ALL_DIMENSIONS, "num_local_experts", "num_experts_per_tok"),
        parameters=f"v*h + L*(2*h + {ATTENTION} + h*E + 3*X*h*i) + h + {HEAD}",
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
        model_types=("qwen3_moe", "qwen3_vl_moe_text", "qwen3_omni_moe_text"),
        context=("seq_length",),
        defaults=_SPARSE,
        parameters=QWEN_MOE.format(attention=f"2*d + {ATTENTION} + {ATTENTION_BIAS}", shared="0"),
    ),
    Family(
        model_types=("deepseek_v3", "kimi_k2"),
        required=(*ALL_DIMENSIONS, "n_routed_experts", "num_experts_per_tok"),
        defaults=LATENT_FIELDS,
        parameters=DEEPSEEK,
    ),
    Family(model_types=("deepseek_v2", "glm4_moe_lite"), defaults=LATENT_FIELDS, parameters=DEEPSEEK),
    Family(
        model_types=("gpt_oss",),
        architecture="GptOssForCausalLM",
        required=(*ALL_DIMENSIONS, "num_local_experts", "num_experts_per_tok"),
        parameters=(f"v*h + L*(2*h + {ATTENTION} + q + 2*k + h + H + h*E + E + X*(3*h*i + 2*i + h)) + h + {HEAD}"),
    ),
    Family(
        model_types=("phimoe",),
        defaults={"attention_bias": 0, "lm_head_bias": 0},
        parameters=(
            f"v*h + L*(4*h + {ATTENTION} + {ATTENTION_BIAS} + h*E + 3*X*h*i) + 2*h + {HEAD} + lm*lm_head_bias*v"
        ),
    ),
    Family(
        model_types=("dbrx",),
        architecture="DbrxForCausalLM",
        context=("max_seq_len",),
        parameters=f"v*h + L*(2*h + {ATTENTION} + h*E + 3*X*h*ffn.ffn_hidden_size) + h + {HEAD}",
    ),
    Family(
        model_types=("deepseek_v32",),
        required=(*ALL_DIMENSIONS, "n_routed_experts", "num_experts_per_tok"),
        defaults=LATENT_FIELDS,
        # Beside the usual ones each layer has an indexer that chooses the tokens to attend to.
        parameters=f"{DEEPSEEK} + {INDEXER}",
    ),
    Family(
        model_types=("glm_moe_dsa",),
        defaults=LATENT_FIELDS | {"index_n_heads": 32, "index_head_dim": 128},
        # Its routers have biases whatever the file calls the method.
        parameters=f"{DEEPSEEK.replace('noaux_tc*E', 'E')} + {INDEXER}",
    ),
    Family(
        model_types=("glm4_moe", "glm4v_moe_text"),
        defaults={"attention_bias": 0, "use_qk_norm": 0, "n_shared_experts": 0, "first_k_dense_replace": 0},
        parameters=(
            f"v*h + L*(2*h + {ATTENTION} + attention_bias*(q + 2*k) + use_qk_norm*2*d)"
            f" + first_k_dense_replace*{GATED}"
            f" + (L - first_k_dense_replace)*(h*E + E + 3*(X + n_shared_experts)*h*m) + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("dots1",),
        defaults={"n_shared_experts": 0, "first_k_dense_replace": 0, "attention_bias": 0},
        parameters=(
            f"v*h + L*(2*h + {ATTENTION} + {ATTENTION_BIAS} + 2*d) + first_k_dense_replace*{GATED}"
            f" + (L - first_k_dense_replace)*(h*E + E + 3*(X + n_shared_experts)*h*m) + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("minimax_m2",),
        defaults={"use_qk_norm": 1},
        parameters=f"v*h + L*(2*h + use_qk_norm*(q + k) + {ATTENTION} + h*E + E + 3*X*h*i) + h + {HEAD}",
    ),
    Family(
        model_types=("granitemoe",),
        defaults={"attention_bias": 0},
        parameters=f"v*h + L*(2*h + {ATTENTION} + {ATTENTION_BIAS} + h*E + 3*X*h*i) + h + {HEAD}",
    ),
    Family(
        model_types=("ernie4_5_moe",),
        tied=True,
        defaults={"use_bias": 0, "moe_num_shared_experts": 0, "moe_layer_start_index": 0, "moe_layer_interval": 1},
        parameters=(
            f"v*h + L*(2*h + {ATTENTION} + use_bias*(q + 2*k + h)) + (L - {ERNIE_SPARSE})*{GATED}"
            f" + {ERNIE_SPARSE}*(h*E + E + 3*(X + moe_num_shared_experts)*h*m) + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("hunyuan_v1_moe",),
        defaults={"use_qk_norm": 1, "num_shared_expert": 1, "attention_bias": 0},
        parameters=(
            f"v*h + L*(2*h + use_qk_norm*2*d + {ATTENTION} + {ATTENTION_BIAS} + h*E + 3*X*h*i + 3*h*i) + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("olmoe", "flex_olmo"),
        parameters=f"v*h + L*(2*h + q + k + {ATTENTION} + h*E + 3*X*h*i) + h + {HEAD}",
    ),
    Family(
        model_types=("longcat_flash",),
        defaults={"zero_expert_num": 0},
        # Each layer has two attentions and two dense parts around one mixture.
        parameters=(
            f"v*h + num_layers*(4*h + 2*({LATENT}) + 6*h*ffn_hidden_size + (h + 1)*(E + zero_expert_num)"
            f" + 3*X*h*expert_ffn_hidden_size) + h + {HEAD}"
        ),
    ),
)
