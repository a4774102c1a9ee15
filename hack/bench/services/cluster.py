"""The API server with omectl's manifests and a catalogue on it, and the eyes and hands of the benchmark."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hack.bench.machinery.stage import ServerMetrics
from hack.bench.services.catalogue import NAMESPACE, NODE, Catalogue

from omectl.api.conditions import TRUE
from omectl.api.document import as_objects, at
from omectl.api.installation import OPERATOR_NAMESPACE
from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_BASE_MODELS, CLUSTER_SERVING_RUNTIMES, INFERENCE_SERVICES
from omectl.api.labels import INFERENCE_SERVICE, MODEL_STATUS_MARKER
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.cli.up.installation import install_definitions, install_platform
from omectl.informers import Informer, InformerFactory
from omectl.kube.client import Client
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS
from omectl.local.assets import Binary
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions, Profile
from omectl.reconcilers.children import CHILD_KINDS

Requests = dict[tuple[str, ...], float]
"""How many, by verb and resource."""

HANDS = 24
DEADLINE_S = 900.0
_WRITES = ("POST", "PUT", "PATCH", "APPLY", "DELETE")
_OF_THE_SERVER = frozenset({"leases", "flowschemas", "prioritylevelconfigurations", "apiservices", "endpointslices"})


class Cluster:
    """One API server. Services and Deployments are watched, as they are seen here."""

    def __init__(self, control_plane: ControlPlane, client: Client, services: Informer, deployments: Informer) -> None:
        self.control_plane = control_plane
        self.client = client
        self._services = services
        self._deployments = deployments

    async def manager_kubeconfig(self) -> Path:
        """Of the manager's service account, under its shipped roles."""
        name = "ome-controller-manager"
        config = await self.control_plane.service_account(OPERATOR_NAMESPACE, name)
        return self.control_plane.kubeconfig(name, config)

    async def load(self, catalogue: Catalogue) -> None:
        """Put the catalogue there, all models Ready on one node."""
        await self.control_plane.create_namespace(NAMESPACE)
        await self.control_plane.add_node(NODE)
        made = await self.each(catalogue.models, lambda one: self.client.create(CLUSTER_BASE_MODELS, one))
        await self.each(catalogue.runtimes, lambda one: self.client.create(CLUSTER_SERVING_RUNTIMES, one))
        uids = {key_of(one).name: str(at(one, "metadata", "uid")) for one in made}
        labels: JsonObject = {MODEL_STATUS_MARKER: "true", "node": NODE}
        metadata: JsonObject = {"name": NODE, "namespace": OPERATOR_NAMESPACE, "labels": labels}
        report: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        await self.client.create(CONFIG_MAPS, {**report, "data": {**catalogue.entries(uids)}})

    async def each(
        self, items: Iterable[Any], do: Callable[[Any], Awaitable[JsonObject]], hands: int = HANDS
    ) -> list[JsonObject]:
        """Do it to each, some at once."""
        free = asyncio.Semaphore(hands)

        async def one(item: Any) -> JsonObject:
            async with free:
                return await do(item)

        return await asyncio.gather(*(one(item) for item in items))

    async def create(self, services: Iterable[JsonObject]) -> None:
        """Create them at once."""
        await self.each(services, lambda one: self.client.create(INFERENCE_SERVICES, one))

    async def make_available(self) -> None:
        """Say, as the Deployments' controller would, that every pod serves."""

        def told(deployment: JsonObject) -> Awaitable[JsonObject]:
            verdict: JsonObject = {"type": "Available", "status": TRUE, "reason": "MinimumReplicasAvailable"}
            counts: JsonObject = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
            observed = at(deployment, "metadata", "generation")
            status: JsonObject = {"observedGeneration": observed, "conditions": [verdict], **counts}
            name = key_of(deployment).name
            return self.client.merge_patch(DEPLOYMENTS, name, {"status": status}, NAMESPACE, subresource="status")

        lagging = [one for one in self._deployments.lister.list(NAMESPACE) if not _is_up_to_date(one)]
        await self.each(lagging, told)

    def settled(self, count: int) -> Callable[[], bool]:
        """There are so many services, each with a status of its newest spec, and their Deployments."""
        return lambda: (
            sum(map(_has_status, self._services.lister.list(NAMESPACE))) == count
            and len(self._deployments.lister.list(NAMESPACE)) == count
        )

    def ready(self, count: int) -> Callable[[], bool]:
        """So many services are Ready."""
        return lambda: sum(map(_is_ready, self._services.lister.list(NAMESPACE))) == count

    def gone(self) -> bool:
        """No service is left."""
        return not self._services.lister.list(NAMESPACE)

    def versions(self) -> dict[str, str]:
        """Of every service and Deployment."""
        found = (*self._services.lister.list(NAMESPACE), *self._deployments.lister.list(NAMESPACE))
        return {f"{one['kind']}/{key_of(one).name}": str(at(one, "metadata", "resourceVersion")) for one in found}

    def picks(self) -> dict[str, str]:
        """The runtime that each service has."""
        return {
            key_of(one).name: str(at(one, "status", "selection", "runtime", "name"))
            for one in self._services.lister.list(NAMESPACE)
        }

    def carries(self, service: str, value: str) -> bool:
        """The service's Deployment carries the mark that was put on the service."""
        found = self._deployments.lister.get(ObjectKey(NAMESPACE, f"{service}-engine"))
        return found is not None and at(found, "metadata", "annotations", MARK) == value

    def behind(self) -> int:
        """How many Deployments their controller has not seen in their newest form."""
        return sum(not _is_up_to_date(one) for one in self._deployments.lister.list(NAMESPACE))

    async def children(self) -> dict[str, int]:
        """How many children there are, by kind."""
        found: dict[str, int] = {}
        for kind in CHILD_KINDS:
            listed = await self.client.list(kind, NAMESPACE, label_selector=INFERENCE_SERVICE)
            found |= {kind.kind: len(listed.items)} if listed.items else {}
        return found

    async def seen(self, done: Callable[[], bool], deadline_s: float = DEADLINE_S) -> float:
        """Seconds until it is so. Raises TimeoutError."""
        began = time.monotonic()
        async with asyncio.timeout(deadline_s):
            while not done():
                await asyncio.sleep(0.1)
        return time.monotonic() - began

    async def requests(self) -> Requests:
        """How many requests the server has answered, by verb and resource; its own leave no trace here."""
        metrics = ServerMetrics((await self.client.read("/metrics", accept="text/plain")).decode())
        return metrics.by("apiserver_request_total", "verb", "resource")


