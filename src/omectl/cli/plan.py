"""`omectl plan`: what the controller would do, from files, without a cluster."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from omectl.api.base_model import BaseModel, ClusterBaseModel
    from omectl.api.facts import ModelFacts
    from omectl.api.inference_service import InferenceService
    from omectl.api.json import JsonObject
    from omectl.api.object import Resource
    from omectl.api.resource import ObjectKey
    from omectl.api.settings import Settings
    from omectl.planner import Plan

_FACTS_DEADLINE_S = 120


class Output(StrEnum):
    """What is printed."""

    YAML = "yaml"
    JSON = "json"
    EXPLAIN = "explain"


@dataclass(frozen=True, slots=True)
class Manifests:
    """The objects that the files hold; kinds that a plan does not read are left out."""

    services: "tuple[InferenceService, ...]"
    others: "tuple[Resource, ...]"
    settings: "Settings"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    files: Annotated[
        list[str],
        typer.Option("--filename", "-f", help="File or folder of manifests, or - for standard input; repeatable."),
    ],
    output: Annotated[Output, typer.Option("--output", "-o", help="Objects to apply, or the reasons.")] = Output.YAML,
    facts: Annotated[
        str | None,
        typer.Option("--facts", help="Model folder or hf:// URI that tells what the manifests leave unknown."),
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="For objects that name none.")] = "default",
    hub_endpoint: Annotated[
        str, typer.Option("--hub-endpoint", envvar="HF_ENDPOINT", help="The hub that hf:// URIs mean.")
    ] = "https://huggingface.co",
) -> None:
    """Show which objects the controller would create for the services in these files, and why.

    The files hold services, models, runtimes and, if wanted, the settings ConfigMap. Nothing is sent anywhere.
    Ends with code 1 when a service cannot be planned.
    """
    from omectl.cli.documents import rendered
    from omectl.cli.failure import CliFailure
    from omectl.planner.explain import explain

    manifests = read_manifests(files, namespace)
    if not manifests.services:
        raise CliFailure(f"wanted an InferenceService in {', '.join(files)}, found none; add a file that has one", 2)
    known = read_facts(facts, hub_endpoint) if facts is not None else None
    plans = [(service.key, plan_service(service, manifests, known)) for service in manifests.services]
    if output is Output.EXPLAIN:
        typer.echo("\n".join(explain(key, found) for key, found in plans), nl=False)
    else:
        objects = [obj for _, found in plans for obj in found.objects]
        typer.echo(rendered(objects, as_json=output is Output.JSON), nl=False)
    problems = [(key, found.problem) for key, found in plans if found.problem is not None]
    if problems:
        raise CliFailure("\n".join(f"{key}: {problem}" for key, problem in problems))


def plan_service(service: "InferenceService", manifests: Manifests, known: "ModelFacts | None") -> "Plan":
    """The plan of one service among the manifests."""
    from omectl.api.accelerator_class import AcceleratorClass
    from omectl.api.base_model import BaseModel, ClusterBaseModel
    from omectl.api.fine_tuned_weight import FineTunedWeight
    from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
    from omectl.planner import PlanInputs, resolve_model
    from omectl.planner import plan as make_plan

    others = manifests.others
    models = {one.key: one for one in others if isinstance(one, BaseModel | ClusterBaseModel)}
    model = resolve_model(service, models.get)
    return make_plan(
        PlanInputs(
            service=service,
            model=_with_facts(model, known) if model is not None and known is not None else model,
            weights=tuple(one for one in others if isinstance(one, FineTunedWeight)),
            runtimes=tuple(one for one in others if isinstance(one, ServingRuntime | ClusterServingRuntime)),
            accelerator_classes=tuple(one for one in others if isinstance(one, AcceleratorClass)),
            settings=manifests.settings,
        )
    )


def read_manifests(files: Iterable[str], namespace: str) -> Manifests:
    """The objects in these files and folders. A later object replaces an earlier one of the same kind and name.

    Raises: `CliFailure` naming the file and the document in it.
    """
    from omectl.api.codec import DecodeError, decode
    from omectl.api.document import text_values
    from omectl.api.inference_service import InferenceService
    from omectl.api.installation import SETTINGS_CONFIG_MAP
    from omectl.api.kinds import GROUP
    from omectl.api.settings import Settings, SettingsError, parse_settings
    from omectl.cli.documents import documents
    from omectl.cli.failure import CliFailure

    found: dict[tuple[str, ObjectKey], Resource] = {}
    settings = Settings.defaults()
    for source, raw in documents(files):
        try:
            if raw.get("kind") == "ConfigMap" and _name(raw) == SETTINGS_CONFIG_MAP:
                settings = parse_settings(text_values(raw.get("data")))
            elif str(raw.get("apiVersion", "")).startswith(f"{GROUP}/"):
                obj = _placed(decode(raw), namespace)
                if not obj.key.name:
                    raise CliFailure(f"{source}: {obj.kind}: metadata.name: wanted a name, found none; give it one", 2)
                found[obj.kind, obj.key] = obj
        except (DecodeError, SettingsError) as error:
            raise CliFailure(f"{source}: {error}", 2) from error
    services = tuple(obj for obj in found.values() if isinstance(obj, InferenceService))
    others = tuple(obj for obj in found.values() if not isinstance(obj, InferenceService))
    return Manifests(services, others, settings)


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


def _with_facts(model: "BaseModel | ClusterBaseModel", known: "ModelFacts") -> "BaseModel | ClusterBaseModel":
    from omectl.api.facts import RecordedFacts
    from omectl.api.model_status import ModelStatusSpec

    status = model.status or ModelStatusSpec(state="In_Transit")
    recorded = RecordedFacts.model_validate(known.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return model.model_copy(update={"status": status.model_copy(update={"facts": recorded})})


def _placed(obj: "Resource", namespace: str) -> "Resource":
    """The object in its namespace, when it belongs into one and names none."""
    if obj.namespace or not obj.resource_kind.namespaced:
        return obj
    return obj.model_copy(update={"metadata": obj.metadata.model_copy(update={"namespace": namespace})})


def _name(raw: "JsonObject") -> str:
    from omectl.api.resource import key_of

    return key_of(raw).name
