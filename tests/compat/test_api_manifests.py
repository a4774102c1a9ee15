"""Every manifest of the reference implementation is accepted as it is, but for those that the reference refuses too."""

import asyncio
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

import pytest
import yaml
from tests.envtest.api.installed import install_once

from omectl.api.codec import TYPES, decode, encode
from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.errors import BadRequest, Invalid
from omectl.local.control_plane import ControlPlane

REFUSED_BY_THE_SCHEMA = {
    "samples/isvc/LGAI-EXAONE/exaone-3-5-7-8b-instruct-isvc.yaml": "spec.model.name: Required value",
}
"""Documents that lack what the schema requires, and the server's reason."""

ACCEPTED_HERE = frozenset({"variants/keda-full.yaml"})
"""Documents that the reference's schema refuses and ours takes: `scaleMetric` has more values (D56)."""

UNKNOWN_FIELDS = {
    "samples/isvc/LGAI-EXAONE/exaone-3-5-7-8b-instruct-isvc.yaml": {
        "spec.deployment",
        "spec.model.modelName",
        "spec.model.runtime",
    },
    "samples/isvc/zai-org/glm-4-5v.yaml": {"spec.modelRef", "spec.minReplicas", "spec.maxReplicas", "spec.scaleTarget"},
}
"""Documents with fields that the API does not have; they are accepted without strict validation."""


class Manifest(NamedTuple):
    path: str
    document: JsonObject


class Expectation(NamedTuple):
    """What the reference's own schema said: a refusal, or fields that it does not know."""

    refusal: str = ""
    unknown: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def manifests(compat_dir: Path) -> list[Manifest]:
    """Every document of our group in the recorded inputs."""
    return list(_read(compat_dir / "inputs"))


def _read(folder: Path) -> Iterator[Manifest]:
    for path in sorted(folder.rglob("*.yaml")):
        for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            if isinstance(document, dict) and str(document.get("apiVersion", "")).startswith("ome.io/"):
                yield Manifest(str(path.relative_to(folder)), cast("JsonObject", document))


@pytest.fixture(scope="module")
def expectations(compat_dir: Path, manifests: list[Manifest]) -> dict[str, Expectation]:
    """Expectation of each file: the sheet's two documents, and what the recorded answers show."""
    return {path: _expectation(compat_dir, path) for path in {manifest.path for manifest in manifests}}


def _expectation(compat_dir: Path, path: str) -> Expectation:
    refusal, unknown = REFUSED_BY_THE_SCHEMA.get(path, ""), set(UNKNOWN_FIELDS.get(path, ()))
    answer = compat_dir / "answers" / Path(path.removeprefix("samples/")).with_suffix(".json")
    if answer.is_file():
        for result in _results(json.loads(answer.read_text(encoding="utf-8"))):
            error = cast("JsonObject", result.get("error") or {})
            if error.get("code") == 422 and path not in ACCEPTED_HERE:
                refusal = refusal or str(error["message"])
            warnings = cast("list[str]", result.get("admission_warnings") or [])
            unknown |= {warning.split('"')[1] for warning in warnings if warning.startswith("unknown field")}
    return Expectation(refusal, frozenset(unknown))


def _results(answer: JsonObject) -> Iterator[JsonObject]:
    for state in cast("dict[str, dict[str, list[JsonObject]]]", answer["states"]).values():
        yield from state["results"]


@pytest.fixture(scope="module")
def crds(control_plane: ControlPlane) -> None:
    install_once(control_plane)


@pytest.mark.usefixtures("crds")
async def test_every_manifest_is_accepted_or_refused_as_by_the_reference(
    client: Client, manifests: list[Manifest], expectations: dict[str, Expectation]
) -> None:
    limit = asyncio.Semaphore(8)

    async def problem(manifest: Manifest) -> str:
        async with limit:
            return await _problem(client, manifest, expectations[manifest.path])

    problems = [found for found in await asyncio.gather(*map(problem, manifests)) if found]
    assert len(manifests) > 400
    assert not problems, "\n".join(problems)


async def _problem(client: Client, manifest: Manifest, expected: Expectation) -> str:
    """What is wrong with the server's answer, "" when it is as expected."""
    kind = TYPES[str(manifest.document["kind"])].resource_kind
    document = copy.deepcopy(manifest.document)
    if kind.namespaced:
        cast("JsonObject", document["metadata"])["namespace"] = "default"
    unknown: set[str] = set()
    refusal = ""
    try:
        await client.create(kind, document, dry_run=True, validation="Strict")
    except BadRequest as error:
        unknown = set(re.findall(r'unknown field "([^"]+)"', str(error)))
        refusal = "" if unknown else str(error)
    except Invalid as error:
        refusal = str(error)
    if unknown:
        try:
            await client.create(kind, document, dry_run=True)
        except Invalid as error:
            refusal = str(error)
    as_expected = (
        unknown == expected.unknown and _reason(expected.refusal) in refusal and bool(refusal) == bool(expected.refusal)
    )
    return "" if as_expected else f"{manifest.path}: wanted {expected}, found {unknown or ''} {refusal or 'accepted'}"


def _reason(refusal: str) -> str:
    """The field and the reason inside the server's sentence, without the object's name."""
    return refusal.partition(" is invalid: ")[2] or refusal


def test_every_manifest_survives_decoding_and_encoding(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        written = json.dumps(encode(decode(manifest.document)), sort_keys=True, default=str)
        assert written == json.dumps(manifest.document, sort_keys=True, default=str), manifest.path


def test_everything_that_the_reference_stored_survives_decoding_and_encoding(compat_dir: Path) -> None:
    seen = 0
    for path in sorted((compat_dir / "answers").rglob("*.json")):
        for result in _results(json.loads(path.read_text(encoding="utf-8"))):
            for part in (result, cast("JsonObject", result.get("after_available") or {})):
                stored = part.get("stored")
                if isinstance(stored, dict) and stored.get("kind") in TYPES:
                    seen += 1
                    assert json.dumps(encode(decode(stored)), sort_keys=True) == json.dumps(stored, sort_keys=True), (
                        path
                    )
    assert seen > 100
