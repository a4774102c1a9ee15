"""Families whose layers, or some of them, keep a state: Mamba, linear attention, short convolutions."""

from omectl.modelparser.families.parts import (
    ATTENTION,
    DELTA_NET,
    FALCON_MAMBA,
    GATED,
    GRANITE_MAMBA,
    HEAD,
    KIMI_DELTA,
    LATENT,
    LATENT_FIELDS,
    LFM_CONV,
    LFM_WIDTH,
    MAMBA2,
    NEMOTRON_MAMBA,
    QWEN_GATED_ATTENTION,
    RANK,
    RWKV_MIX,
    RWKV_RANK,
    RWKV_WIDTH,
    SPARSE_LAYERS,
)
from omectl.modelparser.family import Family

_MAMBA = {"expand": 2, "conv_kernel": 4, "use_conv_bias": 1, "state_size": 16, "n_groups": 1}

HYBRIDS: tuple[Family, ...] = (
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
        model_types=("qwen3_next", "qwen3_5_moe_text"),
        context=("seq_length",),
        defaults={"decoder_sparse_step": 1, "mlp_only_layers": 0, "full_attention_interval": 4},
        parameters=(
            f"v*h + L*2*h + S*{DELTA_NET} + A*({QWEN_GATED_ATTENTION})"
            f" + {SPARSE_LAYERS}*(h*E + 3*X*h*m + 3*h*shared_expert_intermediate_size + h)"
            f" + (L - {SPARSE_LAYERS})*{GATED} + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("qwen3_5_text",),
        defaults={"full_attention_interval": 4},
        parameters=f"v*h + L*(2*h + {GATED}) + S*{DELTA_NET} + A*({QWEN_GATED_ATTENTION}) + h + {HEAD}",
    ),
    Family(
        model_types=("minimax", "minimax_text_01", "minimax_m1"),
        parameters=(f"v*h + L*(2*h + h*E + 3*X*h*i) + A*({ATTENTION}) + S*(5*h*q + q) + h + {HEAD}"),
    ),
    Family(
        model_types=("nemotron_h",),
        defaults={"use_conv_bias": 1, "moe_intermediate_size": 0, "moe_shared_expert_intermediate_size": 0},
        parameters=(
            f"v*h + L*h + S*{NEMOTRON_MAMBA} + A*({ATTENTION}) + kinds.mlp*2*h*i"
            " + kinds.moe*(h*E + E + 2*X*h*moe_intermediate_size + 2*h*moe_shared_expert_intermediate_size)"
            f" + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("granitemoehybrid",),
        tied=True,
        defaults={"mamba_expand": 2, "mamba_n_groups": 1, "mamba_d_conv": 4, "mamba_conv_bias": 1},
        parameters=(
            f"v*h + L*(2*h + h*E + 3*X*h*i + 3*h*shared_intermediate_size) + S*{GRANITE_MAMBA} + A*({ATTENTION})"
            f" + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("falcon_h1",),
        defaults={"mamba_conv_bias": 1, "mamba_rms_norm": 0, "mamba_d_ssm": 0, "mamba_expand": 2, "mamba_d_conv": 4},
        parameters=f"v*h + L*(2*h + {ATTENTION} + {GATED} + {FALCON_MAMBA}) + h + {HEAD}",
    ),
    Family(
        model_types=("mamba", "falcon_mamba"),
        tied=True,
        defaults=_MAMBA,
        parameters=(
            f"v*h + L*(h + 2*expand*h*h + expand*h*(conv_kernel + use_conv_bias) + expand*h*({RANK} + 2*state_size)"
            f" + {RANK}*expand*h + expand*h + expand*h*(state_size + 1) + expand*h*h) + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("mamba2",),
        defaults=_MAMBA,
        parameters=f"v*h + L*(h + {MAMBA2}) + h + {HEAD}",
    ),
    Family(
        model_types=("rwkv",),
        defaults={"intermediate_size": 0, "attention_hidden_size": 0},
        parameters=(
            f"v*h + 2*h + L*(4*h + 5*{RWKV_WIDTH} + 4*h*{RWKV_WIDTH} + 2*h"
            " + 2*h*(intermediate_size if intermediate_size else 4*h) + h*h) + 2*h + lm*v*h"
        ),
    ),
    Family(
        model_types=("rwkv5",),
        defaults={"intermediate_size": 0, "attention_hidden_size": 0},
        parameters=f"v*h + 4*h + L*(10*h + 4*{RWKV_WIDTH} + 5*h*{RWKV_WIDTH} + {RWKV_MIX}) + lm*v*h",
    ),
    Family(
        model_types=("rwkv6",),
        defaults={"intermediate_size": 0, "attention_hidden_size": 0},
        # The usual ranks of what moves with the token, twice as much from a width of 4096 on.
        parameters=(
            f"v*h + 4*h + L*(12*h + 4*{RWKV_WIDTH} + 5*h*{RWKV_WIDTH} + {RWKV_MIX}"
            f" + {RWKV_RANK}*(10*h + 2*h + 2*{RWKV_WIDTH})) + lm*v*h"
        ),
    ),
    Family(
        model_types=("rwkv7",),
        defaults={
            "intermediate_size": 0,
            "decay_low_rank_dim": 64,
            "gate_low_rank_dim": 128,
            "a_low_rank_dim": 64,
            "v_low_rank_dim": 16,
            "norm_bias": 1,
        },
        # The first layer has a norm more, and no values of an earlier one to mix in.
        parameters=(
            "v*h + (1 + norm_bias)*2*h + L*(4*h*h + 2*h*(decay_low_rank_dim + a_low_rank_dim + gate_low_rank_dim)"
            " + 14*h + (1 + norm_bias)*2*h + 2*h*(intermediate_size if intermediate_size else 4*h))"
            " + (L - 1)*(2*h*v_low_rank_dim + h) + lm*v*h"
        ),
    ),
    Family(
        model_types=("kimi_linear",),
        defaults=LATENT_FIELDS | {"num_shared_experts": 0},
        parameters=(
            f"v*h + L*2*h + A*({LATENT}) + S*{KIMI_DELTA} + first_k_dense_replace*{GATED}"
            f" + (L - first_k_dense_replace)*(h*E + E + 3*(X + num_shared_experts)*h*m) + h + {HEAD}"
        ),
    ),
    Family(
        model_types=("lfm2",),
        tied=True,
        defaults={"conv_bias": 0, "conv_L_cache": 3, "block_auto_adjust_ff_dim": 0, "block_multiple_of": 256},
        parameters=f"v*h + L*(2*h + 3*h*{LFM_WIDTH}) + A*({ATTENTION} + 2*d) + S*{LFM_CONV} + h + {HEAD}",
    ),
    Family(
        model_types=("lfm2_moe",),
        tied=True,
        defaults={"conv_bias": 0, "conv_L_cache": 3, "num_dense_layers": 0, "use_expert_bias": 1},
        parameters=(
            f"v*h + L*2*h + num_dense_layers*{GATED} + (L - num_dense_layers)*(h*E + use_expert_bias*E + 3*X*h*m)"
            f" + A*({ATTENTION} + 2*d) + S*{LFM_CONV} + h + {HEAD}"
        ),
    ),
)
