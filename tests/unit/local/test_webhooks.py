"""Webhook configurations for a server on this machine."""

import base64
import copy

from omectl.api.json import JsonObject
from omectl.local.webhooks import redirected

SHIPPED: JsonObject = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "v"},
    "webhooks": [
        {
            "name": "a.example.org",
            "clientConfig": {
                "service": {"name": "s", "namespace": "n", "path": "/validate-pods", "port": 443},
                "caBundle": "b2xk",
            },
            "failurePolicy": "Fail",
        },
        {"name": "b.example.org", "clientConfig": {"service": {"name": "s", "namespace": "n"}}},
        {"name": "c.example.org", "clientConfig": {"url": "https://elsewhere/x"}},
    ],
}


def test_services_become_addresses_with_our_authority_and_the_rest_stays() -> None:
    changed = redirected(SHIPPED, "https://127.0.0.1:9443/", b"authority")
    first, second, third = changed["webhooks"]
    bundle = base64.b64encode(b"authority").decode()
    assert first["clientConfig"] == {"url": "https://127.0.0.1:9443/validate-pods", "caBundle": bundle}
    assert first["failurePolicy"] == "Fail"
    assert second["clientConfig"]["url"] == "https://127.0.0.1:9443/"
    assert third == SHIPPED["webhooks"][2]


def test_given_configuration_is_not_changed() -> None:
    before = copy.deepcopy(SHIPPED)
    redirected(SHIPPED, "https://127.0.0.1:9443", b"authority")
    assert before == SHIPPED
