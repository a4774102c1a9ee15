"""Installing definitions and webhook configurations on a real API server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.certificates import KeyPair
from omectl.kube.client import Client
from omectl.kube.errors import ApiError, Invalid
from omectl.kube.resources import CONFIG_MAPS
from omectl.local.control_plane import ControlPlane
from omectl.local.crds import CrdRefused
from omectl.manager import HttpServer, ServingCertificate

IN_FORCE_S = 20.0


def definition(plural: str, *, group: str = "local.omectl.io", short_name: str = "") -> JsonObject:
    kind = plural.capitalize()
    names: JsonObject = {"plural": plural, "singular": plural, "kind": kind, "listKind": f"{kind}List"}
    if short_name:
        names["shortNames"] = [short_name]
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names,
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": schema},
                {"name": "v2", "served": True, "storage": False, "schema": schema},
                {"name": "v3", "served": False, "storage": False, "schema": schema},
            ],
        },
    }


def written(path: Path, *documents: JsonObject) -> Path:
    path.write_text(yaml.safe_dump_all(documents))
    return path


async def test_every_served_version_takes_objects_as_soon_as_installing_returns(
    control_plane: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    file = written(tmp_path / "crds.yaml", definition("widgets"), definition("gadgets"))
    assert await control_plane.install_crds([file]) == ["widgets.local.omectl.io", "gadgets.local.omectl.io"]
    for plural in ("widgets", "gadgets"):
        for version in ("v1", "v2"):
            kind = ResourceKind("local.omectl.io", version, plural.capitalize(), plural, namespaced=True)
            obj: JsonObject = {"apiVersion": f"local.omectl.io/{version}", "kind": plural.capitalize()}
            await client.create(kind, obj | {"metadata": {"name": version, "namespace": namespace}})


async def test_installing_again_changes_what_differs(control_plane: ControlPlane, tmp_path: Path) -> None:
    await control_plane.install_crds([written(tmp_path / "a.yaml", definition("again"))])
    changed = definition("again", short_name="ag")
    await control_plane.install_crds([written(tmp_path / "a.yaml", changed)])
    async with Client(control_plane.admin_config) as client:
        document = await client.read_object("/apis/local.omectl.io/v1")
    assert next(found for found in document["resources"] if found["name"] == "again")["shortNames"] == ["ag"]


async def test_names_that_are_taken_are_refused_at_once(control_plane: ControlPlane, tmp_path: Path) -> None:
    await control_plane.install_crds([written(tmp_path / "a.yaml", definition("firsts", short_name="same"))])
    async with asyncio.timeout(10):
        with pytest.raises(CrdRefused, match=r"seconds\.local\.omectl\.io"):
            await control_plane.install_crds([written(tmp_path / "b.yaml", definition("seconds", short_name="same"))])


async def test_definition_that_the_server_rejects_is_its_own_error(control_plane: ControlPlane, tmp_path: Path) -> None:
    wrong = definition("wrongs")
    wrong["metadata"] = {"name": "another.local.omectl.io"}
    with pytest.raises(Invalid, match=r"metadata\.name"):
        await control_plane.install_crds([written(tmp_path / "a.yaml", wrong)])


@pytest.fixture
async def refusing_webhook(control_plane: ControlPlane) -> AsyncIterator[str]:
    """The address of a webhook that refuses everything, with a certificate of the control plane's authority."""

    async def refuse(request: web.Request) -> web.Response:
        review = await request.json()
        verdict = {"uid": review["request"]["uid"], "allowed": False, "status": {"message": f"no: {request.path}"}}
        return web.json_response(review | {"response": verdict})

    class Given:
        async def read(self) -> KeyPair:
            return control_plane.serving_certificate()

    server = HttpServer("refusing", "127.0.0.1:0", "--refusing", certificate=ServingCertificate("refusing", Given()))
    server.serve("/{path:.*}", refuse, "POST")
    await server.start()
    yield server.url
    await server.stop()


async def test_installed_webhook_is_called_on_this_machine(
    control_plane: ControlPlane, client: Client, namespace: str, refusing_webhook: str, tmp_path: Path
) -> None:
    configuration: JsonObject = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "refusing"},
        "webhooks": [
            {
                "name": "refusing.omectl.io",
                "clientConfig": {"service": {"name": "webhook", "namespace": "ome", "path": "/validate"}},
                "rules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }
    file = written(tmp_path / "webhooks.yaml", configuration, {"kind": "Service"})
    assert await control_plane.install_webhooks([file], refusing_webhook) == ["refusing"]

    async def create_until_refused() -> None:
        while True:
            obj: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap"}
            await client.create(CONFIG_MAPS, obj | {"metadata": {"generateName": "a-", "namespace": namespace}})
            await asyncio.sleep(0.05)

    async with asyncio.timeout(IN_FORCE_S):
        with pytest.raises(ApiError, match="no: /validate"):
            await create_until_refused()
