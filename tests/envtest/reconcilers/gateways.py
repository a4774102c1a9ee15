"""The parts of a Gateway's owner and of its controller, played by hand."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from tests.envtest.reconcilers.conftest import Scene

from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ResourceKind
from omectl.kube.errors import AlreadyExists
from omectl.kube.resources import CONFIG_MAPS, NAMESPACES
from omectl.kube.third_party_kinds import GATEWAYS

SETTINGS = "inferenceservice-config"
INFRA, GATE = "infra", "gate"


async def set_settings(scene: Scene, ingress: JsonObject, omectl: JsonObject | None = None) -> None:
    """These fields of the operator's settings, beside those that are shipped."""
    found: Any = await scene.admin.get(CONFIG_MAPS, SETTINGS, "ome")
    data: JsonObject = {
        name: json.dumps({**json.loads(found["data"][name]), **(fields or {})})
        for name, fields in (("ingress", ingress), ("omectl", omectl))
    }
    await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": data}, "ome")


async def make_gateway(scene: Scene) -> None:
    """Gateway `infra/gate`, of which no controller has said anything."""
    with suppress(AlreadyExists):
        await scene.admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": INFRA}})
    gateway: JsonObject = {
        "apiVersion": GATEWAYS.api_version,
        "kind": GATEWAYS.kind,
        "metadata": {"name": GATE, "namespace": INFRA},
        "spec": {"gatewayClassName": "some", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }
    await scene.admin.create(GATEWAYS, gateway, validation="Strict")


async def tell_gateway(scene: Scene, **statuses: str) -> None:
    """What the Gateway's controller says of its newest spec."""
    found: Any = await scene.admin.get(GATEWAYS, GATE, INFRA)
    patch: JsonObject = {"status": {"conditions": _conditions(found, statuses)}}
    await scene.admin.merge_patch(GATEWAYS, GATE, patch, INFRA, subresource="status")


async def tell_parents(scene: Scene, kind: ResourceKind, name: str, **statuses: str) -> None:
    """What the Gateway's controller says of the newest spec of a route or a pool."""
    found = await scene.get(kind, name)
    parent: JsonObject = {
        "parentRef": {"name": GATE, "namespace": INFRA},
        "controllerName": "example.org/gateways",
        "conditions": _conditions(found, statuses),
    }
    patch: JsonObject = {"status": {"parents": [parent]}}
    await scene.admin.merge_patch(kind, name, patch, scene.namespace, subresource="status")


def _conditions(found: Any, statuses: dict[str, str]) -> list[JsonValue]:
    return [
        {
            "type": name,
            "status": status,
            "reason": f"Why{name}",
            "message": f"of {name}",
            "observedGeneration": found["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for name, status in statuses.items()
    ]
