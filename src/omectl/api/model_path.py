"""Where a model's files lie on the nodes when its storage names no path."""

from pathlib import PurePosixPath
from typing import Final

_ON_THE_NODE: Final = "local:///"


def default_model_path(models_root: str, storage_uri: str) -> str:
    """The URI below the models root, scheme and all, as plain components.

    `local:///path` lies where it says: its files are on the node already, and whether that is allowed there is for the
    reader to say.
    """
    on_the_node = storage_uri.startswith(_ON_THE_NODE)
    parts = storage_uri.removeprefix(_ON_THE_NODE).replace("://", "/").replace("\0", "").split("/")
    base = PurePosixPath("/" if on_the_node else models_root)
    return str(base.joinpath(*(part for part in parts if part not in {"", ".", ".."})))
