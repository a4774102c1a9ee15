"""What is known of a model from its files: of a folder, or of a hub's repository."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from omectl.api.base_model import BaseModel, ClusterBaseModel
    from omectl.api.facts import ModelFacts
    from omectl.cli.model_files import ReadModel

FactsOption = Annotated[
    str | None,
    typer.Option("--facts", help="Model folder or hf:// URI that tells what the manifests leave unknown."),
]
HubEndpoint = Annotated[str, typer.Option("--hub-endpoint", envvar="HF_ENDPOINT", help="The hub that hf:// URIs mean.")]
PUBLIC_HUB = "https://huggingface.co"


def with_facts(model: "BaseModel | ClusterBaseModel", known: "ModelFacts") -> "BaseModel | ClusterBaseModel":
    """The model with the facts as its status would have them."""
    from omectl.api.facts import RecordedFacts
    from omectl.api.model_status import ModelStatusSpec

    status = model.status or ModelStatusSpec(state="In_Transit")
    recorded = RecordedFacts.model_validate(known.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return model.model_copy(update={"status": status.model_copy(update={"facts": recorded})})


class FactsSource:
    """A folder or a repository of the hub, read once for each choice of files that a model makes in it."""

    def __init__(self, source: str, hub_endpoint: str) -> None:
        self._source = source
        self._hub_endpoint = hub_endpoint
        self._read: dict[tuple[tuple[str, str], ...], ReadModel] = {}

    def of(self, model: "BaseModel | ClusterBaseModel | None") -> "ReadModel":
        """The files of that model, by the patterns of its `storage.parameters`; all without a model.

        Raises: `CliFailure`.
        """
        from omectl.modelparser import ALLOW_PARAMETER, IGNORE_PARAMETER

        stated = (model.spec.storage.parameters if model is not None else None) or {}
        patterns = {name: stated[name] for name in (ALLOW_PARAMETER, IGNORE_PARAMETER) if name in stated}
        key = tuple(patterns.items())
        if key not in self._read:
            self._read[key] = read_facts(self._source, self._hub_endpoint, patterns)
        return self._read[key]


def read_facts(source: str, hub_endpoint: str, patterns: Mapping[str, str]) -> "ReadModel":
    """A model in a folder, or a repository of the hub, by its small files and headers only.

    `patterns` are those of a model's `storage.parameters`. Raises: `CliFailure`.
    """
    from omectl.cli.failure import CliFailure
    from omectl.modelparser import ModelParseError

    try:
        if "://" in source:
            return _hub_facts(source, hub_endpoint, patterns)
        return _folder_facts(Path(source), patterns)
    except CliFailure as failure:
        raise CliFailure(f"--facts {source}: {failure.message}", failure.exit_code) from failure
    except (ModelParseError, OSError) as error:
        raise CliFailure(f"--facts {source}: {error}", 2) from error


def _folder_facts(folder: Path, patterns: Mapping[str, str]) -> "ReadModel":
    from omectl.cli.failure import CliFailure
    from omectl.cli.model_files import read_folder

    if not folder.is_dir():
        raise CliFailure("wanted a model's folder or an hf:// URI, found neither; correct it", 2)
    return read_folder(folder, patterns)


def _hub_facts(uri: str, endpoint: str, patterns: Mapping[str, str]) -> "ReadModel":
    from omectl.api.storage_uri import HuggingFaceUri, StorageUriError, parse_storage_uri
    from omectl.cli.failure import CliFailure, extra_needed
    from omectl.cli.model_files import Repository, hub_failure, read_repository

    with extra_needed("agent"):
        from omectl.modelagent.problems import ModelError

    try:
        parsed = parse_storage_uri(uri)
    except StorageUriError as error:
        raise CliFailure(str(error), 2) from error
    if not isinstance(parsed, HuggingFaceUri):
        raise CliFailure("wanted an hf:// URI or a folder, found another kind; copy its small files to a folder", 2)
    try:
        return read_repository(Repository(endpoint, parsed.model, parsed.revision), patterns)
    except ModelError as error:
        raise hub_failure(error, "copy its small files to a folder and name that: --facts takes no token") from error
    except TimeoutError as error:
        raise CliFailure(str(error)) from error
