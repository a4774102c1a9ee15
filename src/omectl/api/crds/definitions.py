"""The eight CustomResourceDefinitions."""

from typing import Final, cast

from omectl.api.crds.columns import PRINTER_COLUMNS
from omectl.api.crds.relaxed import relaxed
from omectl.api.crds.schema import object_schema
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.object import Resource
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime

SHORT_NAMES: Final = {"InferenceService": ["isvc"]}
WITHOUT_STATUS_SUBRESOURCE: Final = (ServingRuntime, ClusterServingRuntime)
_SCALE: Final[JsonObject] = {
    "specReplicasPath": ".spec.engine.minReplicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.labelSelector",
}
"""A service is scaled by its engine's lower bound: what `kubectl scale` says holds until an autoscaler sees need."""


def crd_name(cls: type[Resource]) -> str:
    """The name of the CRD, which is also its file's name without `.yaml`."""
    return f"{cls.resource_kind.plural}.{cls.resource_kind.group}"


def custom_resource_definition(cls: type[Resource]) -> JsonObject:
    """The CRD of one of our kinds."""
    kind = cls.resource_kind
    names: JsonObject = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.kind.lower(),
    }
    if kind.kind in SHORT_NAMES:
        names["shortNames"] = list(SHORT_NAMES[kind.kind])
    version: JsonObject = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "subresources": _subresources(cls),
        "additionalPrinterColumns": list(PRINTER_COLUMNS[kind.kind]),
        "schema": {"openAPIV3Schema": _root_schema(cls)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": crd_name(cls)},
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [version],
        },
    }


def _subresources(cls: type[Resource]) -> JsonObject:
    if cls in WITHOUT_STATUS_SUBRESOURCE:
        return {}
    return {"status": {}, "scale": dict(_SCALE)} if cls is InferenceService else {"status": {}}


def _root_schema(cls: type[Resource]) -> JsonObject:
    whole = object_schema(cls)
    properties = cast("dict[str, JsonObject]", whole["properties"])
    spec = properties["spec"]
    return {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": relaxed(spec) if cls is InferenceService else spec,
            "status": properties["status"],
        },
    }
