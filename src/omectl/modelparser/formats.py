"""Which format a model's weights are stored in, and how many bytes they take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from omectl.api.json import JsonObject
from omectl.modelparser.layout import find_weights, folder_of

_PICKLES = re.compile(r"^(pytorch_model|diffusion_pytorch_model|model)(-\d+-of-\d+)?\.(bin|pt|pth)$|\.bin$")
_NOT_WEIGHTS = frozenset({"training_args.bin", "optimizer.bin", "scheduler.bin", "random_states.bin"})


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Format name and version, and the total size of the weight files; None where it can't be told."""

    format: JsonObject | None
    size_bytes: int | None


def model_files(listing: Mapping[str, int], folder: str) -> ModelFiles:
    """What is stored in `folder`, else at the root: safetensors before pickles before GGUF, engines and ONNX."""
    for place in dict.fromkeys((folder, "")):
        found = _in_folder(listing, place)
        if found.format is not None:
            return found
    return ModelFiles(None, None)


def _in_folder(listing: Mapping[str, int], folder: str) -> ModelFiles:
    weights = find_weights(listing, folder)
    if weights.files:
        return ModelFiles({"name": "safetensors", "version": "1.0.0"}, sum(listing[path] for path in weights.files))
    here = {path[len(folder) :]: size for path, size in listing.items() if folder_of(path) == folder}
    pickles = [name for name in here if _PICKLES.search(name) and name not in _NOT_WEIGHTS]
    if pickles:
        return ModelFiles({"name": "pytorch"}, sum(here[name] for name in pickles))
    for suffix, name in ((".gguf", "gguf"), (".engine", "tensorrtllm"), (".onnx", "onnx")):
        sizes = [size for path, size in here.items() if path.lower().endswith(suffix)]
        if sizes:
            # Several GGUF or ONNX files are usually variants of one model, so their sum would say nothing.
            return ModelFiles({"name": name}, sum(sizes) if len(sizes) == 1 or name == "tensorrtllm" else None)
    return ModelFiles(None, None)
