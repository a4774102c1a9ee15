"""What is known of a model from its files: of a folder, or of a hub's repository."""

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


def read_facts(source: str, hub_endpoint: str) -> "ModelFacts":
    """The facts of a model in a folder, or of a repository of the hub, by its small files and headers only.

    Raises: `CliFailure`.
    """
    from omectl.cli.failure import CliFailure
    from omectl.modelparser import ModelParseError

    try:
        return _hub_facts(source, hub_endpoint) if "://" in source else _folder_facts(Path(source))
    except (ModelParseError, OSError) as error:
        raise CliFailure(f"--facts {source}: {error}", 2) from error


def _folder_facts(folder: Path) -> "ModelFacts":
    from omectl.cli.failure import CliFailure
    from omectl.modelparser import ModelReading

    if not folder.is_dir():
        raise CliFailure(f"--facts: wanted a model's folder or an hf:// URI, found {folder}; correct it", 2)
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    reading = ModelReading({name: path.stat().st_size for name, path in paths.items()})
    while requests := reading.wanted():
        for request in requests:
            with paths[request.path].open("rb") as file:
                file.seek(request.start)
                reading.feed(request, file.read(request.length))
    return reading.facts()


def _hub_facts(uri: str, endpoint: str) -> "ModelFacts":
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
        return asyncio.run(_read_hub(parsed.model, parsed.revision, endpoint))
    except (ModelError, TimeoutError) as error:
        why = str(error) or f"no answer within {_FACTS_DEADLINE_S} s; try again, or name another --hub-endpoint"
        raise CliFailure(f"--facts {uri}: {why}") from error


async def _read_hub(repository: str, revision: str, endpoint: str) -> "ModelFacts":
    import asyncio

    from omectl.modelagent.metadata import read_hub_facts
    from omectl.modelagent.storage.http import SmallReadOptions, SmallReads
    from omectl.modelagent.storage.hub import HubBackend

    async with asyncio.timeout(_FACTS_DEADLINE_S), SmallReads(SmallReadOptions()) as reads:
        source = await HubBackend(endpoint, reads).resolve(repository, revision, {}, None)
        read = await read_hub_facts(source, reads)
    if read.facts is not None:
        return read.facts
    if read.problem is not None:
        raise read.problem
    raise TimeoutError
