"""Where a model's or a benchmark's files lie."""

from typing import Annotated

from omectl.api.json import JsonObject
from omectl.api.wire import AtomicStringMap, PodPart, StringMap, WireType, one_of

DownloadPolicy = Annotated[str, one_of("AlwaysDownload", "ReuseIfExists")]


class StorageSpec(WireType):
    """Source, place on the node, and the nodes that should hold the files."""

    storage_uri: str
    path: str | None = None
    schema_path: str | None = None
    parameters: StringMap | None = None
    key: str | None = None
    """Name of a Secret."""
    node_selector: AtomicStringMap | None = None
    node_affinity: Annotated[JsonObject, PodPart("NodeAffinity")] | None = None
    download_policy: DownloadPolicy | None = None
