"""Probes of the container that serves, where neither runtime nor service states them.

An engine that we know answers by HTTP whether it is well, so that a pod is ready when the model is loaded, not when a
port is open; and has an hour for loading before it counts as failed. Of another program only the port is known.
"""

from typing import Final

from omectl.api.document import as_object, as_objects, as_text, as_texts
from omectl.api.json import JsonObject
from omectl.planner.arguments import parse
from omectl.planner.component import Component
from omectl.planner.dialects import dialect_of
from omectl.planner.flag_tables import flag_table
from omectl.planner.layers import WORKER
from omectl.planner.names import MAIN_CONTAINER, ROUTER
from omectl.planner.script import lines_of, words_of

DEFAULT_PORT: Final = 8080
HEALTH: Final = "/health"
"""The path of vLLM and of SGLang."""

_KINDS: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_TIMES: Final[dict[str, JsonObject]] = {
    "startupProbe": {"timeoutSeconds": 30, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 360},
    "readinessProbe": {"timeoutSeconds": 30, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "livenessProbe": {"timeoutSeconds": 60, "periodSeconds": 60, "successThreshold": 1, "failureThreshold": 5},
}
"""SGLang answers only after a token was made, which takes long under load; so it may take its time."""
_ENCRYPTED: Final = frozenset({"--ssl-keyfile", "--ssl-certfile"})


def add_probes(component: Component, containers: list[JsonObject], main: int) -> None:
    """Add the probes that are missing. A worker serves nobody, so it has none."""
    if component.role == WORKER:
        return
    health = None if component.name == ROUTER else _health(containers[main])
    if health is not None:
        # Who states a probe has thought about when to restart the container.
        silent = not any(_stated(component, containers[main], kind) for kind in _KINDS)
        for kind in _KINDS if silent else _KINDS[:2]:
            if not _stated(component, containers[main], kind):
                containers[main][kind] = {"httpGet": health, **_TIMES[kind]}
    for container in containers:
        if container.get("name") == MAIN_CONTAINER and not as_object(container.get("readinessProbe")):
            container["readinessProbe"] = {
                "tcpSocket": {"port": _port(container)},
                "timeoutSeconds": 1,
                "periodSeconds": 10,
                "successThreshold": 1,
                "failureThreshold": 3,
            }


def _stated(component: Component, container: JsonObject, kind: str) -> bool:
    """Whether somebody states the probe; the service may also say that there is to be none."""
    runners = [as_object(one.get("runner")) for one in component.asked]
    return bool(as_object(container.get(kind))) or any(one.get(kind, {}) is None for one in runners)


def _health(container: JsonObject) -> JsonObject | None:
    """Where a known engine tells of its health, None for another program."""
    image, command = as_text(container.get("image")), as_texts(container.get("command"))
    args = as_texts(container.get("args"))
    if dialect_of(image, command, args) is None:
        return None
    found: JsonObject = {"path": HEALTH, "port": _port(container)}
    words = [word for one in (*command, *args) for word in (words_of(one) if lines_of(one) else [one])]
    for argument in parse(words, flag_table(image, command, args)):
        if (
            argument.key == "--port"
            and argument.values
            and argument.values[0].isascii()
            and argument.values[0].isdigit()
        ):
            found["port"] = int(argument.values[0])
        if argument.key in _ENCRYPTED:
            found["scheme"] = "HTTPS"
    return found


def _port(container: JsonObject) -> int:
    ports = as_objects(container.get("ports"))
    port = ports[0].get("containerPort") if ports else DEFAULT_PORT
    return port if isinstance(port, int) else DEFAULT_PORT
