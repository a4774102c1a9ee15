"""Which bytes of a model tell what it is: the plan for reading before anything is downloaded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from omectl.modelparser.document import MAX_DOCUMENT
from omectl.modelparser.gguf import MAX_GGUF_HEADER
from omectl.modelparser.layout import (
    ADAPTER,
    ADAPTER_WEIGHTS,
    INDEXES,
    SIDE_FILES,
    find_documents,
    find_gguf,
    find_weights,
    folder_of,
    plain_listing,
)
from omectl.modelparser.sentences import SENTENCE_FILES
from omectl.modelparser.templates import TEMPLATE_FILES
from omectl.modelparser.tensors import LENGTH_BYTES

MAX_INDEX = 64 << 20
"""Largest shard index that is read, in bytes."""
FIRST_READ = 100 << 10
"""Bytes read at once at a safetensors file's start: nearly all headers fit, so one request is enough."""
MAX_WEIGHT_FILES = 4096
"""Most weight files of one folder whose headers are read."""
_CARD_BYTES = 16 << 10
_MAX_COMPONENTS = 32
_MODULE = re.compile(r"\d+_\w+/config\.json")


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes `start` to `start + length` of the file `path`."""

    path: str
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


def needed_files(listing: Mapping[str, int]) -> tuple[Request, ...]:
    """The first reads for a listing of path to size: small documents whole, weight files by their first bytes.

    Longer headers take a second read, which `ModelReading` asks for; it also leaves out what an index does not name.
    """
    sizes = plain_listing(listing)
    requests: dict[str, Request] = {}

    def whole(path: str, limit: int = MAX_DOCUMENT) -> None:
        if path in sizes and sizes[path] <= limit:
            requests.setdefault(path, Request(path, 0, sizes[path]))

    documents = find_documents(sizes)
    folders = dict.fromkeys(["", *map(folder_of, documents)])
    for path in documents:
        whole(path)
        for name in (*SIDE_FILES, *INDEXES[1:], *SENTENCE_FILES, *TEMPLATE_FILES):
            whole(folder_of(path) + name)
        for name in _modules(sizes, folder_of(path)):
            whole(name)
        if path.endswith("model_index.json"):
            folders.update(dict.fromkeys(component_folders(sizes, folder_of(path))))
    if "README.md" in sizes:
        requests["README.md"] = Request("README.md", 0, min(sizes["README.md"], _CARD_BYTES))
    for folder in folders:
        whole(f"{folder}config.json")
        weights = find_weights(sizes, folder)
        if weights.index is not None:
            whole(weights.index, MAX_INDEX)
        for path in weights.files if len(weights.files) <= MAX_WEIGHT_FILES else ():
            if sizes[path] >= LENGTH_BYTES:
                requests[path] = Request(path, 0, min(sizes[path], FIRST_READ))
        if not weights.files and (model := find_gguf(sizes, folder)) is not None:
            for path in model.files[:MAX_WEIGHT_FILES]:
                requests[path] = Request(path, 0, min(sizes[path], FIRST_READ, MAX_GGUF_HEADER))
    if any(path.endswith(ADAPTER) for path in documents) and ADAPTER_WEIGHTS in sizes:
        requests[ADAPTER_WEIGHTS] = Request(ADAPTER_WEIGHTS, 0, min(sizes[ADAPTER_WEIGHTS], FIRST_READ))
    return tuple(requests.values())


def _modules(listing: Mapping[str, int], folder: str) -> tuple[str, ...]:
    """The configurations of the modules of a sentence-transformers model, which lie in numbered folders."""
    found = [path for path in listing if path.startswith(folder) and _MODULE.fullmatch(path[len(folder) :])]
    return tuple(found[:_MAX_COMPONENTS])


def component_folders(listing: Mapping[str, int], root: str) -> tuple[str, ...]:
    """The folders of a pipeline's components: those right below `root` that hold a `config.json`."""
    found = [
        folder
        for path in listing
        if path.startswith(root)
        and path.count("/") == root.count("/") + 1
        and path.endswith("/config.json")
        and (folder := folder_of(path))
    ]
    return tuple(found[:_MAX_COMPONENTS])
