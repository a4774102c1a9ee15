"""The numbers of a model that its memory follows from, with nonsense taken out."""

from dataclasses import dataclass
from enum import StrEnum
from math import isqrt
from typing import Self

from omectl.api.facts import ModelFacts
from omectl.planner.fit.constants import ESTIMATED_CACHE
from omectl.planner.fit.precision import DTYPE_BYTES, Precision, precision_of

_LARGEST = 1 << 62


class Assumption(StrEnum):
    """What was not known and taken for granted."""

    SIZE_FROM_SPEC = "SizeFromSpec"
    """The parameters are those that the spec states, rounded as it states them."""
    WEIGHTS_FROM_FILES = "WeightsFromFiles"
    """The weights are as large as their files."""
    DTYPE = "DtypeUnknown"
    """Weights have 16 bits."""
    QUANTIZATION = "QuantizationUnknown"
    """An unknown quantization takes as much as the unquantized weights."""
    CACHE_FROM_SIZE = "CacheFromSize"
    """The cache is estimated from the number of parameters."""
    ACTIVATIONS = "ActivationsUnknown"
    """Activations are a constant."""
    CONTEXT = "ContextUnknown"
    """The context is a constant."""
    NO_CACHE = "NoCache"
    """A model that does not write text keeps no cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A model's dimensions, 0 for unknown. `latent`: numbers that a layer of latent attention caches for a token."""

    parameters: int
    stored_bytes: int
    unit: int
    """Bytes of one number that is not quantized."""
    precision: Precision | None
    quantized: bool
    layers: int
    hidden: int
    heads: int
    key_value_heads: int
    head_size: int
    latent: int
    sliding_window: int
    sliding_layers: int
    state_layers: int
    state_size: int
    vocabulary: int
    tied: bool
    experts: int
    context: int
    writes_text: bool
    assumptions: frozenset[Assumption]

    @classmethod
    def of(cls, facts: ModelFacts, *, size: int | None = None, quantization: str | None = None) -> Self:
        """From the facts of a model's files; what they leave open from its spec (parameters, quantization)."""
        assumptions: set[Assumption] = set()
        counted, stated = _positive(facts.parameter_count), _positive(size)
        if not counted and stated:
            assumptions.add(Assumption.SIZE_FROM_SPEC)
        unit = DTYPE_BYTES.get((facts.dtype or "").lower(), 0)
        if not unit:
            assumptions.add(Assumption.DTYPE)
        word = facts.quantization or quantization
        precision = precision_of(word, facts.quantization_method, facts.quantization_bits)
        quantized = bool(word or facts.quantization_method)
        if quantized and precision is None:
            assumptions.add(Assumption.QUANTIZATION)
        layers = _positive(facts.layers)
        states = min(_positive(facts.state_layers), layers)
        rank = _positive(facts.latent_rank)
        return cls(
            parameters=counted or stated,
            stored_bytes=_positive(facts.size_bytes),
            unit=max(unit, 2),
            precision=precision,
            quantized=quantized,
            layers=layers,
            hidden=_positive(facts.hidden_size),
            heads=_positive(facts.attention_heads),
            key_value_heads=_positive(facts.key_value_heads) or _positive(facts.attention_heads),
            head_size=_positive(facts.head_size),
            latent=rank + _positive(facts.latent_rope_size) if rank else 0,
            sliding_window=_positive(facts.sliding_window),
            sliding_layers=min(_positive(facts.sliding_layers), layers - states) if facts.sliding_window else 0,
            state_layers=states,
            state_size=_positive(facts.state_size),
            vocabulary=_positive(facts.vocabulary_size),
            tied=bool(facts.tied_embeddings),
            experts=_positive(facts.experts),
            context=_positive(facts.context_length),
            writes_text=facts.diffusion_pipeline is None and facts.model_type != "diffusers",
            assumptions=frozenset(assumptions),
        )

    @property
    def known(self) -> bool:
        """Whether there is anything to estimate from."""
        return bool(self.parameters or self.stored_bytes)

    @property
    def cache_known(self) -> bool:
        """Whether the cache follows from the layers."""
        return bool(self.layers and (self.latent or (self.key_value_heads and self.head_size)))

    @property
    def estimated_cache(self) -> int:
        """Bytes of cache for a token of 16-bit numbers on one GPU, from the parameters alone."""
        parameters = self.parameters or self.stored_bytes // 2
        return int(ESTIMATED_CACHE * isqrt(parameters))


def _positive(number: int | None) -> int:
    return min(number, _LARGEST) if number is not None and number > 0 else 0
