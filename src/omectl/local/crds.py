"""CustomResourceDefinitions: read from files, applied, and awaited until discovery shows them."""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import anyio
import yaml

from omectl.api.document import as_object, as_objects, at
from omectl.api.json import JsonObject
from omectl.api.labels import LOCAL_MANAGER
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.client import Client
from omectl.kube.discovery import Discovery
from omectl.kube.errors import AlreadyExists, KubeError, NotFound
from omectl.kube.resources import CUSTOM_RESOURCE_DEFINITIONS
from omectl.local.errors import LocalError

_POLL_S = 0.05


class InvalidManifest(LocalError):
    """A file is not a manifest; the text names the file and the place in it."""


class CrdRefused(LocalError):
    """The server does not take a definition into service; the text says why."""


class CrdTimeout(LocalError):
    """Some kinds were not served in time; the text lists them."""


def read_definitions(paths: Iterable[Path]) -> list[JsonObject]:
    """The CustomResourceDefinitions in files and folders (YAML documents or JSON); other objects are skipped.

    Raises InvalidManifest.
    """
    return [document for document in read_documents(paths) if document.get("kind") == "CustomResourceDefinition"]


def read_documents(paths: Iterable[Path]) -> list[JsonObject]:
    """Every object in these files and folders, in order of name. Raises InvalidManifest."""
    documents: list[JsonObject] = []
    for path in paths:
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml", ".json"})
        else:
            files = [path]
        for file in files:
            documents += _read_file(file)
    return documents


def _read_file(file: Path) -> list[JsonObject]:
    try:
        text = file.read_text()
        if file.suffix == ".json":
            loaded = [json.loads(text)]
        else:
            loaded = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, json.JSONDecodeError) as error:
        raise InvalidManifest(f"{file}: wanted YAML or JSON documents, found something else ({error})") from error
    for index, document in enumerate(loaded, start=1):
        if document is not None and not _is_object(document):
            raise InvalidManifest(
                f"{file}, document {index}: wanted an object with a kind, found {str(document)[:80]!r}"
            )
    return [document for document in loaded if document is not None]


async def install(client: Client, definitions: Sequence[JsonObject], *, timeout_s: float) -> list[str]:
    """Create or update the definitions; returns their names once each is established and all its versions are served.

    Raises ApiError, CrdRefused, CrdTimeout.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for definition in definitions:
                group.create_task(_create_or_apply(client, definition))
    except* KubeError as failures:
        raise failures.exceptions[0] from failures
    waiting = {_name(definition): set(_served(definition)) for definition in definitions}
    discovery = Discovery(client)
    deadline = time.monotonic() + timeout_s
    while waiting:
        for name, kinds in list(waiting.items()):
            if await _established(client, name):
                kinds -= {kind for kind in kinds if await _is_served(discovery, kind)}
                if not kinds:
                    del waiting[name]
        if waiting and time.monotonic() > deadline:
            raise CrdTimeout(
                f"wanted these kinds served within {timeout_s:.0f} s, found them not served: "
                + ", ".join(f"{kind.kind} of {kind.api_version}" for kinds in waiting.values() for kind in kinds)
            )
        await anyio.sleep(_POLL_S if waiting else 0)
    return [_name(definition) for definition in definitions]


async def _create_or_apply(client: Client, definition: JsonObject) -> None:
    """A plain create first: it costs the server far less than applying a schema of this size."""
    try:
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition, field_manager=LOCAL_MANAGER)
    except AlreadyExists:
        await client.apply(CUSTOM_RESOURCE_DEFINITIONS, definition, field_manager=LOCAL_MANAGER, force=True)


async def _established(client: Client, name: str) -> bool:
    """Whether the server has taken the definition into service; raises CrdRefused when it never will."""
    definition = await client.get(CUSTOM_RESOURCE_DEFINITIONS, name)
    conditions = as_objects(at(definition, "status", "conditions"))
    for condition in conditions:
        if (condition.get("type"), condition.get("status")) == ("NamesAccepted", "False"):
            raise CrdRefused(f"{name}: the server refuses its names ({condition.get('message')}); rename them")
    return any((condition.get("type"), condition.get("status")) == ("Established", "True") for condition in conditions)


async def _is_served(discovery: Discovery, kind: ResourceKind) -> bool:
    try:
        return await discovery.has(kind)
    except NotFound:  # the server is about to: the group is listed, and its document was not there a moment ago
        return False


def _served(definition: JsonObject) -> Iterable[ResourceKind]:
    """The kind in each of its served versions."""
    spec = as_object(definition["spec"])
    names = as_object(spec["names"])
    for version in as_objects(spec["versions"]):
        if version.get("served"):
            yield ResourceKind(
                group=str(spec["group"]),
                version=str(version["name"]),
                kind=str(names["kind"]),
                plural=str(names["plural"]),
                namespaced=spec.get("scope") == "Namespaced",
            )


def _name(definition: JsonObject) -> str:
    return key_of(definition).name


def _is_object(document: object) -> bool:
    return isinstance(document, dict) and "kind" in document
