"""What a family of models is: the row of a table.

A model type that no row names is read by the usual names, so a new family needs a row only where it differs; without
formulas its parameters are counted from tensor headers alone.

Names in formulas: `h` hidden size, `L` layers, `q` and `k` width of all query and of all key heads, `d` width of one
head, `H` heads, `i` feed-forward width, `I` those of all layers together, `v` vocabulary, `E` experts, `X` the experts
whose weights are counted (all for the total, those that a token is sent to for the active parameters), `active` 1 where
those are asked for, `m` an expert's width, `lm` 1 when the architecture has an output layer of its own, `cls` 1 for a
classifier, `labels`. Every other name is the configuration's own field (a flag counts 0 or 1, a list its length);
`vision.x`, `audio.x`, `ffn.x`, `linear.x` (linear attention), `talker.x`, `code.x` and `wave.x` (what speaks) are
fields of those parts. `A` layers with attention, `S` with a state, `kinds.x` layers that the file calls x; `is_gated` 1
for a gated feed-forward part, `is_half` 1 for an encoder without its decoder, `is_normed` 1 where `qk_norm` names a
norm, `is_projected` 1 for a class with a projection at its end. `tower` the parameters of the vision part by its own
type. In towers: `w` width, `t` feed-forward width, `N` layers, `patch` numbers in one patch, `grid` patches in one
image.
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
    """Numbers that the family's class supplies when the file leaves them out."""
    nested_defaults: Mapping[str, int] = field(default_factory=dict[str, int])
    """The same where the family is the language part of another model: such parts leave out more."""
    tied: bool = False
    """Whether input and output embeddings are one when `tie_word_embeddings` is not said."""
    bare_generates: bool = False
    """Whether the class named `…Model` writes text all the same."""
    encoder: bool = False
    """Whether the family reads text both ways, like BERT."""
    parameters: str | None = None
    """Formula of the number of parameters of the language model."""
    language: str | None = None
    """Model type of the language part when that part doesn't say."""
    beside: str | None = None
    """Formula of what a model has beside its language part, with `tower` for its vision tower."""
    vision_type: str | None = None
    """Model type of the vision part when that part doesn't say."""

    @property
    def name(self) -> str:
        """The first of its model types; "" for the general rules."""
        return self.model_types[0] if self.model_types else ""
