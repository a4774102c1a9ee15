"""How many parameters the weight files of a model hold."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

import msgspec

from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.gguf import GgufHeader
from omectl.modelparser.layout import INDEXES, find_weights, folder_of, is_plain
from omectl.modelparser.packing import Packing, parameters_of
from omectl.modelparser.requests import MAX_INDEX
from omectl.modelparser.tensors import SafetensorsHeader, Tensor

_EXPERT = re.compile(
    r"(^|\.)(experts|switch_mlp)\.(?!.*\b(router|gate\.weight|shared)\b)|\.moe\.(gate|up|down)_proj\."
    r"|\.block_sparse_moe\.(input|output)_linear\."
)
"""Names of the tensors of experts, one by one or all in one tensor. Shared experts have names of their own."""
_LAYER = re.compile(r"^model\.layers\.(\d{1,6})\.")


@dataclass(frozen=True, slots=True)
class TensorSummary:
    """The headers of a model's weight files by path, and what kept other files from being read."""

    headers: Mapping[str, SafetensorsHeader]
    problems: tuple[ModelParseError, ...] = ()
    gguf: Mapping[str, GgufHeader] = field(default_factory=dict[str, GgufHeader])


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """What a shard index says: the files it names, the bytes of all tensors and, rarely, the number of parameters."""

    files: tuple[str, ...]
    parameters: int | None
    total_bytes: int | None = None


class _IndexMetadata(msgspec.Struct):
    total_parameters: int | str | float | None = None
    total_size: int | str | float | None = None


class _Index(msgspec.Struct):
    weight_map: dict[str, str]
    metadata: _IndexMetadata | None = None


def read_index(path: str, data: bytes) -> ShardIndex:
    """A `*.safetensors.index.json` or `*.bin.index.json`; names that leave the index's folder are refused."""
    if len(data) > MAX_INDEX:
        raise ModelParseError(path, "", f"{len(data)} bytes", f"at most {MAX_INDEX} bytes")
    try:
        index = msgspec.json.decode(data, type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelParseError(path, "", str(error), "a shard index") from error
    for name in (names := dict.fromkeys(index.weight_map.values())):
        if not is_plain(name):
            raise ModelParseError(path, "weight_map", name, "names of files in the model")
    metadata = index.metadata or _IndexMetadata()
    return ShardIndex(
        tuple(folder_of(path) + name for name in names),
        _sensible(metadata.total_parameters),
        _sensible(metadata.total_size),
    )


def _sensible(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value < 1 << 60 else None


def declared_parameters(files: Mapping[str, bytes], folder: str, width: float) -> int | None:
    """What an index in `folder` declares: its own number, else its bytes by the `width` of one number (0: unknown)."""
    for name in INDEXES:
        try:
            index = read_index(folder + name, files[folder + name]) if folder + name in files else None
        except ModelParseError:
            index = None
        if index is not None and index.parameters:
            return index.parameters
        if index is not None and index.total_bytes and width:
            return int(index.total_bytes / width)
    return None


@dataclass(frozen=True, slots=True)
class Totals:
    """Parameters of tensors: `all` of them, `routed` those of experts that a router chooses among, and `later` those
    of layers behind the last one, which guess further tokens and are no part of the model's own answer.

    `routed` leaves the later layers out.
    """

    all: int = 0
    routed: int = 0
    later: int = 0

    def active(self, experts: int | None, chosen: int | None) -> int | None:
        """The parameters that one token meets, when a router sends it to `chosen` of `experts`; None if unknown."""
        if not experts or not chosen or not self.routed or chosen > experts:
            return None
        return self.all - self.later - self.routed * (experts - chosen) // experts


def _of_experts(name: str) -> bool:
    # The plain look first: the pattern takes ten times as long, and most names have none of the words.
    return ("expert" in name or "moe" in name or "switch_mlp" in name) and _EXPERT.search(name) is not None


class _ByName(Mapping[str, Tensor]):
    """The tensors of a model by name, put together when the first is asked for: only packed weights ask."""

    def __init__(self, headers: tuple[SafetensorsHeader, ...]) -> None:
        self._headers = headers

    @cached_property
    def _named(self) -> dict[str, Tensor]:
        return {tensor.name: tensor for header in self._headers for tensor in header.tensors}

    def __getitem__(self, name: str) -> Tensor:
        return self._named[name]

    def __contains__(self, name: object) -> bool:
        return name in self._named

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)


def totals_of(headers: Iterable[SafetensorsHeader], packing: Packing, layers: int | None = None) -> Totals:
    """What the tensors of a model stand for. `layers`: how many layers it has by its configuration."""
    read = tuple(headers)
    named = _ByName(read)
    everything = routed = later = 0
    for tensor in chain.from_iterable(header.tensors for header in read):
        count = parameters_of(tensor, packing, named)
        everything += count
        if layers and (layer := _LAYER.match(tensor.name)) and int(layer[1]) >= layers:
            later += count
        elif _of_experts(tensor.name):
            routed += count
    return Totals(everything, routed, later)


def dominant_dtype(headers: Iterable[SafetensorsHeader]) -> str | None:
    """The dtype that most stored bytes have, by the format's name."""
    totals: dict[str, int] = {}
    for header in headers:
        for tensor in header.tensors:
            totals[tensor.dtype] = totals.get(tensor.dtype, 0) + tensor.end - tensor.start
    return max(totals, key=lambda name: totals[name]) if totals else None


@dataclass(frozen=True, slots=True)
class WeightCount:
    """The tensors that could be read, and whether those are all."""

    totals: Totals = Totals()
    complete: bool = False


def count_weights(
    summary: TensorSummary,
    files: Mapping[str, bytes],
    listing: Mapping[str, int],
    folder: str,
    packing: Packing,
    layers: int | None = None,
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
        return WeightCount(totals_of(read, packing, layers), complete)
    return WeightCount()
