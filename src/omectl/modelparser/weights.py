"""How many parameters the stored tensors are: packed formats count what they unpack to."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

import msgspec

from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.layout import find_weights, folder_of, is_plain
from omectl.modelparser.requests import MAX_INDEX
from omectl.modelparser.tensors import BITS, SafetensorsHeader, Tensor

_SIDE = re.compile(
    r"^(.*_)?(scales|qzeros|g_idx|scales_and_zeros|absmax|quant_map|nested_\w+|SCB|weight_format|zero_point|zeros"
    r"|weight_scale\w*|weight_zero_point|weight_shape|weight_g_idx|weight_global_scale|input_scale\w*|output_scale"
    r"|input_global_scale|input_zero_point|activation_scale|k_scale|v_scale|q_scale|prob_output_scale)$"
)
_BUFFERS = frozenset({"position_ids", "token_type_ids", "inv_freq", "masked_bias", "num_batches_tracked"})
_CACHE_SCALES = frozenset({"k_scale", "v_scale", "q_scale", "prob_output_scale"})
_PACKED = frozenset({"qweight", "weight_packed"})
_INTEGERS = frozenset({"U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64"})


@dataclass(frozen=True, slots=True)
class TensorSummary:
    """The headers of a model's weight files by path, and what kept other files from being read."""

    headers: Mapping[str, SafetensorsHeader]
    problems: tuple[ModelParseError, ...] = ()


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """What a shard index says: the files it names and, rarely, the number of parameters."""

    files: tuple[str, ...]
    parameters: int | None


class _IndexMetadata(msgspec.Struct):
    total_parameters: int | str | float | None = None


class _Index(msgspec.Struct):
    weight_map: dict[str, str]
    metadata: _IndexMetadata | None = None


def read_index(path: str, data: bytes) -> ShardIndex:
    """A `*.safetensors.index.json`; names that leave the index's folder are refused."""
    if len(data) > MAX_INDEX:
        raise ModelParseError(path, "", f"{len(data)} bytes", f"at most {MAX_INDEX} bytes")
    try:
        index = msgspec.json.decode(data, type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelParseError(path, "", str(error), "a shard index") from error
    for name in (names := dict.fromkeys(index.weight_map.values())):
        if not is_plain(name):
            raise ModelParseError(path, "weight_map", name, "names of files in the model")
    parameters = index.metadata.total_parameters if index.metadata else None
    return ShardIndex(
        tuple(folder_of(path) + name for name in names),
        parameters if isinstance(parameters, int) and 0 < parameters < 1 << 60 else None,
    )


def logical_parameters(headers: Iterable[SafetensorsHeader], bits: int | None) -> int:
    """The parameters that the tensors stand for.

    `bits` is the width of packed weights if the configuration tells it (4 where packing is certain but the
    width unknown). Scalars, quantization's side tensors and buffers don't count.
    """
    tensors = [tensor for header in headers for tensor in header.tensors]
    names = frozenset(tensor.name for tensor in tensors)
    return sum(_logical(tensor, bits, names) for tensor in tensors if tensor.shape)


def _logical(tensor: Tensor, bits: int | None, names: frozenset[str]) -> int:
    parent, _, leaf = tensor.name.rpartition(".")
    stored = tensor.elements
    match _role(leaf):
        case _Role.PLAIN:
            return stored
        case _Role.WEIGHT:
            # Bytes that hold two weights each; bitsandbytes hangs its scales below such a weight.
            return stored * 2 if bits == 4 and tensor.dtype == "U8" else stored
        case _Role.PACKED:
            return stored * BITS[tensor.dtype] // (bits or 4) if tensor.dtype in _INTEGERS else stored
        case _Role.BLOCKS:
            return stored * 2 if tensor.dtype == "U8" else stored
        case _Role.STATE:
            return 0
        case _Role.MASK:
            causal = len(tensor.shape) == 4 and tensor.shape[:2] == (1, 1)
            return 0 if causal and parent.endswith(("attn", "attention")) else stored
        case _Role.SIDE:
            return 0 if _stands_beside_a_weight(parent, leaf, names) else stored


class _Role(Enum):
    """What a tensor is, by the last part of its name."""

    PLAIN = auto()
    WEIGHT = auto()
    PACKED = auto()
    BLOCKS = auto()
    SIDE = auto()
    STATE = auto()
    MASK = auto()


@lru_cache(maxsize=4096)
def _role(leaf: str) -> _Role:
    if leaf in _PACKED:
        return _Role.PACKED
    if leaf in _BUFFERS or leaf.startswith(("quant_state", "bitsandbytes__")):
        return _Role.STATE
    if leaf.endswith("_blocks"):
        return _Role.BLOCKS
    if _SIDE.match(leaf):
        return _Role.SIDE
    if leaf == "weight" or leaf.endswith("_proj"):
        return _Role.WEIGHT
    return _Role.MASK if leaf in {"bias", "mask"} else _Role.PLAIN


def _stands_beside_a_weight(parent: str, leaf: str, names: frozenset[str]) -> bool:
    """Whether a tensor named like a scale has the weight that it scales: beside it, above it, or as the name's stem."""
    prefix = f"{parent}." if parent else ""
    if any(f"{prefix}{name}" in names for name in ("weight", "qweight", "weight_packed")) or parent in names:
        return True
    if leaf in _CACHE_SCALES or (leaf.endswith("_scales") and f"{prefix}{leaf[:-7]}_blocks" in names):
        return True
    stem = re.sub(r"_(weight_scale|scale|scale_inv|input_scale)\w*$", "", leaf)
    return stem != leaf and f"{prefix}{stem}" in names


def dominant_dtype(headers: Iterable[SafetensorsHeader]) -> str | None:
    """The dtype that most stored bytes have, by the format's name."""
    totals: dict[str, int] = {}
    for header in headers:
        for tensor in header.tensors:
            totals[tensor.dtype] = totals.get(tensor.dtype, 0) + tensor.end - tensor.start
    return max(totals, key=lambda name: totals[name]) if totals else None


@dataclass(frozen=True, slots=True)
class WeightCount:
    """Parameters of the tensors that could be read, whether those are all, and what the index declares."""

    parameters: int | None
    complete: bool
    declared: int | None = None


def count_weights(
    summary: TensorSummary, files: Mapping[str, bytes], listing: Mapping[str, int], folder: str, bits: int | None
) -> WeightCount:
    """Count the weights in `folder`, else those at the root; an index decides which files belong."""
    for place in dict.fromkeys((folder, "")):
        weights = find_weights(listing, place)
        index: ShardIndex | None = None
        if weights.index is not None and weights.index in files:
            try:
                index = read_index(weights.index, files[weights.index])
            except ModelParseError:
                index = None
        wanted = index.files if index is not None and index.files else weights.files
        if not wanted:
            continue
        read = [header for path in wanted if (header := summary.headers.get(path)) is not None]
        complete = len(read) == len(wanted) and (weights.complete or index is not None)
        return WeightCount(
            logical_parameters(read, bits) or None, complete, index.parameters if index is not None else None
        )
    return WeightCount(None, complete=False)
