"""What is known of a model from its files: of a folder, or of a hub's repository."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from omectl.api.base_model import BaseModel, ClusterBaseModel
    from omectl.api.facts import ModelFacts

FactsOption = Annotated[
    str | None,
    typer.Option("--facts", help="Model folder or hf:// URI that tells what the manifests leave unknown."),
]
HubEndpoint = Annotated[str, typer.Option("--hub-endpoint", envvar="HF_ENDPOINT", help="The hub that hf:// URIs mean.")]
PUBLIC_HUB = "https://huggingface.co"

_FACTS_DEADLINE_S = 120


def with_facts(model: "BaseModel | ClusterBaseModel", known: "ModelFacts") -> "BaseModel | ClusterBaseModel":
    """The model with the facts as its status would have them."""
    from omectl.api.facts import RecordedFacts
    from omectl.api.model_status import ModelStatusSpec

    status = model.status or ModelStatusSpec(state="In_Transit")
    recorded = RecordedFacts.model_validate(known.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return model.model_copy(update={"status": status.model_copy(update={"facts": recorded})})


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """What the files that an agent would choose tell of the model, and the bytes that they have together."""

    facts: "ModelFacts"
    size_bytes: int


class FactsSource:
    """A folder or a repository of the hub, read once for each choice of files that a model makes in it."""

    def __init__(self, source: str, hub_endpoint: str) -> None:
        self._source = source
        self._hub_endpoint = hub_endpoint
        self._read: dict[tuple[tuple[str, str], ...], ReadFiles] = {}

    def of(self, model: "BaseModel | ClusterBaseModel | None") -> ReadFiles:
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


def read_facts(source: str, hub_endpoint: str, patterns: Mapping[str, str]) -> ReadFiles:
    """A model in a folder, or a repository of the hub, by its small files and headers only.

    `patterns` are those of a model's `storage.parameters`. Raises: `CliFailure`.
    """
    from omectl.cli.failure import CliFailure
    from omectl.modelparser import ModelParseError

    try:
        if "://" in source:
            return _hub_facts(source, hub_endpoint, patterns)
        return _folder_facts(Path(source), patterns)
    except (ModelParseError, OSError) as error:
        raise CliFailure(f"--facts {source}: {error}", 2) from error


def _folder_facts(folder: Path, patterns: Mapping[str, str]) -> ReadFiles:
    from omectl.cli.failure import CliFailure
    from omectl.modelparser import ALLOW_PARAMETER, ModelReading, model_files

    if not folder.is_dir():
        raise CliFailure(f"--facts: wanted a model's folder or an hf:// URI, found {folder}; correct it", 2)
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    chosen = model_files(list(sizes), patterns)
    if not chosen:
        found = f"none of the {len(paths)} files in {folder} is part of a model by its name"
        raise CliFailure(f"--facts: {found}; name them in storage.parameters with {ALLOW_PARAMETER}", 2)
    # As of a repository, the card is read although it is not part of the model.
    reading = ModelReading({name: size for name, size in sizes.items() if name in {*chosen, "README.md"}})
    while requests := reading.wanted():
        for request in requests:
            with paths[request.path].open("rb") as file:
                file.seek(request.start)
                reading.feed(request, file.read(request.length))
    return ReadFiles(reading.facts(), sum(sizes[name] for name in chosen))


def _hub_facts(uri: str, endpoint: str, patterns: Mapping[str, str]) -> ReadFiles:
    import asyncio

    from omectl.api.storage_uri import HuggingFaceUri, StorageUriError, parse_storage_uri
    from omectl.cli.failure import CliFailure, extra_needed
    from omectl.cli.logs import set_up_quiet_logging

    with extra_needed("agent"):
        from omectl.modelagent.problems import ModelError

    set_up_quiet_logging()
    try:
        parsed = parse_storage_uri(uri)
    except StorageUriError as error:
        raise CliFailure(f"--facts: {error}", 2) from error
    if not isinstance(parsed, HuggingFaceUri):
        raise CliFailure(f"--facts: wanted an hf:// URI or a folder, found {uri}; copy its small files to a folder", 2)
    try:
        return asyncio.run(_read_hub(parsed.model, parsed.revision, endpoint, patterns))
    except (ModelError, TimeoutError) as error:
        why = str(error) or f"no answer within {_FACTS_DEADLINE_S} s; try again, or name another --hub-endpoint"
        raise CliFailure(f"--facts {uri}: {why}") from error


async def _read_hub(repository: str, revision: str, endpoint: str, patterns: Mapping[str, str]) -> ReadFiles:
    import asyncio

    from omectl.modelagent.metadata import read_hub_facts
    from omectl.modelagent.storage.http import SmallReadOptions, SmallReads
    from omectl.modelagent.storage.hub import HubBackend

    async with asyncio.timeout(_FACTS_DEADLINE_S), SmallReads(SmallReadOptions()) as reads:
        source = await HubBackend(endpoint, reads).resolve(repository, revision, patterns, None)
        read = await read_hub_facts(source, reads)
    if read.facts is not None:
        return ReadFiles(read.facts, sum(file.size for file in source.files))
    if read.problem is not None:
        raise read.problem
    raise TimeoutError
