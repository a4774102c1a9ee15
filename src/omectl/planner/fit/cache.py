"""Bytes of cache that one sequence takes on the fullest GPU."""

from dataclasses import dataclass

from omectl.planner.fit.constants import BLOCK_TOKENS, ESTIMATED_KEY_VALUE_HEADS, STATE_BYTES
from omectl.planner.fit.shape import Shape
from omectl.planner.parallelism import Parallelism


@dataclass(frozen=True, slots=True)
class Cache:
    """What a sequence takes: `per_token` in layers that see everything, `per_window_token` in layers with a window,
    and `fixed` for states. All on one GPU."""

    per_token: int
    per_window_token: int = 0
    window: int = 0
    fixed: int = 0

    @property
    def grows(self) -> bool:
        """Whether a longer context takes more, without end."""
        return self.per_token > 0

    def bytes_for(self, context: int) -> int:
        """Bytes of a sequence of that many tokens."""
        tokens = _blocks(context)
        return self.per_token * tokens + self.per_window_token * min(tokens, self.window) + self.fixed


def cache_of(shape: Shape, spread: Parallelism, unit: int, batch_tokens: int) -> Cache:
    """The cache of a model, with numbers of `unit` bytes.

    Heads of keys and values are split over tensor-parallel GPUs, down to one each; a latent and a state of one head are
    copied. A layer with a window keeps the window and the tokens of the step under way.
    """
    if not shape.writes_text:
        return Cache(0)
    if not shape.cache_known:
        split = min(spread.tensor, ESTIMATED_KEY_VALUE_HEADS) * spread.pipeline
        return Cache(-(-shape.estimated_cache * unit // (2 * split)))
    width = shape.latent or 2 * -(-shape.key_value_heads // spread.tensor) * shape.head_size
    full = shape.layers - shape.sliding_layers - shape.state_layers
    stages = spread.pipeline
    return Cache(
        per_token=-(-full // stages) * width * unit,
        per_window_token=-(-shape.sliding_layers // stages) * width * unit,
        window=_blocks(shape.sliding_window + batch_tokens) if shape.sliding_layers else 0,
        fixed=-(-shape.state_layers // stages) * -(-shape.state_size // spread.tensor) * STATE_BYTES,
    )


def _blocks(tokens: int) -> int:
    """Tokens rounded up to whole blocks."""
    return -(-tokens // BLOCK_TOKENS) * BLOCK_TOKENS
