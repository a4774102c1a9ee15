"""What GGUF files tell of their model: the format's own names for the facts that other files have under theirs."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from omectl.modelparser.findings import Findings, Source
from omectl.modelparser.gguf import TYPE_NAMES, GgufHeader, GgufTensor
from omectl.modelparser.weights import Totals

_EXPERT = re.compile(r"_exps\.")
_BUFFER = re.compile(r"^(blk\.\d+\.)?rope_(freqs|factors_\w+)\.weight$")
"""Frequencies of positions, which other formats compute and don't store."""
_DTYPES: Final[Mapping[str, str]] = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
_BITS: Final = re.compile(r"(?:iq|tq|q|fp)(\d)")
_FIELDS: Final[Mapping[str, str]] = {
    "layers": "block_count",
    "hidden_size": "embedding_length",
    "attention_heads": "attention.head_count",
    "key_value_heads": "attention.head_count_kv",
    "head_size": "attention.key_length",
    "context_length": "context_length",
    "vocabulary_size": "vocab_size",
    "experts": "expert_count",
    "experts_per_token": "expert_used_count",
    "sliding_window": "attention.sliding_window",
    "latent_rank": "attention.kv_lora_rank",
}
"""Names of facts, and of the format's fields after the architecture and a dot."""


def gguf_totals(headers: Iterable[GgufHeader]) -> Totals:
    """The parameters of all tensors of a model's files."""
    stored = (tensor for header in headers for tensor in header.tensors)
    tensors = [tensor for tensor in stored if tensor.shape and not _BUFFER.match(tensor.name)]
    routed = sum(tensor.elements for tensor in tensors if _EXPERT.search(tensor.name))
    return Totals(sum(tensor.elements for tensor in tensors), routed)


def add_gguf(found: Findings, header: GgufHeader, headers: tuple[GgufHeader, ...]) -> None:
    """Facts of a model whose first file has this header."""
    facts = {fact: header.count_of(field) for fact, field in _FIELDS.items()}
    facts["vocabulary_size"] = facts["vocabulary_size"] or header.lengths.get("tokenizer.ggml.tokens")
    heads, hidden = facts["attention_heads"], facts["hidden_size"]
    if not facts["head_size"] and heads and hidden:
        facts["head_size"] = hidden // heads
    if not (facts["experts"] or 0) > 1:
        facts["experts"] = facts["experts_per_token"] = None
    found.add(
        Source.CONFIGURATION, model_type=header.architecture, **{fact: value or None for fact, value in facts.items()}
    )
    dominant = _dominant(tensor for part in headers for tensor in part.tensors)
    if dominant in _DTYPES:
        found.add(Source.TENSORS, dtype=_DTYPES[dominant])
    elif dominant:
        bits = _BITS.search(dominant)
        found.add(Source.TENSORS, quantization_method=dominant, quantization_bits=int(bits[1]) if bits else None)


def pools(header: GgufHeader) -> bool:
    """Whether the model makes one vector of a text: the field is there only where tokens are pooled (0 is none)."""
    return header.count_of("pooling_type") is not None


def _dominant(tensors: Iterable[GgufTensor]) -> str:
    """The type that most weights have."""
    totals: dict[int, int] = {}
    for tensor in tensors:
        totals[tensor.kind] = totals.get(tensor.kind, 0) + tensor.elements
    return TYPE_NAMES.get(max(totals, key=lambda kind: totals[kind]), "") if totals else ""
