"""What the layers of a transformer keep of the tokens they have seen: keys and values, a latent, a window, a state.

These fields only help: one that has another type than it should is not said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api.json import JsonValue
from omectl.modelparser.configuration import Configuration
from omectl.modelparser.document import Section
from omectl.modelparser.layers import count_layers

_PATTERNS: Final[Mapping[str, int]] = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2}
"""Every how many layers one sees everything, where the library has it in its code. The others see a window."""
_RWKV: Final = frozenset({"rwkv", "rwkv5", "rwkv6", "rwkv7"})
_WINDOWED: Final = frozenset({"sliding_attention", "chunked_attention"})


@dataclass(frozen=True, slots=True)
class Caching:
    """Facts about a model's cache by the names that `ModelFacts` gives them; None where nothing is said."""

    latent_rank: int | None = None
    latent_rope_size: int | None = None
    sliding_window: int | None = None
    sliding_layers: int | None = None
    state_layers: int | None = None
    state_size: int | None = None

    def facts(self) -> dict[str, JsonValue]:
        """The facts as fields."""
        return {name: getattr(self, name) for name in self.__slots__}


def read_caching(config: Configuration) -> Caching:
    """What the configuration says about the cache."""
    counts = count_layers(config)
    stateful, without = counts.states, counts.empty
    window, windowed = _window(config, counts.attention)
    rank = config.field("kv_lora_rank")
    size = _state_size(config) if stateful else None
    # Layers that keep nothing count among the stateful ones, which makes the state of each smaller.
    spread = -(-size * stateful // (stateful + without)) if size and stateful else size
    return Caching(
        latent_rank=rank,
        latent_rope_size=config.field("qk_rope_head_dim") if rank else None,
        sliding_window=window,
        sliding_layers=windowed,
        state_layers=stateful + without or None,
        state_size=spread,
    )


def _window(config: Configuration, layers: int) -> tuple[int | None, int | None]:
    """The window, and how many layers have it."""
    window = config.field("sliding_window") or config.field("attention_chunk_size")
    if window is None or config.text.flag("use_sliding_window") is False:
        return None, None
    kinds = config.text.texts("layer_types")
    if kinds:
        windowed = sum(kind in _WINDOWED for kind in kinds)
    elif pattern := config.field("sliding_window_pattern") or _PATTERNS.get(_type(config)):
        windowed = layers - layers // pattern
    elif config.text.flag("use_sliding_window"):
        windowed = layers - (config.field("max_window_layers", minimum=0) or 0)
    else:
        windowed = layers
    return (window, windowed) if windowed > 0 else (None, None)


def _state_size(config: Configuration) -> int | None:
    """Numbers in the state of one layer: the recurrence's, and the tokens that a short convolution looks back to."""
    heads, width = config.field("linear_num_value_heads"), config.field("linear_value_head_dim")
    keys, key_width = config.field("linear_num_key_heads"), config.field("linear_key_head_dim")
    if heads and width and keys and key_width:
        kernel = config.field("linear_conv_kernel_dim") or 4
        return heads * width * key_width + (heads * width + 2 * keys * key_width) * (kernel - 1)
    linear = config.text.section("linear_attn_config")
    if linear is not None and (size := _delta_state(linear)):
        return size
    if _type(config) in _RWKV and config.hidden_size:
        return _rwkv_state(config, config.hidden_size)
    state = _first(config, "ssm_state_size", "mamba_d_state", "state_size")
    kernel = _first(config, "conv_kernel", "mamba_d_conv", "d_conv") or 4
    heads, width = _first(config, "mamba_num_heads", "mamba_n_heads"), _first(config, "mamba_head_dim", "mamba_d_head")
    if state and heads and width:
        groups = _first(config, "n_groups", "mamba_n_groups") or 1
        return heads * width * state + (heads * width + 2 * groups * state) * (kernel - 1)
    expand = _first(config, "mamba_expand", "expand") or 2
    if state and config.hidden_size:
        return expand * config.hidden_size * (state + kernel - 1)
    return None


def _delta_state(linear: Section) -> int | None:
    """A square for each head, and what the convolutions of queries, keys and values look back to."""
    heads, width, kernel = (linear.number(name) for name in ("num_heads", "head_dim", "short_conv_kernel_size"))
    if not heads or not width or not heads.is_integer() or not width.is_integer() or min(heads, width) < 0:
        return None
    back = int(kernel) - 1 if kernel and kernel.is_integer() and kernel > 0 else 3
    return int(heads * width * width + 3 * heads * width * back)


def _rwkv_state(config: Configuration, hidden: int) -> int:
    """A square for each head (the first ones had three numbers for each channel), and the token before, twice."""
    width = config.field("attention_hidden_size") or hidden
    return width * (3 if _type(config) == "rwkv" else config.field("head_size") or 64) + 2 * hidden


def _first(config: Configuration, *names: str) -> int | None:
    return next((found for name in names if (found := config.field(name))), None)


def _type(config: Configuration) -> str:
    """The model type of the language part."""
    return config.text.hint("model_type").lower() or config.model_type
