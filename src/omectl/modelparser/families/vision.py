"""Families that see: a language model with a vision tower."""

from collections.abc import Mapping

from omectl.modelparser.families.parts import ATTENTION, BLOCKS, CLIP, GATED, HEAD, MERGER, QWEN3_VL, QWEN25_VL, SIGLIP
from omectl.modelparser.family import Family

_TWO_LAYERS = "w*h + h + h*h + h"
_PIXTRAL = "patch*w + w + N*(2*w + 4*w*w + 3*w*t)"
_INTERN = "patch*w + w + w + (grid + 1)*w + N*(2*w + 4*w*w + 4*w + 2*w*t + t + w + 4*w)"
_QWEN3 = f"2*patch*w + w + vision.num_position_embeddings*w + {BLOCKS} + 2*w + {MERGER}"
_GLM = (
    "2*patch*w + w + grid*w + N*(2*w + 4*w*w + 3*w*vision.out_hidden_size) + 2*w"
    " + vision.out_hidden_size*(4*w + 1) + vision.out_hidden_size*(vision.out_hidden_size + 2 + 3*t)"
)
_MLLAMA = (
    "patch*w + w + (grid + 1)*w + 1 + 4*w"
    " + (vision.supported_aspect_ratios + 1)*vision.max_num_tiles*w*(grid + 3) + 2"
    " + N*(4*w*w + 2*w*t + t + w + 4*w) + vision.num_global_layers*(4*w*w + 2*w*t + t + w + 4*w + 2)"
    " + vision.vision_output_dim*h + h"
)
_POOLED = "4*w*w + 8*w + 2*w*t + t"
_AYA_WIDTH = "(alignment_intermediate_size if alignment_intermediate_size else h)"
_UNSHUFFLED = "downsample_factor*downsample_factor*w"

TOWERS: Mapping[str, str] = {
    "clip_vision_model": CLIP,
    **dict.fromkeys(("siglip", "siglip_vision_model", "idefics3", "idefics3_vision", "smolvlm_vision"), SIGLIP),
    "siglip2_vision_model": f"patch*w + w + vision.num_patches*w + {BLOCKS} + 2*w",
    "pixtral": _PIXTRAL,
    **dict.fromkeys(("internvl_vision", "intern_vit_6b"), _INTERN),
}
"""Formulas of vision towers that several families use, by the model type of the vision part."""

