"""Where the API server reads whom to trust: webhook configurations and the conversion of definitions. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from omectl.api.document import as_list, as_object, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ResourceKind
from omectl.kube.resources import CUSTOM_RESOURCE_DEFINITIONS


@dataclass(frozen=True, slots=True)
class TrustTarget:
    """An object whose `caBundle` fields are ours: a webhook configuration, or a CustomResourceDefinition."""

    kind: ResourceKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.name}"


def trust_patch(target: TrustTarget, live: JsonObject, bundle: bytes) -> list[JsonValue]:
    """The JSON patch that puts the bundle (PEM) into every place of the object; empty when it is there.

    It holds for the object's resourceVersion only: places are counted, and another order would mix them up.
    """
    wanted = base64.b64encode(bundle).decode()
    operations: list[JsonValue] = [
        {"op": "add", "path": f"{path}/caBundle", "value": wanted}
        for path, config in _client_configs(target, live)
        if config.get("caBundle") != wanted
    ]
    if not operations:
        return []
    version = as_text(as_object(live.get("metadata")).get("resourceVersion"))
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, *operations]


def _client_configs(target: TrustTarget, live: JsonObject) -> list[tuple[str, JsonObject]]:
    if target.kind == CUSTOM_RESOURCE_DEFINITIONS:
        config = at(live, "spec", "conversion", "webhook", "clientConfig")
        return [("/spec/conversion/webhook/clientConfig", config)] if isinstance(config, dict) else []
    webhooks = enumerate(map(as_object, as_list(live.get("webhooks"))))
    return [(f"/webhooks/{index}/clientConfig", as_object(webhook.get("clientConfig"))) for index, webhook in webhooks]
