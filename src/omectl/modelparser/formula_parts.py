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
BERT = "L*(4*h*h + 4*h + 2*h*i + i + h + 4*h)"
WITHOUT_HEAD = "lm*(h*h + h + 2*h + v)"
BLOCKS = "N*(4*w*w + 9*w + 2*w*t + t)"
SIGLIP = f"patch*w + w + grid*w + {BLOCKS} + 2*w"
CLIP = f"patch*w + w + (grid + 1)*w + {BLOCKS} + 4*w"
MERGER = "16*w*w + 4*w + 4*w*h + h"
QWEN3_VL = (
    f"2*patch*w + w + vision.num_position_embeddings*w + {BLOCKS} + 2*w + {MERGER}"
    f" + vision.deepstack_visual_indexes*(8*w + {MERGER})"
)