VISION: tuple[Family, ...] = (
    Family(
        model_types=("llama4",),
        architecture="Llama4ForConditionalGeneration",
        language="llama4_text",
        beside=(
            f"patch*w + w + (grid + 1)*w + 4*w + {BLOCKS} + t*vision.projector_input_dim"
            " + vision.projector_input_dim*vision.projector_output_dim + vision.vision_output_dim*h"
        ),
    ),
    Family(
        model_types=("mllama",),
        architecture="MllamaForConditionalGeneration",
        vision=True,
        language="mllama_text_model",
        beside=_MLLAMA,
    ),
    Family(
        model_types=("mllama_text_model",),
        # Eight more rows of the embedding than the output has; layers of cross-attention have norms and gates.
        parameters=f"(v + 8)*h + L*(2*h + {ATTENTION} + {GATED}) + cross_attention_layers*(2*d + 2) + h + {HEAD}",
    ),
    Family(
        model_types=("qwen2_vl",),
        vision=True,
        language="qwen2",
        beside=f"2*patch*w + {BLOCKS} + 2*w + {MERGER}",
    ),
    Family(model_types=("qwen2_5_vl",), vision=True, language="qwen2", beside=QWEN25_VL),
    Family(model_types=("qwen3_vl",), vision=True, language="qwen3", beside=QWEN3_VL),
    Family(model_types=("qwen3_vl_moe",), vision=True, language="qwen3_moe", beside=QWEN3_VL),
    Family(model_types=("qwen3_5",), vision=True, language="qwen3_5_text", beside=_QWEN3),
    Family(model_types=("qwen3_5_moe",), vision=True, language="qwen3_5_moe_text", beside=_QWEN3),
    Family(model_types=("glm4v",), vision=True, language="glm4v_text", beside=_GLM),
    Family(model_types=("glm4v_moe",), vision=True, language="glm4v_moe_text", beside=_GLM),
    Family(
        model_types=("mistral3",),
        vision=True,
        language="mistral",
        defaults={"multimodal_projector_bias": 0},
        beside="tower + w + 4*w*w + w*h + h*h + multimodal_projector_bias*2*h",
        vision_type="pixtral",
    ),
    Family(
        model_types=("internvl", "internvl_chat"),
        vision=True,
        beside="tower + 8*w + 4*w*h + h + h*h + h",
        vision_type="internvl_vision",
    ),
    Family(
        model_types=("idefics3", "smolvlm"),
        vision=True,
        language="llama",
        beside="tower + scale_factor*scale_factor*w*h",
        vision_type="idefics3_vision",
    ),
    Family(
        model_types=("llava_next", "llava_onevision", "llava_next_video"),
        vision=True,
        language="llama",
        beside=f"tower + h + {_TWO_LAYERS}",
    ),
    Family(
        model_types=("aya_vision",),
        vision=True,
        language="cohere2",
        defaults={"downsample_factor": 2, "alignment_intermediate_size": 0},
        beside=f"tower + 2*{_UNSHUFFLED} + ({_UNSHUFFLED} + 1)*{_AYA_WIDTH} + ({_AYA_WIDTH}//2 + 1)*h",
        vision_type="siglip_vision_model",
    ),
    Family(
        model_types=("lfm2_vl",),
        vision=True,
        language="lfm2",
        defaults={"downsample_factor": 2},
        beside=f"tower + 2*{_UNSHUFFLED} + ({_UNSHUFFLED} + 1)*projector_hidden_size + (projector_hidden_size + 1)*h",
        vision_type="siglip2_vision_model",
    ),
    Family(
        model_types=("paligemma",),
        vision=True,
        language="gemma",
        beside="tower + w*h + h",
        vision_type="siglip_vision_model",
    ),
    Family(
        model_types=(
            *("ernie4_5_moe_vl", "ernie4_5_vl_moe", "molmo", "florence2", "step3_vl"),
            *("deepseek_vl", "deepseek_vl_hybrid", "ovis", "ovis2", "keye_vl"),
        ),
        vision=True,
    ),
    Family(
        model_types=("deepseek_vl_v2",),
        architecture="DeepseekVLV2ForCausalLM",
        vision=True,
        context_default=4096,
        language="deepseek_v2",
        # 27 by 27 patches; four become one; a row's end and the place between two views are learned vectors.
        beside=f"patch*w + w + 729*w + {BLOCKS} + 2*w + {_POOLED} + 4*w*h + h + h*h + h + 2*h",
    ),
    Family(
        model_types=("janus", "multi_modality"),
        architecture="JanusMultiModalityCausalLM",
        vision=True,
        context_default=4096,
    ),
    Family(
        model_types=("kimi_vl", "kimi_k25"),
        vision=True,
        language="deepseek_v3",
        beside=f"patch*w + w + 4096*w + {BLOCKS} + 2*w + 2*w + {MERGER}",
    ),
    Family(
        model_types=("gemma3",),
        vision=True,
        tied=True,
        context_default=131072,
        language="gemma3_text",
        beside="tower + w*h + w",
        vision_type="siglip_vision_model",
    ),
    Family(
        model_types=("phi3_v",),
        language="phi3",
        # The tower is always CLIP ViT-L/14 at 336 pixels.
        beside="303507456 + 4096*h + h + h*h + h + 2*4096",
    ),
    Family(
        model_types=("llava",),
        vision=True,
        language="llama",
        beside=f"tower + {_TWO_LAYERS}",
    ),
    Family(
        model_types=("minicpmv",),
        vision=True,
        language="qwen2",
        beside="tower + query_num*h + w*h + 4*h*h + 4*h + 6*h + h*h",
    ),
    Family(model_types=("minicpmo", "phi4mm"), vision=True),
)
