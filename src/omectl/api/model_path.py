"""Where a model's files lie on the nodes when its storage names no path."""

from pathlib import PurePosixPath


def default_model_path(models_root: str, storage_uri: str) -> str:
    """The URI below the models root, scheme and all, as plain components: no URI leads outside."""
    parts = storage_uri.replace("://", "/").replace("\0", "").split("/")
    return str(PurePosixPath(models_root).joinpath(*(part for part in parts if part not in {"", ".", ".."})))
