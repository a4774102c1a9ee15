"""A manager on omectl with an informer for the flags' kind in each of the flags' namespaces."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from omectl.api.resource import ResourceKind
from omectl.informers import Informer
from omectl.kube.client import Client
from omectl.kube.credentials import load_config
from omectl.kube.resources import CONFIG_MAPS, PODS, SECRETS
from omectl.manager import Manager, ManagerOptions

KINDS: dict[str, ResourceKind] = {kind.kind: kind for kind in (CONFIG_MAPS, PODS, SECRETS)}


@dataclass(frozen=True, slots=True)
class Cached:
    """The manager, not yet running, and its informers."""

    manager: Manager
    informers: tuple[Informer, ...]
    client: Client

    @property
    def informer(self) -> Informer:
        """The only one."""
        (informer,) = self.informers
        return informer

    async def wait_settled(self) -> None:
        """Until every informer is synced."""
        for informer in self.informers:
            await informer.wait_settled()


@asynccontextmanager
async def cached(flags: argparse.Namespace, options: ManagerOptions | None = None) -> AsyncIterator[Cached]:
    """A client, and on it a manager with the informers."""
    async with Client(load_config(flags.kubeconfig)) as client:
        manager = Manager(client, options or ManagerOptions())
        kind = KINDS[flags.kind]
        informers = tuple(
            manager.informers.informer(
                kind, namespace=namespace, label_selector=flags.selector, metadata_only=flags.metadata_only
            )
            for namespace in flags.namespace.split(",")
        )
        yield Cached(manager, informers, client)


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[asyncio.Task[None]]:
    """The manager runs while inside, and has stopped cleanly afterwards."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(manager.run())
        try:
            yield task
        finally:
            manager.stop()
