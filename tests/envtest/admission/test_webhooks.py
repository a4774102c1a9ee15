"""A real API server calls the webhook server of a manager, through the changes of its certificates."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from omectl.admission import (
    AdmissionRequest,
    CertificateRotator,
    HubAndSpokes,
    Lifetimes,
    Refused,
    RotatorOptions,
    SecretCertificate,
    Spoke,
    TrustTarget,
    WebhookOptions,
    WebhookServer,
    defaulting,
    validating,
)
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.errors import ApiError, Forbidden, InternalError, Invalid
from omectl.kube.resources import (
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    SECRETS,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
)
from omectl.local.webhooks import redirected
from omectl.manager import Manager, ManagerOptions, ServingCertificate

IN_FORCE_S = 20.0
PLACEHOLDER = b"\n"


class ConfigMapRules:
    """Refuses the data `forbidden`, and warns of `odd`."""

    async def create(self, request: AdmissionRequest, obj: JsonObject) -> list[str]:
        return self._judge(obj)

    async def update(self, request: AdmissionRequest, old: JsonObject, new: JsonObject) -> list[str]:
        return self._judge(new)

    async def delete(self, request: AdmissionRequest, old: JsonObject) -> list[str]:
        data: Any = old.get("data") or {}
        if "kept" in data:
            raise Refused("kept things are not deleted")
        return []

    def _judge(self, obj: JsonObject) -> list[str]:
        data: Any = obj.get("data") or {}
        if "forbidden" in data:
            raise Refused("wanted no data named forbidden")
        if "invalid" in data:
            raise Invalid(422, "Invalid", "data.invalid: wanted nothing of the kind")
        if "crash" in data:
            raise KeyError("crash")
        return ["this is odd"] if "odd" in data else []


async def label(request: AdmissionRequest, obj: JsonObject) -> None:
    metadata: Any = obj["metadata"]
    metadata.setdefault("labels", {})["seen/by"] = request.operation.lower()


class Scene:
    """A manager with webhooks for the ConfigMaps of one namespace."""

    def __init__(self, client: Client, namespace: str, **rotation: Any) -> None:
        self.client = client
        self.namespace = namespace
        self.targets = [
            TrustTarget(MUTATING_WEBHOOK_CONFIGURATIONS, namespace),
            TrustTarget(VALIDATING_WEBHOOK_CONFIGURATIONS, namespace),
        ]
        source = SecretCertificate(client, namespace)
        self.certificate = ServingCertificate("webhooks", source, poll_s=0.2)
        options = WebhookOptions(address="127.0.0.1:0", certificate_retry_s=0.1)
        self.server = WebhookServer(self.certificate, options)
        self.server.register("/default", defaulting(label))
        self.server.register("/validate", validating(ConfigMapRules()))
        given: dict[str, Any] = {
            "namespace": namespace,
            "hosts": ["127.0.0.1", "hooks.ome.svc"],
            "targets": self.targets,
            "check_s": 0.2,
            "settle_s": 1.0,
            **rotation,
        }
        self.manager = Manager(client, ManagerOptions(leader_election=True, namespace=namespace))
        self.manager.readyz.add("webhooks", self.server.problem)
        self.manager.add(self.server)
        self.manager.add(CertificateRotator(self.manager.leader_client, RotatorOptions(**given)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.manager.run())
        try:
            await until(lambda: self.server.problem() is None or task.done())
            yield
        finally:
            self.manager.stop()
            await task

    def configuration(self, kind: str, path: str, operations: list[str]) -> JsonObject:
        webhook: JsonObject = {
            "name": "configmaps.omectl.io",
            "clientConfig": {"service": {"namespace": "ome", "name": "hooks", "path": path}},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": operations}
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 10,
        }
        plain: JsonObject = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": self.namespace},
            "webhooks": [webhook],
        }
        return redirected(plain, self.server.url, PLACEHOLDER)

    async def install(self) -> None:
        """Make the configurations with a placeholder for trust, and wait until the webhooks work."""
        mutating = self.configuration("MutatingWebhookConfiguration", "/default", ["CREATE", "UPDATE", "DELETE"])
        every = ["CREATE", "UPDATE", "DELETE"]
        validating_one = self.configuration("ValidatingWebhookConfiguration", "/validate", every)
        await self.client.create(MUTATING_WEBHOOK_CONFIGURATIONS, mutating)
        await self.client.create(VALIDATING_WEBHOOK_CONFIGURATIONS, validating_one)
        async with asyncio.timeout(IN_FORCE_S):
            while not await self._is_in_force():
                await asyncio.sleep(0.1)

    async def _is_in_force(self) -> bool:
        try:
            obj = await self.client.create(CONFIG_MAPS, self.config_map("probe"), dry_run=True)
            await self.client.create(CONFIG_MAPS, self.config_map("probe", forbidden="x"), dry_run=True)
        except Forbidden:
            metadata: Any = obj["metadata"]
            return "labels" in metadata
        except InternalError:
            return False
        return False

    def config_map(self, name: str, **data: str) -> JsonObject:
        metadata: JsonObject = {"namespace": self.namespace, "name": name}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}

    async def clean(self) -> None:
        for target in self.targets:
            await self.client.delete(target.kind, target.name)


async def until(happened: Callable[[], object], timeout_s: float = IN_FORCE_S) -> None:
    async with asyncio.timeout(timeout_s):
        while not happened():
            await asyncio.sleep(0.02)


async def test_the_api_server_is_defaulted_judged_and_warned(
    client: Client, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(client, namespace)
    async with scene.running():
        await scene.install()
        try:
            made: Any = await client.create(CONFIG_MAPS, scene.config_map("a", odd="x"))
            assert made["metadata"]["labels"] == {"seen/by": "create"}
            changed: Any = await client.merge_patch(CONFIG_MAPS, "a", {"data": {"kept": "x"}}, namespace)
            assert changed["metadata"]["labels"] == {"seen/by": "update"}
            with pytest.raises(Forbidden, match="wanted no data named forbidden"):
                await client.create(CONFIG_MAPS, scene.config_map("b", forbidden="x"))
            with pytest.raises(Invalid, match="wanted nothing of the kind") as invalid:
                await client.create(CONFIG_MAPS, scene.config_map("b", invalid="x"))
            assert invalid.value.status == 422
            with pytest.raises(ApiError, match="/validate: the webhook failed: KeyError") as crash:
                await client.create(CONFIG_MAPS, scene.config_map("b", crash="x"))
            assert crash.value.status == 500
            with pytest.raises(Forbidden, match="kept things are not deleted"):
                await client.delete(CONFIG_MAPS, "a", namespace)
        finally:
            await scene.clean()


async def test_no_request_fails_while_certificates_and_authorities_change(client: Client, namespace: str) -> None:
    # Certificates begin five minutes in the past: with these times a new one is due every few seconds.
    lifetimes = Lifetimes(authority=timedelta(seconds=165), leaf=timedelta(seconds=154))
    scene = Scene(client, namespace, lifetimes=lifetimes)
    served: list[bytes] = []
    trusted: set[str] = set()
    done, failures = 0, []

    async def load(number: int) -> None:
        nonlocal done
        count = 0
        while len(served) < 6 or len(trusted) < 3:
            count += 1
            try:
                name = f"load-{number}-{count}"
                obj: Any = await client.create(CONFIG_MAPS, scene.config_map(name), dry_run=True)
                assert obj["metadata"]["labels"] == {"seen/by": "create"}
                done += 1
            except ApiError as error:
                failures.append(str(error))

    async def look() -> None:
        while len(served) < 6 or len(trusted) < 3:
            pair = scene.certificate.pair
            if pair is not None and pair.certificate not in served:
                served.append(pair.certificate)
            live: Any = await client.get(VALIDATING_WEBHOOK_CONFIGURATIONS, namespace)
            trusted.add(live["webhooks"][0]["clientConfig"]["caBundle"])
            await asyncio.sleep(0.1)

    async with scene.running():
        await scene.install()
        try:
            async with asyncio.timeout(90.0), asyncio.TaskGroup() as group:
                group.create_task(look())
                for number in range(4):
                    group.create_task(load(number))
        finally:
            await scene.clean()
    assert failures == []
    assert done > 100
    held: Any = await client.get(SECRETS, "ome-webhook-server-cert", namespace)
    assert held["type"] == "kubernetes.io/tls"


async def test_objects_are_converted_for_the_api_server(client: Client, namespace: str) -> None:
    plural = f"things{secrets.token_hex(3)}"
    group = "hooks.omectl.io"
    scene = Scene(client, namespace)
    scene.targets.append(TrustTarget(CUSTOM_RESOURCE_DEFINITIONS, f"{plural}.{group}"))

    def renamed(old: str, new: str) -> Any:
        def convert(obj: Any) -> Any:
            spec = dict(obj["spec"])
            spec[new] = spec.pop(old)
            return {**obj, "spec": spec}

        return convert

    spoke = Spoke(renamed("size", "replicas"), renamed("replicas", "size"))
    scene.server.register_conversion("/convert", HubAndSpokes(group, "Thing", "v1", {"v1alpha1": spoke}))
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    old, new = (
        ResourceKind(group=group, version=version, kind="Thing", plural=plural, namespaced=True)
        for version in ("v1alpha1", "v1")
    )
    async with scene.running():
        definition: JsonObject = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"plural": plural, "singular": plural, "kind": "Thing", "listKind": "ThingList"},
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": schema},
                    {"name": "v1alpha1", "served": True, "storage": False, "schema": schema},
                ],
                "conversion": {
                    "strategy": "Webhook",
                    "webhook": {
                        "clientConfig": {"url": scene.server.url + "/convert"},
                        "conversionReviewVersions": ["v1"],
                    },
                },
            },
        }
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition)
        obj: JsonObject = {
            "apiVersion": f"{group}/v1alpha1",
            "kind": "Thing",
            "metadata": {"name": "t", "namespace": namespace, "labels": {"a": "b"}},
            "spec": {"size": 3},
        }
        async with asyncio.timeout(IN_FORCE_S):
            while True:
                try:
                    await client.create(old, obj)
                    break
                except ApiError:
                    await asyncio.sleep(0.1)
        stored: Any = await client.get(new, "t", namespace)
        assert (stored["apiVersion"], stored["spec"]) == (f"{group}/v1", {"replicas": 3})
        back: Any = await client.get(old, "t", namespace)
        assert (back["spec"], back["metadata"]["labels"]) == ({"size": 3}, {"a": "b"})
        await client.delete(CUSTOM_RESOURCE_DEFINITIONS, f"{plural}.{group}")
