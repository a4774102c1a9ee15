"""Which files of a repository are downloaded: those that make up the model. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omectl.modelagent.problems import ModelError, Reason
from omectl.modelparser import ALLOW_PARAMETER, model_files


def select(names: Sequence[str], parameters: Mapping[str, str]) -> list[str]:
    """The names to download, in the listing's order. ModelError when there are none."""
    chosen = model_files(names, parameters)
    if not chosen:
        raise ModelError(
            Reason.NOTHING_TO_DOWNLOAD,
            f"None of the {len(names)} files of the repository is part of a model by its name.",
            f"Name the files in storage.parameters with {ALLOW_PARAMETER}, for example '*.safetensors,*.json'.",
        )
    return chosen
