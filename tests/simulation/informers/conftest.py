"""Informers on the embedded server, with everything quick."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.informers import Informer, ReflectorOptions
from omectl.informers.backoff import BackoffOptions
from omectl.informers.lister_watcher import ClientListerWatcher
from omectl.kube.client import Client, ClientOptions
from omectl.kube.resources import CONFIG_MAPS
from omectl.kube.transport import TransportOptions
from omectl.local.embedded import EmbeddedServer

Mirroring = Callable[..., AbstractAsyncContextManager[Informer]]
Until = Callable[[Callable[[], bool]], "asyncio.Future[None]"]


@pytest.fixture
async def quick_client(embedded_server: EmbeddedServer) -> AsyncIterator[Client]:
    """A client whose watches count as dead after two seconds of silence.

    Bookmarks come every 0.2 s: a process that stands still for less than that makes no watch look dead.
    """
    options = ClientOptions(transport=TransportOptions(watch_idle_s=2.0, call_s=5.0, retries=0))
    async with Client(embedded_server.config, options) as client:
        yield client


@pytest.fixture
def mirroring(quick_client: Client) -> Mirroring:
    """Run an informer of a kind (ConfigMaps by default) on the embedded server, with quick pauses."""

    @asynccontextmanager
    async def mirror(
        kind: ResourceKind = CONFIG_MAPS, *, streaming: bool = True, metadata_only: bool = False, **options: object
    ) -> AsyncIterator[Informer]:
        source = ClientListerWatcher(quick_client, kind, "", "", "", metadata_only=metadata_only)
        source.streaming_list = streaming
        pauses = BackoffOptions(first_s=0.02, cap_s=0.1, jitter=0.0)
        chosen = ReflectorOptions(**{"backoff": pauses, "absent_backoff": pauses, **options})
        informer = Informer(kind, source, metadata_only=metadata_only, options=chosen)
        task = asyncio.create_task(informer.run())
        try:
            yield informer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return mirror


@pytest.fixture
def until() -> Until:
    """Wait until something is true, for 10 s at most."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def agree(embedded_server: EmbeddedServer) -> Callable[[Informer], bool]:
    """Whether a cache holds exactly what the server holds."""

    def agrees(informer: Informer) -> bool:
        wanted = {
            (obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): without_managed_fields(obj)
            for obj in embedded_server.objects(informer.kind)
        }
        return {tuple(key): informer.lister.get(key) for key in informer.lister.keys()} == wanted  # noqa: SIM118

    return agrees


def without_managed_fields(obj: JsonObject) -> JsonObject:
    return {**obj, "metadata": {name: value for name, value in obj["metadata"].items() if name != "managedFields"}}


@pytest.fixture
def config_map() -> Callable[..., JsonObject]:
    """A ConfigMap in the namespace `default`."""

    def make(name: str, value: str = "") -> JsonObject:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default"},
            "data": {"value": value},
        }

    return make
