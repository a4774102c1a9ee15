"""The pod part of the schemas, from the package's data file."""

import json
from functools import cache
from typing import cast

from omectl.api.crds.pod_source import DATA_FILE
from omectl.api.json import JsonObject, JsonValue
from omectl.api.wire import QUANTITY_PATTERN

_BUILT_IN: dict[str, JsonObject] = {
    "IntOrString": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True},
    "Quantity": {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": QUANTITY_PATTERN,
        "x-kubernetes-int-or-string": True,
    },
    "Metadata": {"type": "object"},
}


@cache
def _definitions() -> dict[str, JsonObject]:
    return cast("dict[str, JsonObject]", json.loads(DATA_FILE.read_text(encoding="utf-8")))


@cache
def pod_type(name: str) -> JsonObject:
    """The complete schema of a core/v1 or apps/v1 type, without references. It is shared: never change it in place."""
    definition = _BUILT_IN.get(name) or _definitions()[name]
    return cast("JsonObject", _expanded(definition))


def _expanded(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_expanded(item) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str):
        rest = {key: item for key, item in value.items() if key != "$ref"}
        return {**pod_type(reference), **rest}
    return {key: _expanded(item) for key, item in value.items()}
