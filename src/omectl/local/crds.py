"""CustomResourceDefinitions: read from files, applied, and awaited until discovery shows them."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import anyio
import yaml

from omectl.api.json import JsonObject, JsonValue
from omectl.kube.client import Client
from omectl.kube.errors import KubeError
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
    """Apply the definitions and wait until every served version is in discovery; returns their names."""
    for definition in definitions:
        await client.apply(CUSTOM_RESOURCE_DEFINITIONS, definition, field_manager=FIELD_MANAGER, force=True)
    wanted = {served for definition in definitions for served in _served(definition)}
    deadline = time.monotonic() + timeout_s
    while missing := [served for served in sorted(wanted) if not await _is_served(client, served)]:
        if time.monotonic() > deadline:
            listed = ", ".join(f"{plural}.{version}.{group}" for group, version, plural in missing)
            raise CrdTimeout(f"wanted these kinds to be served after {timeout_s:.0f} s, found them missing: {listed}")
        wanted = set(missing)
        await anyio.sleep(_POLL_S)
    return [str(_object(definition["metadata"])["name"]) for definition in definitions]


def _served(definition: JsonObject) -> Iterable[tuple[str, str, str]]:
    spec = _object(definition["spec"])
    versions = spec["versions"]
    assert isinstance(versions, list)
    for version in map(_object, versions):
        if version.get("served"):
            yield str(spec["group"]), str(version["name"]), str(_object(spec["names"])["plural"])


async def _is_served(client: Client, served: tuple[str, str, str]) -> bool:
    group, version, plural = served
    try:
        await client.read(f"/apis/{group}/{version}/{plural}?limit=1")
    except KubeError:
        return False
    return True


def _is_object(document: object) -> bool:
    return isinstance(document, dict) and "kind" in document


def _object(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict)
    return value
