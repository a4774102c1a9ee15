"""Bytes of weights on the GPU that has most of them."""

from dataclasses import dataclass
from fractions import Fraction

from omectl.planner.fit.shape import Shape
from omectl.planner.parallelism import Parallelism


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of the whole model by what is split differently. `rest` are the feed-forward layers, experts among them."""

    embeddings: int
    attention: int
    rest: int
    from_files: bool = False

    @property
    def total(self) -> int:
        """Bytes of all."""
        return self.embeddings + self.attention + self.rest


def weights_of(shape: Shape) -> Weights:
    """The weights of a model.

    Each weight takes what its format takes; what a format leaves unquantized is the embedding, the output layer, and
    for some the attention. The files of a quantized model know better what was left out, so their size counts when it
    can be right; it also does when the parameters are unknown.
    """
    if not shape.parameters:
        return Weights(0, 0, shape.stored_bytes, from_files=True)
    embedding = shape.vocabulary * shape.hidden
    copies = 1 if shape.tied else 2
    while copies and embedding * copies > shape.parameters:
        copies -= 1
    embeddings = embedding * copies
    attention = min(_attention_parameters(shape), shape.parameters - embeddings)
    rest = shape.parameters - embeddings - attention
    unit = Fraction(shape.unit)
    width = shape.precision.width if shape.precision is not None else unit
    kept = shape.precision is not None and shape.precision.feed_forward_only
    found = Weights(_ceil(embeddings * unit), _ceil(attention * (unit if kept else width)), _ceil(rest * width))
    if not shape.quantized or not _plausible(shape, found):
        return found
    return Weights(found.embeddings, found.attention, shape.stored_bytes - found.total + found.rest, from_files=True)


def _plausible(shape: Shape, found: Weights) -> bool:
    """Whether the files can hold these weights: at least four fifths of the sum, at most what they take unquantized."""
    stored = shape.stored_bytes
    enough = found.total * 4 <= stored * 5 and stored >= found.embeddings + found.attention
    return enough and stored <= shape.parameters * shape.unit


def weights_per_gpu(shape: Shape, weights: Weights, spread: Parallelism) -> int:
    """The share of the fullest GPU.

    Tensor parallelism splits everything; stages take whole layers, the first or last one the embeddings too; data
    ranks hold copies, except of experts that are spread over them.
    """
    stage = Fraction(1, spread.pipeline)
    if shape.layers:
        stage = min(Fraction(-(-shape.layers // spread.pipeline), shape.layers), Fraction(1))
    experts = max(spread.tensor, min(spread.expert, spread.tensor * spread.data) if shape.experts else 1)
    copies = 1 if spread.pipeline == 1 or shape.tied else 2
    return (
        _ceil(Fraction(weights.embeddings, copies * spread.tensor))
        + _ceil(weights.attention * stage / spread.tensor)
        + _ceil(weights.rest * stage / experts)
    )


def _attention_parameters(shape: Shape) -> int:
    """Queries and outputs for every head, keys and values for every group (or the latent for all)."""
    keys = shape.latent or 2 * shape.key_value_heads * shape.head_size
    return shape.layers * shape.hidden * (2 * shape.heads * shape.head_size + keys)


def _ceil(amount: Fraction) -> int:
    return -(-amount.numerator // amount.denominator)
