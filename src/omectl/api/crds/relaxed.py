"""Where the schema of a service is looser than that of a runtime: what the runtime states need not be repeated."""

import json
from collections.abc import Iterator
from typing import Final, cast

from omectl.api.json import JsonObject

_COMPONENTS: Final = ("engine", "decoder", "router", "predictor")
_CHECKED_PROBES: Final = ("livenessProbe", "readinessProbe")


def relaxed(strict: JsonObject) -> JsonObject:
    """A looser copy of the schema of `InferenceService.spec`.

    * nothing is required two levels below `spec` (a runner's name among others);
    * a component itself has no `ephemeralContainers`;
    * liveness and readiness probes of a runner need no port, nor do HTTP ones of extra containers.
    """
    spec = cast("JsonObject", json.loads(json.dumps(strict)))  # a copy whose parts are not shared with each other
    for part in _properties(spec).values():
        for inner in _properties(part).values():
            inner.pop("required", None)
    for name in _COMPONENTS:
        component = _properties(_properties(spec)[name])
        component.pop("ephemeralContainers", None)
        runner = component.get("runner") or component["model"]
        for action in ("httpGet", "tcpSocket"):
            _need_no_port(runner, action)
        _need_no_port(cast("JsonObject", component["containers"]["items"]), "httpGet")
    return spec


def _need_no_port(container: JsonObject, action: str) -> None:
    for probe in _probes(container):
        _properties(probe)[action].pop("required", None)


def _probes(container: JsonObject) -> Iterator[JsonObject]:
    for name in _CHECKED_PROBES:
        yield _properties(container)[name]


def _properties(schema: JsonObject) -> dict[str, JsonObject]:
    return cast("dict[str, JsonObject]", schema.get("properties", {}))
