"""How many parameters a stored tensor stands for: packed formats count what they unpack to.

Where the tensors beside a packed one tell its width by their shapes, that beats the configuration, which has one width
for a model whose layers may have several.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from omectl.modelparser.tensors import BITS, Tensor

_SIDE = re.compile(
    r"^(.*_)?(scales|qzeros|g_idx|scales_and_zeros|absmax|quant_map|nested_\w+|SCB|weight_format|zero_point|zeros"
    r"|weight_scale\w*|weight_zero_point|weight_shape|weight_g_idx|weight_global_scale|input_scale\w*|output_scale"
    r"|input_global_scale|input_zero_point|activation_scale|k_scale|v_scale|q_scale|prob_output_scale)$"
)
_BUFFERS = frozenset({"position_ids", "token_type_ids", "inv_freq", "masked_bias", "num_batches_tracked"})
_CACHE_SCALES = frozenset({"k_scale", "v_scale", "q_scale", "prob_output_scale"})
_WEIGHTS = ("weight", "qweight", "weight_packed")
_INTEGERS = frozenset({"U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64"})
_WIDTHS = range(1, 9)
_USUAL_BITS = 4


@dataclass(frozen=True, slots=True)
class Packing:
    """What the configuration says of packed weights: their width and, for each recipe, width and group size."""

    bits: int | None = None
    groups: tuple[tuple[int, int], ...] = ()


UNPACKED = Packing()


def parameters_of(tensor: Tensor, packing: Packing, named: Mapping[str, Tensor]) -> int:
    """The parameters that a tensor stands for, 0 for scalars, buffers and what only serves a quantized weight.

    `named` holds all tensors of the model.
    """
    if not tensor.shape:
        return 0
    if tensor.dtype not in _INTEGERS and tensor.name.endswith(".weight"):
        return tensor.elements  # nearly all tensors of nearly all models
    parent, _, leaf = tensor.name.rpartition(".")
    stored = tensor.elements
    match _role(leaf):
        case _Role.PLAIN:
            return stored
        case _Role.WEIGHT:
            return _unpacked(tensor, packing, named)
        case _Role.PACKED:
            if tensor.dtype not in _INTEGERS:
                return stored
            bits = _packed_bits(tensor, parent, leaf, packing, named)
            return stored * BITS[tensor.dtype] // bits
        case _Role.BLOCKS:
            return stored * 2 if tensor.dtype == "U8" else stored
        case _Role.STATE:
            return 0
        case _Role.MASK:
            causal = len(tensor.shape) == 4 and tensor.shape[:2] == (1, 1)
            return 0 if causal and parent.endswith(("attn", "attention")) else stored
        case _Role.OFFSETS:
            return 0 if _is_wide(named.get(f"{parent}.weight")) and f"{parent}.scales" in named else stored
        case _Role.SIDE:
            return 0 if _stands_beside_a_weight(parent, leaf, named) else stored


class _Role(Enum):
    """What a tensor is, by the last part of its name."""

    PLAIN = auto()
    WEIGHT = auto()
    PACKED = auto()
    BLOCKS = auto()
    OFFSETS = auto()
    SIDE = auto()
    STATE = auto()
    MASK = auto()


@lru_cache(maxsize=4096)
def _role(leaf: str) -> _Role:
    if leaf in {"qweight", "weight_packed"}:
        return _Role.PACKED
    if leaf in _BUFFERS or leaf.startswith(("quant_state", "bitsandbytes__")):
        return _Role.STATE
    if leaf.endswith("_blocks"):
        return _Role.BLOCKS
    if leaf == "biases":
        return _Role.OFFSETS
    if _SIDE.match(leaf):
        return _Role.SIDE
    if leaf == "weight" or leaf.endswith("_proj"):
        return _Role.WEIGHT
    return _Role.MASK if leaf in {"bias", "mask"} else _Role.PLAIN


def _unpacked(tensor: Tensor, packing: Packing, named: Mapping[str, Tensor]) -> int:
    """A tensor called a weight: bytes of two 4-bit numbers, 32-bit words of MLX, or simply its elements."""
    stored, name = tensor.elements, tensor.name
    if tensor.dtype == "U8":
        # NVFP4 has a scale for 16 weights, thus for 8 bytes; bitsandbytes hangs its state below the weight.
        scale = named.get(f"{name}_scale")
        halves = scale is not None and scale.dtype == "F8_E4M3" and scale.elements * 8 == stored
        states = any(f"{name}.quant_state.bitsandbytes__{kind}" in named for kind in ("nf4", "fp4"))
        return stored * 2 if halves or states or packing.bits == 4 else stored
    if _is_wide(tensor):
        scales = named.get(name.removesuffix("weight") + "scales")
        if scales is not None and scales.shape:
            bits = _by_groups(tensor, scales, packing) or packing.bits or _USUAL_BITS
            return stored * 32 // bits
    return stored


def _is_wide(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.dtype == "U32"


def _packed_bits(tensor: Tensor, parent: str, leaf: str, packing: Packing, named: Mapping[str, Tensor]) -> int:
    """The width of one packed weight: by the tensors beside it, else as the configuration has it."""
    prefix = f"{parent}." if parent else ""
    if leaf == "weight_packed":
        scale = named.get(f"{prefix}weight_scale")
        return (_by_groups(tensor, scale, packing) if scale else None) or packing.bits or _USUAL_BITS
    scales, zeros, order = (named.get(f"{prefix}{name}") for name in ("scales", "qzeros", "g_idx"))
    word = BITS[tensor.dtype]
    if scales is not None and len(scales.shape) == len(tensor.shape) == 2:
        # Zero points are packed along the outputs, of which each has one scale in a group.
        if zeros is not None and len(zeros.shape) == 2 and (bits := _ratio(zeros.shape[1] * word, scales.shape[1])):
            return bits
        if tensor.shape[1] < scales.shape[1] and (bits := _ratio(tensor.shape[1] * word, scales.shape[1])):
            return bits
    if order is not None and len(tensor.shape) == 2 and (bits := _ratio(tensor.shape[0] * word, order.elements)):
        return bits
    return packing.bits or _USUAL_BITS


def _by_groups(tensor: Tensor, scale: Tensor, packing: Packing) -> int | None:
    """The width of the recipe whose groups fit the number of scales in a row."""
    if not scale.shape:
        return None
    row, scales = tensor.shape[-1] * BITS[tensor.dtype], scale.shape[-1]
    for bits, size in packing.groups:
        if row == scales * size * bits:
            return bits
    return next((bits for _, size in packing.groups if (bits := _ratio(row, scales * size))), None)


def _ratio(left: int, right: int) -> int | None:
    """A width in bits, when the division gives one."""
    return left // right if right and left % right == 0 and left // right in _WIDTHS else None


def _stands_beside_a_weight(parent: str, leaf: str, named: Mapping[str, Tensor]) -> bool:
    """Whether a tensor named like a scale has the weight that it scales: beside it, above it, or as the name's stem."""
    prefix = f"{parent}." if parent else ""
    if any(f"{prefix}{name}" in named for name in _WEIGHTS) or parent in named:
        return True
    if leaf in _CACHE_SCALES or (leaf.endswith("_scales") and f"{prefix}{leaf[:-7]}_blocks" in named):
        return True
    stem = re.sub(r"_(weight_scale|scale|scale_inv|input_scale)\w*$", "", leaf)
    return stem != leaf and f"{prefix}{stem}" in named
