"""Knative's part while a manager runs: it makes a Service of the name of its own object, which goes with that."""

from __future__ import annotations

import asyncio
from typing import Any

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, key_of
from omectl.kube.client import Client
from omectl.kube.errors import AlreadyExists, NotFound
from omectl.kube.resources import SERVICES
from omectl.kube.third_party_kinds import KNATIVE_SERVICES

LOOK_S = 0.2
_ROUTE = "serving.knative.dev/route"


async def play_knative(admin: Client) -> None:
    """For ever. A Service of that name which is somebody else's is left to them."""
    while True:
        wanted = {key_of(obj): obj for obj in (await admin.list(KNATIVE_SERVICES)).items}
        found = {key_of(obj): obj for obj in (await admin.list(SERVICES, label_selector=_ROUTE)).items}
        for key in found.keys() - wanted.keys():
            await _collect(admin, key)
        for key in wanted.keys() - found.keys():
            await _make(admin, key, wanted[key])
        await asyncio.sleep(LOOK_S)


async def _make(admin: Client, key: ObjectKey, owner: Any) -> None:
    """As Knative does: outside the cluster's network, with the labels of its own object."""
    metadata: Any = owner["metadata"]
    reference: JsonObject = {
        "apiVersion": KNATIVE_SERVICES.api_version,
        "kind": KNATIVE_SERVICES.kind,
        "name": key.name,
        "uid": metadata["uid"],
        "controller": True,
    }
    service: JsonObject = {
        "apiVersion": SERVICES.api_version,
        "kind": SERVICES.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": {**metadata["labels"], _ROUTE: key.name},
            "ownerReferences": [reference],
        },
        "spec": {"type": "ExternalName", "externalName": "gateway.example.org"},
    }
    try:
        await admin.create(SERVICES, service)
    except AlreadyExists:
        return


async def _collect(admin: Client, key: ObjectKey) -> None:
    try:
        await admin.delete(SERVICES, key.name, key.namespace)
    except NotFound:
        return
