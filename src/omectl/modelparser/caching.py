"""What the layers of a transformer keep of the tokens they have seen: keys and values, a latent, a window, a state.

These fields only help: one that has another type than it should is not said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api.json import JsonValue
from omectl.modelparser.configuration import Configuration

_PATTERNS: Final[Mapping[str, int]] = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2}
"""Every how many layers one sees everything, where the library has it in its code. The others see a window."""
_ALL_STATES: Final = frozenset({"mamba", "mamba2", "falcon_mamba"})
_WINDOWED: Final = frozenset({"sliding_attention", "chunked_attention"})
_STATEFUL: Final = frozenset({"linear_attention", "mamba", "mamba2", "conv", "recurrent"})


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
    layers = config.layers or 0
    stateful, without = _state_layers(config, layers)
    window, windowed = _window(config, layers - stateful - without)
    rank = _said(config, "kv_lora_rank")
    size = _state_size(config) if stateful else None
    # Layers that keep nothing count among the stateful ones, which makes the state of each smaller.
    spread = -(-size * stateful // (stateful + without)) if size and stateful else size
    return Caching(
        latent_rank=rank,
        latent_rope_size=_said(config, "qk_rope_head_dim") if rank else None,
        sliding_window=window,
        sliding_layers=windowed,
        state_layers=stateful + without or None,
        state_size=spread,
    )


def _state_layers(config: Configuration, layers: int) -> tuple[int, int]:
    """How many layers keep a state, and how many keep nothing at all."""
    if config.model_type in _ALL_STATES:
        return layers, 0
    kinds = config.text.texts("layer_types") or config.text.texts("layers_block_type")
    if len(kinds) == layers:
        return sum(kind in _STATEFUL for kind in kinds), 0
    pattern = config.text.hint("hybrid_override_pattern")
    if pattern and len(pattern) == layers:
        return pattern.count("M"), layers - pattern.count("M") - pattern.count("*")
    interval = _said(config, "full_attention_interval") or _said(config, "attn_layer_period")
    if interval and interval <= layers:
        offset = _said(config, "attn_layer_offset", minimum=0)
        offset = interval - 1 if offset is None else offset
        return layers - len(range(min(offset, layers), layers, interval)), 0
    linear = config.text.section("linear_attn_config")
    if linear is not None:
        full = linear.values.get("full_attn_layers")
        return (layers - len(full), 0) if isinstance(full, list) and 0 < len(full) <= layers else (0, 0)
    return 0, 0


def _window(config: Configuration, layers: int) -> tuple[int | None, int | None]:
    """The window, and how many layers have it."""
    window = _said(config, "sliding_window") or _said(config, "attention_chunk_size")
    if window is None or config.text.flag("use_sliding_window") is False:
        return None, None
    kinds = config.text.texts("layer_types")
    if kinds:
        windowed = sum(kind in _WINDOWED for kind in kinds)
    elif pattern := _said(config, "sliding_window_pattern") or _PATTERNS.get(_type(config)):
        windowed = layers - layers // pattern
    elif config.text.flag("use_sliding_window"):
        windowed = layers - (_said(config, "max_window_layers", minimum=0) or 0)
    else:
        windowed = layers
    return (window, windowed) if windowed > 0 else (None, None)


def _state_size(config: Configuration) -> int | None:
    """Numbers in the state of one layer: the recurrence's, and the tokens that a short convolution looks back to."""
    heads, width = _said(config, "linear_num_value_heads"), _said(config, "linear_value_head_dim")
    keys, key_width = _said(config, "linear_num_key_heads"), _said(config, "linear_key_head_dim")
    if heads and width and keys and key_width:
        kernel = _said(config, "linear_conv_kernel_dim") or 4
        return heads * width * key_width + (heads * width + 2 * keys * key_width) * (kernel - 1)
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


def _first(config: Configuration, *names: str) -> int | None:
    return next((found for name in names if (found := _said(config, name))), None)


def _said(config: Configuration, name: str, minimum: int = 1) -> int | None:
    """A whole number of the language part, else of the whole."""
    for section in (config.text, config.root):
        number = section.number(name)
        if number is not None and number.is_integer() and number >= minimum:
            return int(number)
    return None


def _type(config: Configuration) -> str:
    """The model type of the language part."""
    return config.text.hint("model_type").lower() or config.model_type
