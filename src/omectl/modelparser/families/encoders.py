"""Families that read a text both ways, with or without a decoder beside them."""

from omectl.modelparser.families.parts import BERT, T5_ATTENTION, T5_FEED_FORWARD, WITHOUT_HEAD
from omectl.modelparser.family import Family

ENCODERS: tuple[Family, ...] = (
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
        model_types=("electra",),
        encoder=True,
        defaults={"type_vocab_size": 2},
        parameters=(
            "(v + max_position_embeddings + type_vocab_size + 2)*embedding_size"
            f" + (embedding_size*h + h if embedding_size - h else 0) + {BERT} + cls*(h*h + h + labels*h + labels)"
        ),
    ),
    Family(model_types=("deberta", "ernie", "xlm"), encoder=True),
    Family(
        model_types=("modernbert",),
        encoder=True,
        parameters=("v*h + h + L*(2*h + 4*h*h + 3*i*h) - h + h + lm*(h*h + h + v) + cls*(h*h + h + labels*h + labels)"),
    ),
    Family(
        model_types=("deberta-v2",),
        encoder=True,
        defaults={"position_buckets": 0, "conv_kernel_size": 0, "position_biased_input": 1, "type_vocab_size": 0},
        parameters=(
            "v*h + (position_biased_input*max_position_embeddings + type_vocab_size)*h + 2*h"
            " + 2*(position_buckets if position_buckets else max_position_embeddings)*h + 2*h"
            f" + conv_kernel_size*h*h + (3*h if conv_kernel_size else 0) + {BERT}"
            " + cls*(h*h + h + labels*h + labels)"
        ),
    ),
    Family(
        model_types=("mpnet",),
        encoder=True,
        parameters=f"(v + max_position_embeddings)*h + 2*h + {BERT} + 32*H + (0 if lm else h*h + h)",
    ),
    Family(
        model_types=("albert",),
        encoder=True,
        defaults={"type_vocab_size": 2, "embedding_size": 128},
        # All layers share the weights of one.
        parameters=(
            "(v + max_position_embeddings + type_vocab_size + 2)*embedding_size + embedding_size*h + h"
            " + 4*h*h + 4*h + 2*h*i + i + h + 4*h + h*h + h"
        ),
    ),
    Family(
        model_types=("t5", "mt5", "umt5"),
        tied=True,
        architecture="T5ForConditionalGeneration",
        defaults={"num_decoder_layers": 0},
        parameters=(
            f"v*h + L*({T5_ATTENTION} + {T5_FEED_FORWARD}) + h + 32*H"
            f" + (0 if is_half else (num_decoder_layers if num_decoder_layers else L)*(2*({T5_ATTENTION})"
            f" + {T5_FEED_FORWARD}) + h + 32*H + lm*v*h)"
        ),
    ),
    Family(
        model_types=("bart", "mbart"),
        tied=True,
        parameters=(
            "v*d_model + 2*(max_position_embeddings + 2)*d_model + 4*d_model"
            " + encoder_layers*(4*d_model*d_model + 9*d_model + 2*d_model*encoder_ffn_dim + encoder_ffn_dim)"
            " + decoder_layers*(8*d_model*d_model + 15*d_model + 2*d_model*decoder_ffn_dim + decoder_ffn_dim)"
        ),
    ),
)
