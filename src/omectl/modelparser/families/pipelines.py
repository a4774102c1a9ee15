"""Components of diffusers pipelines, by the names of their classes, and the text encoders that only they have."""

from omectl.modelparser.family import Family

_WIDTH = "(num_attention_heads*attention_head_dim)"


def _linear(inputs: str, outputs: str) -> str:
    return f"({inputs} + 1)*{outputs}"


_STEP = f"{_linear('256', _WIDTH)} + {_linear(_WIDTH, _WIDTH)}"
_POOLED = f"{_linear('pooled_projection_dim', _WIDTH)} + {_linear(_WIDTH, _WIDTH)}"
_BOTH_SIDES = (
    f"12*{_linear(_WIDTH, _WIDTH)} + 8*{_linear(_WIDTH, _WIDTH)} + 4*attention_head_dim"
    f" + 2*(4*{_linear(_WIDTH, _WIDTH)} + (4*{_WIDTH} + 1)*{_WIDTH})"
)
"""A block of two streams: what modulates them, attention over both with norms, and a feed-forward part each."""

PIPELINES: tuple[Family, ...] = (
    Family(
        model_types=("fluxtransformer2dmodel",),
        defaults={"guidance_embeds": 0},
        parameters=(
            f"{_linear('in_channels', _WIDTH)} + {_linear('joint_attention_dim', _WIDTH)}"
            f" + (1 + guidance_embeds)*({_STEP}) + {_POOLED} + num_layers*({_BOTH_SIDES})"
            f" + num_single_layers*(10*{_linear(_WIDTH, _WIDTH)} + (5*{_WIDTH} + 1)*{_WIDTH} + 2*attention_head_dim)"
            f" + 2*{_linear(_WIDTH, _WIDTH)} + {_linear(_WIDTH, 'in_channels')}"
        ),
    ),
    Family(
        model_types=("qwenimagetransformer2dmodel",),
        parameters=(
            f"{_linear('in_channels', _WIDTH)} + joint_attention_dim + {_linear('joint_attention_dim', _WIDTH)}"
            f" + {_STEP} + num_layers*({_BOTH_SIDES}) + 2*{_linear(_WIDTH, _WIDTH)}"
            f" + {_linear(_WIDTH, '(4*out_channels)')}"
        ),
    ),
    Family(
        model_types=("sd3transformer2dmodel",),
        defaults={"dual_attention_layers": 0},
        # The positions are stored. The last layer needs nothing more of the text.
        parameters=(
            f"{_linear('(4*in_channels)', _WIDTH)} + pos_embed_max_size*pos_embed_max_size*{_WIDTH}"
            f" + {_STEP} + {_POOLED} + {_linear('joint_attention_dim', _WIDTH)}"
            f" + num_layers*(28*{_linear(_WIDTH, _WIDTH)} + 2*(4*{_WIDTH} + 1)*{_WIDTH}"
            " + is_normed*4*attention_head_dim)"
            f" - 9*{_linear(_WIDTH, _WIDTH)} - (4*{_WIDTH} + 1)*{_WIDTH}"
            f" + dual_attention_layers*(7*{_linear(_WIDTH, _WIDTH)} + is_normed*2*attention_head_dim)"
            f" + 2*{_linear(_WIDTH, _WIDTH)} + {_linear(_WIDTH, '(4*out_channels)')}"
        ),
    ),
    Family(
        model_types=("wantransformer3dmodel",),
        defaults={"image_dim": 0},
        # What a picture to start from adds is not counted, so with one nothing is said.
        parameters=(
            f"{_linear('(4*in_channels)', _WIDTH)} + {_linear('freq_dim', _WIDTH)} + 7*{_linear(_WIDTH, _WIDTH)}"
            f" + {_linear('text_dim', _WIDTH)} + {_linear(_WIDTH, _WIDTH)}"
            f" + num_layers*(8*{_linear(_WIDTH, _WIDTH)} + 12*{_WIDTH} + {_linear(_WIDTH, 'ffn_dim')}"
            f" + {_linear('ffn_dim', _WIDTH)}) + 2*{_WIDTH} + {_linear(_WIDTH, '(4*out_channels)')}"
            " + (not_counted if image_dim else 0)"
        ),
    ),
    Family(
        model_types=("clip_text_model",),
        encoder=True,
        parameters=(
            "(v + max_position_embeddings)*h + L*(4*h*h + 9*h + 2*h*i + i) + 2*h"
            " + (h*projection_dim if is_projected else 0)"
        ),
    ),
)