MARK = "bench.omectl.io/mark"


def writes(counts: Requests) -> float:
    """The writes among requests, apart from what the API server writes for itself, and Leases."""
    return sum(
        count for (verb, resource), count in counts.items() if verb in _WRITES and resource not in _OF_THE_SERVER
    )


def difference(after: Requests, before: Requests) -> Requests:
    """What came in between."""
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster with the definitions and the platform's manifests."""
    options = ControlPlaneOptions(profile=Profile.FULL)
    async with ControlPlane(options) as control_plane, Client(control_plane.admin_config) as client:
        await install_definitions(client)
        await install_platform(client, control_plane.binary(Binary.KUBECTL))
        informers = InformerFactory(client)
        watched: list[tuple[ResourceKind, str]] = [(INFERENCE_SERVICES, ""), (DEPLOYMENTS, INFERENCE_SERVICE)]
        services, deployments = (
            informers.informer(kind, namespace=NAMESPACE, label_selector=selector) for kind, selector in watched
        )
        task = asyncio.create_task(informers.run())
        try:
            await informers.wait_for_sync(60.0)
            yield Cluster(control_plane, client, services, deployments)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _condition(service: JsonObject) -> JsonObject:
    conditions = as_objects(at(service, "status", "conditions"))
    return next((one for one in conditions if one.get("type") == "Ready"), JsonObject())


def _has_status(service: JsonObject) -> bool:
    newest = at(service, "status", "observedGeneration") == at(service, "metadata", "generation")
    return newest and bool(_condition(service).get("reason") or _condition(service).get("status") == TRUE)


def _is_ready(service: JsonObject) -> bool:
    return _has_status(service) and _condition(service).get("status") == TRUE


def _is_up_to_date(deployment: JsonObject) -> bool:
    return at(deployment, "status", "observedGeneration") == at(deployment, "metadata", "generation")
