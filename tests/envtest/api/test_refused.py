"""Every constraint of the API holds on a real API server."""

import pytest
from tests.envtest.api.vectors import COMPLETE, REFUSED, STATUS_REFUSED, Vector, changed

from omectl.api.codec import TYPES
from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.errors import Invalid


def document(kind: str, namespace: str, name: str = "x") -> JsonObject:
    metadata: JsonObject = {"name": name}
    if TYPES[kind].resource_kind.namespaced:
        metadata["namespace"] = namespace
    return {"apiVersion": "ome.io/v1beta1", "kind": kind, "metadata": metadata, "spec": COMPLETE[kind]}


@pytest.mark.parametrize("kind", sorted(COMPLETE))
async def test_a_complete_document_is_accepted(client: Client, kind: str) -> None:
    kind_of = TYPES[kind].resource_kind
    await client.create(kind_of, document(kind, "default"), dry_run=True, validation="Strict")


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector.id)
async def test_a_broken_spec_is_refused(client: Client, vector: Vector) -> None:
    broken = changed(document(vector.kind, "default"), vector.path, vector.value)
    with pytest.raises(Invalid) as caught:
        await client.create(TYPES[vector.kind].resource_kind, broken, dry_run=True, validation="Strict")
    assert says(caught.value, vector), caught.value


@pytest.mark.parametrize("vector", STATUS_REFUSED, ids=lambda vector: f"{vector.id}-{vector.field}")
async def test_a_broken_status_is_refused(client: Client, namespace: str, vector: Vector) -> None:
    kind = TYPES[vector.kind].resource_kind
    place = namespace if kind.namespaced else ""
    obj = document(vector.kind, namespace, name=namespace)
    await client.create(kind, obj)
    try:
        with pytest.raises(Invalid) as caught:
            await client.merge_patch(kind, namespace, {"status": vector.value}, place, subresource="status")
    finally:
        await client.delete(kind, namespace, place)
    assert says(caught.value, vector), caught.value


def says(error: Invalid, vector: Vector) -> bool:
    """Whether one of the server's causes is about the field and gives the reason."""
    return any(
        cause.field == vector.expected_field and vector.message in f"{cause.type} {cause.message}"
        for cause in error.details.causes
    )
