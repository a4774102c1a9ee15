"""Which layers of a transformer attend to tokens, which keep a state, and which do neither."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.modelparser.configuration import Configuration

_ALL_STATES: Final = frozenset({"mamba", "mamba2", "falcon_mamba", "rwkv", "rwkv5", "rwkv6", "rwkv7"})
_STATEFUL: Final = frozenset({"linear_attention", "mamba", "mamba2", "conv", "recurrent"})
_EMPTY: Final = frozenset({"mlp", "moe"})
_LETTERS: Final[Mapping[str, str]] = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
_NUMBERS: Final[Mapping[int, str]] = {0: "linear_attention", 1: "full_attention"}


@dataclass(frozen=True, slots=True)
class LayerCounts:
    """How many layers have keys and values, how many a state, and how many keep nothing."""

    attention: int
    states: int = 0
    empty: int = 0


def count_layers(config: Configuration) -> LayerCounts:
    """The layers by what they keep; all attend when nothing else is said."""
    layers = config.layers or 0
    if config.model_type in _ALL_STATES:
        return LayerCounts(0, layers)
    kinds = layer_kinds(config)
    if kinds:
        states = sum(kinds.get(kind, 0) for kind in _STATEFUL)
        empty = sum(kinds.get(kind, 0) for kind in _EMPTY)
        return LayerCounts(layers - states - empty, states, empty)
    interval = config.field("full_attention_interval") or config.field("attn_layer_period")
    if interval and interval <= layers:
        offset = config.field("attn_layer_offset", minimum=0)
        offset = interval - 1 if offset is None else offset
        attention = len(range(min(offset, layers), layers, interval))
        return LayerCounts(attention, layers - attention)
    linear = config.text.section("linear_attn_config")
    full = linear.values.get("full_attn_layers") if linear is not None else None
    if isinstance(full, list) and 0 < len(full) <= layers:
        return LayerCounts(len(full), layers - len(full))
    return LayerCounts(layers)


def layer_kinds(config: Configuration) -> Mapping[str, int]:
    """How many layers there are of each kind, where the file names the kind of every layer; else nothing."""
    kinds = config.text.texts("layer_types") or config.text.texts("layers_block_type")
    if not kinds:
        kinds = tuple(_LETTERS.get(letter, letter) for letter in config.text.hint("hybrid_override_pattern"))
    numbers = config.text.values.get("attn_type_list")
    if not kinds and isinstance(numbers, list):
        kinds = tuple(_NUMBERS.get(number, "") for number in numbers if isinstance(number, int))
    return Counter(kinds) if kinds and len(kinds) == config.layers else {}
