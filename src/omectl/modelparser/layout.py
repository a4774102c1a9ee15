"""Where things are in a model's file listing: which files say what the model is.

A listing maps paths (relative, `/` between parts) to sizes in bytes. Paths that are not plain relative
paths, and everything in hidden folders, are ignored.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

PIPELINE = "model_index.json"
CONFIG = "config.json"
_SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5,})-of-(?P<total>\d{5,})\.safetensors$")
_GGUF_SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf$", re.IGNORECASE)
_MAIN = re.compile(r"^(diffusion_pytorch_)?model(-\d{5,}-of-\d{5,})?\.safetensors$")
_INDEX = re.compile(r"^(diffusion_pytorch_)?model\.safetensors\.index\.json$")
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""Indexes that may say how large all tensors are together. Of pickles nothing else is ever read."""
_SIDE_WEIGHTS = ("consolidated", "adapter_", "training_args", "optimizer")
_CONVENTIONAL = ("safetensors", "pytorch_model", "model")
_MAX_PATHS = 100_000

ADAPTER = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
ONNX_CONFIG = "genai_config.json"
SIDE_FILES = ("quantize_config.json", "hf_quant_config.json")
"""Documents beside `config.json` in which older tools say how weights are quantized."""


def is_plain(path: str) -> bool:
    """Whether a path stays inside the model: relative, printable, without `.`, `..`, empty or hidden parts."""
    if not path or len(path) > 4096 or not path.isprintable() or "\\" in path:
        return False
    return all(part and not part.startswith(".") and len(part) <= 255 for part in path.split("/"))


def plain_listing(listing: Mapping[str, int]) -> dict[str, int]:
    """The usable part of a listing, in lexical order, shallow paths first."""
    paths = [path for path, size in listing.items() if size >= 0 and is_plain(path)]
    paths.sort(key=lambda path: (path.count("/"), path))
    return {path: listing[path] for path in paths[:_MAX_PATHS]}


def folder_of(path: str) -> str:
    """The folder of a path with a trailing `/`, or "" at the root."""
    folder = str(PurePosixPath(path).parent)
    return "" if folder == "." else folder + "/"


def find_documents(listing: Mapping[str, int]) -> tuple[str, ...]:
    """The documents that may describe the whole model, most telling first.

    At the root a pipeline's index comes before a `config.json`; then the conventional folders; then an adapter's or
    an ONNX model's configuration; then whichever lies shallowest, in lexical order.
    """
    found = [name for name in (PIPELINE, CONFIG) if name in listing]
    found += [path for folder in _CONVENTIONAL if (path := f"{folder}/{CONFIG}") in listing]
    found = found or [name for name in (ADAPTER, ONNX_CONFIG) if name in listing]
    if not found:
        deeper = [path for path in listing if path.rsplit("/", 1)[-1] in (PIPELINE, CONFIG)]
        deeper = [path for path in deeper if not re.search(r"(^|/)\d+_[A-Z]\w*/config\.json$", path)] or deeper
        deeper.sort(key=lambda path: (path.count("/"), path.rsplit("/", 1)[0], path.endswith(CONFIG)))
        found = deeper[:1]
        if found and found[0].endswith(PIPELINE) and (beside := folder_of(found[0]) + CONFIG) in listing:
            found.append(beside)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight files of one folder: safetensors files that make up the model and the index that lists them."""

    files: tuple[str, ...]
    index: str | None
    complete: bool
    """False when the files' own names say that shards are missing."""


def find_weights(listing: Mapping[str, int], folder: str) -> Weights:
    """The safetensors files directly in `folder` that belong to the model itself.

    Beside `model.safetensors` or its shards, other files (another layout's copy, adapters, half-precision
    variants of a pipeline) are not part of the count.
    """
    here = {path[len(folder) :]: path for path in listing if folder_of(path) == folder}
    tensors = [name for name in here if name.lower().endswith(".safetensors")]
    main = [name for name in tensors if _MAIN.match(name.lower())]
    chosen = main or [name for name in tensors if not name.lower().startswith(_SIDE_WEIGHTS)]
    whole = [name for name in chosen if not _SHARD.match(name)]
    if main and whole and len(whole) < len(chosen):
        chosen = [name for name in chosen if _SHARD.match(name)]
    index = next((name for name in here if _INDEX.match(name)), None)
    complete = all(_has_all_shards(name, here) for name in chosen)
    return Weights(tuple(here[name] for name in sorted(chosen)), here[index] if index else None, complete)


def _has_all_shards(name: str, here: Mapping[str, str]) -> bool:
    match = _SHARD.match(name)
    if match is None or int(match["total"]) > len(here):
        return match is None
    return all(
        f"{match['stem']}-{number:0{len(match['number'])}d}-of-{match['total']}.safetensors" in here
        for number in range(1, int(match["total"]) + 1)
    )


@dataclass(frozen=True, slots=True)
class GgufModel:
    """The files of one model: a single file or all its shards, the first one first."""

    files: tuple[str, ...]
    complete: bool
    only: bool
    """Whether there is no other model in the same folder; several are variants of one."""


def find_gguf(listing: Iterable[str], folder: str) -> GgufModel | None:
    """The first model among the GGUF files directly in `folder`; a projector for images is no model."""
    here = sorted(path for path in listing if folder_of(path) == folder and path.lower().endswith(".gguf"))
    stems: dict[str, list[str]] = {}
    for path in here:
        if "mmproj" not in path.lower():
            match = _GGUF_SHARD.match(path)
            stems.setdefault(match["stem"] if match else path, []).append(path)
    if not stems:
        return None
    files = next(iter(stems.values()))
    match = _GGUF_SHARD.match(files[0])
    return GgufModel(tuple(files), match is None or int(match["total"]) == len(files), len(stems) == 1)


def reads_images(listing: Iterable[str], folder: str) -> bool:
    """Whether a projector for images lies beside the model."""
    return any(folder_of(path) == folder and re.search(r"mmproj.*\.gguf$", path, re.IGNORECASE) for path in listing)
