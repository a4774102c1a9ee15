"""Webhook configurations for a server on this machine: services become addresses, and the authority is ours."""

import base64
import copy
from collections.abc import Sequence

from omectl.api.document import as_list, as_object
from omectl.api.json import JsonObject
from omectl.api.labels import LOCAL_MANAGER
from omectl.kube.client import Client
from omectl.kube.resources import MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS

KINDS = {kind.kind: kind for kind in (MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS)}


def redirected(configuration: JsonObject, address: str, ca_data: bytes) -> JsonObject:
    """The configuration with each webhook called at `address` (`https://host:port`) plus the path that it names.

    A webhook that names an address instead of a service is left as it is.
    """
    changed = copy.deepcopy(configuration)
    for webhook in map(as_object, as_list(changed.get("webhooks"))):
        service = as_object(webhook.get("clientConfig")).get("service")
        if isinstance(service, dict):
            path = str(service.get("path") or "/")
            webhook["clientConfig"] = {
                "url": f"{address.rstrip('/')}/{path.lstrip('/')}",
                "caBundle": base64.b64encode(ca_data).decode(),
            }
    return changed


async def install(client: Client, documents: Sequence[JsonObject], address: str, ca_data: bytes) -> list[str]:
    """Apply the webhook configurations among the documents, redirected; returns their names. Raises ApiError."""
    names: list[str] = []
    for document in documents:
        kind = KINDS.get(str(document.get("kind")))
        if kind is not None:
            changed = redirected(document, address, ca_data)
            applied = await client.apply(kind, changed, field_manager=LOCAL_MANAGER, force=True)
            names.append(str(as_object(applied["metadata"])["name"]))
    return names
