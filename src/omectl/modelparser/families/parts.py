"""Parameter counts that several families share, as parts of their formulas. Names are explained in `family`."""

ATTENTION = "h*(q + 2*k) + q*h"
ATTENTION_BIAS = "attention_bias*(q + 2*k + h)"
GATED = "3*h*i"
HEAD = "lm*v*h + cls*labels*h"
LATENT = (
    "(h*q_lora_rank + q_lora_rank + q_lora_rank*H*(qk_nope_head_dim + qk_rope_head_dim) if q_lora_rank"
    " else h*H*(qk_nope_head_dim + qk_rope_head_dim))"
    " + h*(kv_lora_rank + qk_rope_head_dim) + kv_lora_rank + kv_lora_rank*H*(qk_nope_head_dim + v_head_dim)"
    " + H*v_head_dim*h"
)
LLAMA = f"v*h + L*(2*h + {ATTENTION} + {ATTENTION_BIAS} + {GATED} + mlp_bias*(2*i + h)) + h + {HEAD}"
SPARSE_LAYERS = "(L//decoder_sparse_step - mlp_only_layers)"
QWEN_MOE = (
    "v*h + L*(2*h + {attention})"
    f" + {SPARSE_LAYERS}*(h*E + 3*X*h*m + {{shared}}) + (L - {SPARSE_LAYERS})*{GATED} + h + {HEAD}"
)
DEEPSEEK = (
    f"v*h + L*(2*h + ({LATENT} if kv_lora_rank else {ATTENTION}))"
    f" + first_k_dense_replace*{GATED}"
    " + (L - first_k_dense_replace)*(h*E + noaux_tc*E + 3*(X + n_shared_experts)*h*m)"
    f" + h + {HEAD}"
)
INDEXER = "L*(index_n_heads*index_head_dim*q_lora_rank + h*(index_head_dim + index_n_heads) + 2*index_head_dim)"
BERT = "L*(4*h*h + 4*h + 2*h*i + i + h + 4*h)"
WITHOUT_HEAD = "lm*(h*h + h + 2*h + v)"
BLOCKS = "N*(4*w*w + 9*w + 2*w*t + t)"
SIGLIP = f"patch*w + w + grid*w + {BLOCKS} + 2*w"
CLIP = f"patch*w + w + (grid + 1)*w + {BLOCKS} + 4*w"
MERGER = "16*w*w + 4*w + 4*w*h + h"
QWEN25_VL = f"2*patch*w + N*(4*w*w + 7*w + 3*w*t + 2*t) + w + {MERGER}"
QWEN3_VL = (
    f"2*patch*w + w + vision.num_position_embeddings*w + {BLOCKS} + 2*w + {MERGER}"
    f" + vision.deepstack_visual_indexes*(8*w + {MERGER})"
)
QWEN_GATED_ATTENTION = "h*(2*q + 2*k) + q*h + 2*d"
DELTA_NET = (
    "(h*(2*linear_num_key_heads*linear_key_head_dim + 2*linear_num_value_heads*linear_value_head_dim"
    " + 2*linear_num_value_heads) + linear_conv_kernel_dim*(2*linear_num_key_heads*linear_key_head_dim"
    " + linear_num_value_heads*linear_value_head_dim) + 2*linear_num_value_heads + linear_value_head_dim"
    " + linear_num_value_heads*linear_value_head_dim*h)"
)


def mamba2(inner: str, heads: str, groups: str, state: str, kernel: str, gate: str = "1", bias: str = "1") -> str:
    """One layer of Mamba 2 with `inner` channels; `gate` and `bias`: whether it has a norm and a bias after them."""
    mixed = f"({inner} + 2*{groups}*{state})"
    return f"(h*({inner} + {mixed} + {heads}) + {mixed}*({kernel} + {bias}) + 3*{heads} + {gate}*{inner} + {inner}*h)"


RANK = "(time_step_rank if time_step_rank else (h + 15)//16)"
MAMBA2 = mamba2("expand*h", "num_heads", "n_groups", "state_size", "conv_kernel", bias="use_conv_bias")
NEMOTRON_MAMBA = mamba2(
    "(mamba_num_heads*mamba_head_dim)", "mamba_num_heads", "n_groups", "ssm_state_size", "conv_kernel",
    bias="use_conv_bias",
)  # fmt: skip
GRANITE_MAMBA = mamba2(
    "mamba_expand*h", "mamba_n_heads", "mamba_n_groups", "mamba_d_state", "mamba_d_conv", bias="mamba_conv_bias"
)
FALCON_MAMBA = mamba2(
    "(mamba_d_ssm if mamba_d_ssm else mamba_expand*h)", "mamba_n_heads", "mamba_n_groups", "mamba_d_state",
    "mamba_d_conv", gate="mamba_rms_norm", bias="mamba_conv_bias",
)  # fmt: skip
LFM_WIDTH = "((2*i//3 + block_multiple_of - 1)//block_multiple_of*block_multiple_of if block_auto_adjust_ff_dim else i)"
LFM_CONV = "(4*h*h + h*conv_L_cache + conv_bias*5*h)"
ERNIE_SPARSE = "(((moe_layer_end_index + 1 if moe_layer_end_index else L) - moe_layer_start_index)//moe_layer_interval)"
T5_ATTENTION = "4*h*H*d_kv + h"
T5_FEED_FORWARD = "(2 + is_gated)*h*d_ff + h"
RWKV_WIDTH = "(attention_hidden_size if attention_hidden_size else h)"
RWKV_MIX = "(h*h + 2*h*(intermediate_size if intermediate_size else 7*h//2//32*32))"
RWKV_RANK = "(32 if h - 4096 else 64)"
_LINEAR = "linear.num_heads*linear.head_dim"
KIMI_DELTA = (
    f"(4*h*{_LINEAR} + 3*{_LINEAR}*linear.short_conv_kernel_size + linear.num_heads + {_LINEAR} + h*linear.num_heads"
    f" + 2*(h + {_LINEAR})*linear.head_dim + linear.head_dim)"
)

DIMENSIONS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
ALL_DIMENSIONS = (*DIMENSIONS, "max_position_embeddings")
LATENT_FIELDS = {
    "q_lora_rank": 0, "kv_lora_rank": 0, "first_k_dense_replace": 0, "n_shared_experts": 0, "noaux_tc": 0,
}  # fmt: skip
