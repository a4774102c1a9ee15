"""The model families: what each one writes differently, as data.

A family that is not listed is read by the usual names, so a new one needs a row only where it differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Rules of the model types that share a configuration class."""

    model_types: tuple[str, ...]
    architecture: str | None = None
    """Architecture when the file names none."""
    vision: bool | None = None
    """Whether it reads images; None: when the file has a vision part."""
    context: tuple[str, ...] = ()
    """Fields of the context length, before the usual ones."""
    context_default: int | None = None
    dtype: str | None = None
    required: tuple[str, ...] = ()
    """Fields without which a file of this family is broken."""
    defaults: Mapping[str, int] = field(default_factory=dict[str, int])
    """Dimensions that the family's class supplies when the file leaves them out."""
    tied: bool = False
    """Whether input and output embeddings are one when `tie_word_embeddings` is not said."""
    bare_generates: bool = False
    """Whether the class named `…Model` writes text all the same."""
    encoder: bool = False
    """Whether the family reads text both ways, like BERT."""


_SIX = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "max_position_embeddings",
)  # fmt: skip

_ENCODERS = (
    "bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra", "deberta", "deberta-v2", "modernbert",
    "nomic_bert", "mpnet", "albert", "new", "ernie", "xlm",
)  # fmt: skip

FAMILIES: tuple[Family, ...] = (
    Family(model_types=("llama",), architecture="LlamaForCausalLM", required=_SIX),
    Family(model_types=("llama4",), architecture="Llama4ForConditionalGeneration"),
    Family(model_types=("mllama",), architecture="MllamaForConditionalGeneration", vision=True),
    Family(model_types=("mistral",), architecture="MistralModel", required=_SIX),
    Family(
        model_types=("mixtral",),
        architecture="MixtralForCausalLM",
        required=(*_SIX, "num_local_experts", "num_experts_per_tok"),
    ),
    Family(model_types=("qwen",), context=("seq_length",)),
    Family(model_types=("qwen2", "qwen3", "qwen3_moe", "qwen2_moe"), context=("seq_length",)),
    Family(
        model_types=("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"),
        vision=True,
    ),
    Family(model_types=("deepseek_v3", "kimi_k2"), required=(*_SIX, "n_routed_experts", "num_experts_per_tok")),
    Family(model_types=("deepseek_vl_v2",), architecture="DeepseekVLV2ForCausalLM", vision=True, context_default=4096),
    Family(
        model_types=("janus", "multi_modality"),
        architecture="JanusMultiModalityCausalLM",
        vision=True,
        context_default=4096,
    ),
    Family(
        model_types=("gpt_oss",),
        architecture="GptOssForCausalLM",
        required=(*_SIX, "num_local_experts", "num_experts_per_tok"),
    ),
    Family(
        model_types=("gemma", "gemma2", "gemma3_text"),
        tied=True,
        required=("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"),
    ),
    Family(model_types=("gemma3",), vision=True, tied=True, context_default=131072),
    Family(model_types=("phi3_v",)),
    Family(model_types=("phi3small",)),
    Family(model_types=("baichuan",), context=("model_max_length",)),
    Family(model_types=_ENCODERS, encoder=True),
    Family(model_types=("chatglm",), context=("seq_length",), dtype="float16", bare_generates=True),
    Family(model_types=("cohere", "command-r", "cohere2"), tied=True),
    Family(model_types=("dbrx",), architecture="DbrxForCausalLM", context=("max_seq_len",)),
    Family(model_types=("llava",), vision=True),
    Family(model_types=("minicpm", "minicpm3"), tied=True),
    Family(model_types=("gpt2", "starcoder2", "falcon"), tied=True),
    Family(model_types=("minicpmv", "minicpmo", "kimi_vl", "phi4mm"), vision=True),
)

_ANY = Family(model_types=())
_BY_TYPE: Mapping[str, Family] = {name: family for family in FAMILIES for name in family.model_types}


def family_of(model_type: str) -> Family:
    """The family of a model type; the usual rules when it is not listed."""
    return _BY_TYPE.get(model_type, _ANY)
