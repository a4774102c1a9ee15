"""One complete document of each kind, and strategies for documents that the schemas allow."""

import copy
from collections.abc import Mapping
from functools import cache
from typing import cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from omectl.api.codec import TYPES
from omectl.api.crds.definitions import custom_resource_definition
from omectl.api.json import JsonObject, JsonValue

STORAGE: JsonObject = {"storageUri": "hf://a/b", "path": "/raid/models/a/b"}

MINIMAL: Mapping[str, JsonObject] = {
    "BaseModel": {"storage": STORAGE},
    "ClusterBaseModel": {"storage": STORAGE},
    "FineTunedWeight": {
        "baseModelRef": {"name": "llama"},
        "modelType": "LoRA",
        "hyperParameters": {"strategy": "lora"},
        "storage": STORAGE,
    },
    "ServingRuntime": {},
    "ClusterServingRuntime": {},
    "InferenceService": {"engine": {}, "model": {"name": "llama"}},
    "BenchmarkJob": {
        "endpoint": {"inferenceService": {"name": "llama", "namespace": "default"}},
        "task": "text-to-text",
        "maxTimePerIteration": 10,
        "maxRequestsPerIteration": 100,
        "outputLocation": {"storageUri": "oci://n/ns/b/results/o/x"},
    },
    "AcceleratorClass": {"discovery": {}, "capabilities": {}},
}
"""The least that each kind's spec may say."""


def document(kind: str, spec: JsonObject | None = None, **more: JsonValue) -> JsonObject:
    """An object of that kind with this spec, or the least one."""
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": kind,
        "metadata": {"name": "x"},
        "spec": copy.deepcopy(MINIMAL[kind]) if spec is None else spec,
        **more,
    }


@cache
def documents(kind: str) -> SearchStrategy[JsonObject]:
    """Documents that fit the kind's schema, with unknown fields and with nulls for what is optional."""
    definition = cast("dict[str, dict[str, list[JsonObject]]]", custom_resource_definition(TYPES[kind]))
    schema = cast("JsonObject", definition["spec"]["versions"][0]["schema"])
    properties = cast("dict[str, JsonObject]", cast("JsonObject", schema["openAPIV3Schema"])["properties"])
    parts = st.fixed_dictionaries(
        {"spec": _values(properties["spec"], 0)}, optional={"status": _values(properties["status"], 0)}
    )
    return parts.map(lambda part: document(kind) | cast("JsonObject", part))


_UNKNOWN = st.dictionaries(
    st.sampled_from(["zUnknown", "zMore"]), st.sampled_from([None, {}, [], "x", 1, 1.5, {"a": [{}]}])
)
_ROOM = 4


def _values(schema: JsonObject, depth: int) -> SearchStrategy[JsonValue]:
    if "x-kubernetes-int-or-string" in schema:
        return st.sampled_from(cast("list[JsonValue]", [1, 8, "8", "80Gi", "2.5"]))
    if "enum" in schema:
        return st.sampled_from(cast("list[JsonValue]", schema["enum"]))
    match schema["type"]:
        case "string":
            return st.sampled_from(cast("list[JsonValue]", ["", "a", "http://x", "1.0"]))
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(-(2**31), 2**31)
        case "array":
            items = _values(cast("JsonObject", schema["items"]), depth + 1)
            return cast("SearchStrategy[JsonValue]", st.lists(items, max_size=2 if depth < _ROOM else 0))
        case _:
            return cast("SearchStrategy[JsonValue]", _objects(schema, depth))


def _objects(schema: JsonObject, depth: int) -> SearchStrategy[JsonObject]:
    if "additionalProperties" in schema:
        values = _values(cast("JsonObject", schema["additionalProperties"]), depth + 1)
        return st.dictionaries(st.sampled_from(["a", "b"]), values, max_size=2)
    properties = cast("dict[str, JsonObject]", schema.get("properties", {}))
    required = cast("list[str]", schema.get("required", []))
    needed = {name: _values(properties[name], depth + 1) for name in required}
    optional = sorted(set(properties) - set(required)) if depth < _ROOM else []
    if not optional:
        return st.fixed_dictionaries(needed)
    chosen = st.lists(st.sampled_from(optional), max_size=5, unique=True)
    some = chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: st.none() | _values(properties[name], depth + 1) for name in names})
    )
    return st.builds(lambda a, b, c: {**c, **b, **a}, st.fixed_dictionaries(needed), some, _UNKNOWN)
