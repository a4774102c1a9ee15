"""Waiting for kinds on a server that is slow to serve them."""

import pytest

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.local import crds
from omectl.local.embedded import EmbeddedServer, Say

NOTHING_YET = Say(
    b'{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"example.org/v1","resources":[]}',
    content_type="application/json",
)


def definition(plural: str, kind: str) -> JsonObject:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": True, "storage": True}],
        },
    }


async def test_kinds_that_discovery_does_not_show_in_time_are_listed(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    hidden = embedded_server.faults.next(
        NOTHING_YET, where=lambda request: request.path == "/apis/example.org/v1", times=None
    )
    definitions = [definition("gadgets", "Gadget"), definition("widgets", "Widget")]
    with pytest.raises(crds.CrdTimeout) as late:
        await crds.install(embedded_client, definitions, timeout_s=0.2)
    assert str(late.value) == (
        "wanted these kinds served within 0 s, found them not served: "
        "Gadget of example.org/v1, Widget of example.org/v1"
    )
    assert hidden.hits > 0


async def test_kinds_that_come_late_are_waited_for(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.faults.next(NOTHING_YET, where=lambda request: request.path == "/apis/example.org/v1", times=3)
    assert await crds.install(embedded_client, [definition("gadgets", "Gadget")], timeout_s=10) == [
        "gadgets.example.org"
    ]
    assert embedded_server.faults.pending == 0
