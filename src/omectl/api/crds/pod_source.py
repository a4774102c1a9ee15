"""From an API server's OpenAPI documents to the compact pod schema that the package carries as data.

The data file maps a type's name to its schema; `{"$ref": "EnvVar"}` stands for another entry. It keeps what a
structural schema may say of a type's shape and drops the rest.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, cast

from omectl.api.document import as_object
from omectl.api.json import JsonObject, JsonValue
from omectl.api.pods import POD_FIELDS

DATA_FILE: Final = Path(__file__).with_name("pod_schema.json")

ROOTS: Final[tuple[str, ...]] = (
    "io.k8s.api.core.v1.PodSpec",
    "io.k8s.api.core.v1.EnvFromSource",
    "io.k8s.api.apps.v1.DeploymentStrategy",
)
"""Types that our own types refer to; what they need comes along."""

NEWER_FIELDS: Final = frozenset(
    {
        ("Container", "restartPolicyRules"),
        ("EphemeralContainer", "restartPolicyRules"),
        ("EnvVarSource", "fileKeyRef"),
        ("VolumeProjection", "podCertificate"),
    }
)
"""Fields that Kubernetes gained after v1.33. `PodSpec` is cut to `POD_FIELDS` instead."""

UNDECLARED_DEFAULTS: Final = frozenset({("AzureDiskVolumeSource", "cachingMode"), ("AzureDiskVolumeSource", "kind")})
"""Defaults that Kubernetes declares by reference to a constant; OME's CRDs do not have them."""

ATOMIC_IN_CRDS: Final = frozenset(
    {
        "ConfigMapEnvSource",
        "ConfigMapProjection",
        "ConfigMapVolumeSource",
        "SecretEnvSource",
        "SecretProjection",
    }
)
"""Types that hold a reference's fields inline: CRDs treat them as one value, as they do the reference."""

REPLACED: Final = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "Quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "IntOrString",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": "Metadata",
}
"""Types that CRDs write in their own way."""

_KEPT: Final = ("type", "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type")
_REFERENCE: Final = "#/components/schemas/"


def pod_schema(documents: Iterable[JsonObject]) -> str:
    """The text of the data file. `documents` are the OpenAPI v3 documents of the core and apps groups."""
    schemas: JsonObject = {}
    for document in documents:
        schemas |= as_object(as_object(document.get("components")).get("schemas"))
    result: JsonObject = {}
    waiting: list[str] = list(ROOTS)
    while waiting:
        name = waiting.pop()
        short = _short(name)
        if short in result or name in REPLACED:
            continue
        result[short] = _definition(short, as_object(schemas[name]), waiting)
    return json.dumps(result, sort_keys=True, separators=(",", ":")).replace('},"', '},\n"') + "\n"


def _definition(name: str, source: JsonObject, waiting: list[str]) -> JsonObject:
    required = cast("list[str]", source.get("required") or [])
    properties: JsonObject = {}
    for field, schema in as_object(source.get("properties")).items():
        if (name, field) in NEWER_FIELDS or (name == "PodSpec" and field not in POD_FIELDS):
            continue
        keep_default = field not in required and (name, field) not in UNDECLARED_DEFAULTS
        properties[field] = _schema(as_object(schema), waiting, keep_default=keep_default)
    definition = {key: source[key] for key in _KEPT if key in source}
    if name == "PodSpec":
        definition.pop("required", None)
    if name in ATOMIC_IN_CRDS:
        definition["x-kubernetes-map-type"] = "atomic"
    return {**definition, "properties": properties}


def _schema(source: JsonObject, waiting: list[str], *, keep_default: bool) -> JsonObject:
    """One field's schema. Defaults of required fields are Go's zero values and say nothing, as does `{}`."""
    default = source.get("default")
    kept: JsonObject = {"default": default} if keep_default and default is not None and default != {} else {}
    reference = _reference(source)
    if reference:
        waiting.append(reference)
        return {"$ref": _short(reference), **kept}
    result: JsonObject = {key: source[key] for key in _KEPT if key in source} | kept
    if source.get("format") in ("int32", "int64"):
        result["format"] = source["format"]
    for inner in ("items", "additionalProperties"):
        if inner in source:
            result[inner] = _schema(as_object(source[inner]), waiting, keep_default=False)
    return result


def _reference(source: JsonObject) -> str:
    for candidate in (source, *(as_object(item) for item in cast("list[JsonValue]", source.get("allOf") or []))):
        reference = candidate.get("$ref")
        if isinstance(reference, str):
            return reference.removeprefix(_REFERENCE)
    return ""


def _short(name: str) -> str:
    return REPLACED.get(name) or name.rpartition(".")[2]
