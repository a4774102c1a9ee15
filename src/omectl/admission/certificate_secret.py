"""The Secret that holds webhook certificates: its form, and serving from it.

It is a `kubernetes.io/tls` Secret (`tls.crt`, `tls.key`), with `ca.crt` for those who verify and, unlike those of other
issuers, the authority's `ca.key`.
"""

from __future__ import annotations

import base64
from typing import Protocol

from omectl.admission.rotation import Held
from omectl.api.document import as_object, as_text
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.certificates import KeyPair, split_certificates
from omectl.kube.errors import KubeError
from omectl.kube.resources import SECRETS
from omectl.manager import CertificateUnavailable

SECRET_NAME = "ome-webhook-server-cert"  # noqa: S105 - a name
_KEYS = ("ca.crt", "ca.key", "tls.crt", "tls.key")


class SecretReader(Protocol):
    """The part of a client that reads an object."""

    async def get(self, kind: ResourceKind, name: str, namespace: str = "") -> JsonObject: ...


class SecretCertificate:
    """The certificate in a Secret, for a `ServingCertificate`. Every replica reads it; only the leader writes it."""

    def __init__(self, client: SecretReader, namespace: str, name: str = SECRET_NAME) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name

    async def read(self) -> KeyPair:
        """The pair of this moment. Raises CertificateUnavailable."""
        wanted = f"wanted a certificate in Secret {self._namespace}/{self._name}"
        try:
            held = held_in(await self._client.get(SECRETS, self._name, self._namespace))
        except KubeError as error:
            raise CertificateUnavailable(f"{wanted}, found: {error}") from error
        if held.leaf is None:
            raise CertificateUnavailable(f"{wanted}, found no tls.crt and tls.key in it; the leader will make them")
        return held.leaf


def held_in(secret: JsonObject) -> Held:
    """What a Secret holds; what can't be read counts as absent."""
    data = as_object(secret.get("data"))
    bundle, key, certificate, leaf_key = (_decoded(as_text(data.get(name))) for name in _KEYS)
    leaf = KeyPair(certificate, leaf_key) if certificate and leaf_key else None
    return Held(key, split_certificates(bundle), leaf)


def secret_with(held: Held, namespace: str, name: str, live: JsonObject | None = None) -> JsonObject:
    """The Secret to write: `live` with what is held, or a new one."""
    leaf = held.leaf or KeyPair(b"", b"")
    parts = (held.bundle_pem, held.authority_key, leaf.certificate, leaf.key)
    data: JsonObject = {key: base64.b64encode(part).decode() for key, part in zip(_KEYS, parts, strict=True)}
    if live is not None:
        return {**live, "data": {**as_object(live.get("data")), **data}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "omectl"}},
        "data": data,
    }


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # of which binascii.Error is one
        return b""
