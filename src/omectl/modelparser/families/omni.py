"""Families that see and hear, and some that speak."""

from omectl.modelparser.families.parts import ATTENTION, HEAD, QWEN3_VL, QWEN25_VL
from omectl.modelparser.family import Family

_HEARING = (
    "audio.encoder_layers*(4*audio.d_model*audio.d_model + {biases}*audio.d_model"
    " + 2*audio.d_model*audio.encoder_ffn_dim + audio.encoder_ffn_dim) + 2*audio.d_model"
)
"""Blocks like Whisper's; of their biases, those of queries, values, output and norms, and in some those of keys."""
_QWEN25_HEARING = (
    "(3*audio.num_mel_bins + 1)*audio.d_model + (3*audio.d_model + 1)*audio.d_model"
    f" + {_HEARING.format(biases=8)} + (audio.d_model + 3)*audio.output_dim"
)
_SQUEEZED = "audio.downsample_hidden_size"
_QWEN3_HEARING = (
    f"10*{_SQUEEZED} + 2*(9*{_SQUEEZED} + 1)*{_SQUEEZED} + {_SQUEEZED}*((audio.num_mel_bins + 7)//8)*audio.d_model"
    f" + {_HEARING.format(biases=9)} + (audio.d_model + 1)*(audio.d_model + audio.output_dim)"
)
_TALKER = (
    "talker.vocab_size*(talker.embedding_size + talker.hidden_size) + (talker.embedding_size + 2)*talker.hidden_size"
    " + talker.num_hidden_layers*((2*talker.num_attention_heads + 2*talker.num_key_value_heads)*talker.head_dim"
    "*talker.hidden_size + (talker.num_attention_heads + 2*talker.num_key_value_heads)*talker.head_dim"
    " + 3*talker.hidden_size*talker.intermediate_size + 2*talker.hidden_size)"
)
_SPARSE_TALKER = (
    "2*talker.vocab_size*talker.hidden_size + talker.hidden_size"
    " + talker.num_hidden_layers*(2*talker.hidden_size + 2*talker.head_dim"
    " + 2*(talker.num_attention_heads + talker.num_key_value_heads)*talker.head_dim*talker.hidden_size"
    " + talker.hidden_size*(talker.num_experts + 3*talker.shared_expert_intermediate_size + 1)"
    " + 3*(talker.num_experts_per_tok if active else talker.num_experts)*talker.hidden_size"
    "*talker.moe_intermediate_size)"
    " + 2*((h + 1)*talker.intermediate_size + (talker.intermediate_size + 1)*talker.hidden_size)"
)
_CODES = (
    "2*(code.num_code_groups - 1)*code.vocab_size*code.hidden_size + code.hidden_size"
    " + code.num_hidden_layers*(2*code.hidden_size + 2*code.head_dim"
    " + 2*(code.num_attention_heads + code.num_key_value_heads)*code.head_dim*code.hidden_size"
    " + 3*code.hidden_size*code.intermediate_size)"
)
_WAVE = (
    "wave.num_hidden_layers*(4*wave.hidden_size*wave.hidden_size + 3*wave.hidden_size*wave.intermediate_size"
    " + 4*wave.hidden_size) + (wave.codebook_size*wave.num_quantizers + 1)*wave.hidden_size"
    " + 2*(10*wave.hidden_size*wave.hidden_size + 17*wave.hidden_size)"
    " + (7*wave.hidden_size + 1)*wave.decoder_dim"
    " + 1121*wave.decoder_dim*wave.decoder_dim//64 + 354*wave.decoder_dim//16 + 1"
)
"""From codes to sound: blocks, two convolutions that double the rate, and four that make it 8, 5, 4 and 3 times as
high, each with half the channels of the one before.
"""
_EARS = "audio.hidden_size"
_GEMMA_HEARING = (
    f"(audio.vocab_size + 1026 + h)*{_EARS} + 38176"
    f" + audio.conf_num_hidden_layers*(24*{_EARS}*{_EARS} + (9 + audio.conf_conv_kernel_size)*{_EARS}"
    f" + {_EARS}//audio.conf_num_attention_heads)"
)
_SMALL = "hidden_size_per_layer_input"

OMNI: tuple[Family, ...] = (
    Family(
        model_types=("qwen2_5_omni",),
        vision=True,
        bare_generates=True,
        language="qwen2",
        defaults={"enable_audio_output": 1},
        # What turns codes into sound is the same in all sizes: a diffusion transformer and a vocoder.
        beside=f"{QWEN25_VL} + {_QWEN25_HEARING} + ({_TALKER} + 449051264 if enable_audio_output else 0)",
    ),
    Family(
        model_types=("qwen3_omni_moe",),
        vision=True,
        bare_generates=True,
        language="qwen3_moe",
        defaults={"enable_audio_output": 1},
        beside=(
            f"{QWEN3_VL} + {_QWEN3_HEARING} + ({_SPARSE_TALKER} + {_CODES} + {_WAVE} if enable_audio_output else 0)"
        ),
    ),
    Family(
        model_types=("gemma3n",),
        vision=True,
        tied=True,
        language="gemma3n_text",
        defaults={
            "vision.vocab_size": 128,
            "vision.hidden_size": 2048,
            "audio.vocab_size": 128,
            "audio.hidden_size": 1536,
            "audio.conf_num_hidden_layers": 12,
            "audio.conf_num_attention_heads": 8,
            "audio.conf_conv_kernel_size": 5,
        },
        # Its tower is always MobileNet V5 of 300M.
        beside=f"294126912 + (vision.vocab_size + 2 + h)*vision.hidden_size + {_GEMMA_HEARING}",
    ),
    Family(
        model_types=("gemma3n_text",),
        tied=True,
        nested_defaults={
            "vocab_size": 262400,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "head_dim": 256,
            "vocab_size_per_layer_input": 262144,
            "hidden_size_per_layer_input": 256,
            "altup_num_inputs": 4,
            "laurel_rank": 64,
        },
        parameters=(
            f"v*h + vocab_size_per_layer_input*L*{_SMALL} + h*L*{_SMALL} + {_SMALL}"
            " + 2*(altup_num_inputs - 1)*h*h + h + 3*h*I"
            f" + L*({ATTENTION} + 2*d + 8*h"
            " + altup_num_inputs*(altup_num_inputs + altup_num_inputs*altup_num_inputs + h)"
            f" + 2*h*laurel_rank + 2*h*{_SMALL}) + {HEAD}"
        ),
    ),
)
