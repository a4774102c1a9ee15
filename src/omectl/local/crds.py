"""CustomResourceDefinitions: read from files, applied, and awaited until discovery shows them."""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import anyio
import yaml

from omectl.api.json import JsonObject, JsonValue
from omectl.kube.client import Client
from omectl.kube.discovery import Discovery
from omectl.kube.errors import AlreadyExists
from omectl.kube.resources import CUSTOM_RESOURCE_DEFINITIONS
from omectl.local.errors import LocalError

FIELD_MANAGER = "omectl-local"
_POLL_S = 0.05


class InvalidManifest(LocalError):
    """A file is not a manifest; the text names the file and the place in it."""


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
            return [json.loads(text)]
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
    """Create or update the definitions and wait until every served version is in discovery; returns their names."""
    async with asyncio.TaskGroup() as group:
        for definition in definitions:
            group.create_task(_create_or_apply(client, definition))
    wanted = {served for definition in definitions for served in _served(definition)}
    discovery = Discovery(client)
    deadline = time.monotonic() + timeout_s
    while missing := [f"{kind} of {group}" for group, kind in sorted(wanted) if not await discovery.find(group, kind)]:
        if time.monotonic() > deadline:
            raise CrdTimeout(f"wanted these kinds served within {timeout_s:.0f} s, found none: {', '.join(missing)}")
        await anyio.sleep(_POLL_S)
    return [str(_object(definition["metadata"])["name"]) for definition in definitions]


async def _create_or_apply(client: Client, definition: JsonObject) -> None:
    """A plain create first: it costs the server far less than applying a schema of this size."""
    try:
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition, field_manager=FIELD_MANAGER)
    except AlreadyExists:
        await client.apply(CUSTOM_RESOURCE_DEFINITIONS, definition, field_manager=FIELD_MANAGER, force=True)


def _served(definition: JsonObject) -> Iterable[tuple[str, str]]:
    """Group and kind, when any version is served."""
    spec = _object(definition["spec"])
    versions = spec["versions"]
    assert isinstance(versions, list)
    if any(_object(version).get("served") for version in versions):
        yield str(spec["group"]), str(_object(spec["names"])["kind"])


def _is_object(document: object) -> bool:
    return isinstance(document, dict) and "kind" in document


def _object(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict)
    return value
