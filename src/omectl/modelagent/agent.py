"""The agent of one node, wired: informers feed Scout, Scout feeds the queue, Gopher works it off, NodeState reports."""

from __future__ import annotations

import os
from pathlib import Path

import anyio

from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS
from omectl.api.labels import ModelKey
from omectl.kube.client import Client
from omectl.kube.resources import CONFIG_MAPS, NODES
from omectl.manager import Checks, Group, HttpServer, Manager, ManagerOptions
from omectl.modelagent.credentials import Credentials
from omectl.modelagent.gopher import Gopher
from omectl.modelagent.heartbeat import Heartbeat
from omectl.modelagent.node_state import NodeState
from omectl.modelagent.options import AgentOptions
from omectl.modelagent.rooted import RootedDirectory
from omectl.modelagent.scout import Scout
from omectl.modelagent.storage.http import SmallReads
from omectl.modelagent.storage.hub import HubBackend
from omectl.modelagent.store import ModelStore
from omectl.modelagent.transfer.engine import TransferEngine
from omectl.modelagent.workshop import Workshop
from omectl.workqueue import PriorityQueue

_DISK_THREADS = 4
_GRACE_S = 20.0


class Agent:
    """One node's agent; `run` it once. `client` outlives it. OSError when the models root can't be used."""

    def __init__(self, client: Client, options: AgentOptions) -> None:
        self.options = options = options.validated()
        self.manager = Manager(client, ManagerOptions(namespace=options.namespace, graceful_shutdown_s=_GRACE_S))
        self.server = _Server(options)
        self._client = client

    async def run(self) -> None:
        """Run until cancelled or stopped. What is on its way is kept and gone on with by the next agent."""
        options = self.options
        root = RootedDirectory(Path(options.paths.root_on_disk))
        try:
            reads = SmallReads(options.small_reads)
            async with reads:
                self._assemble(root, reads)
                await self.manager.run()
        finally:
            root.close()

    def stop(self) -> None:
        """Ask `run` to end."""
        self.manager.stop()

    def _assemble(self, root: RootedDirectory, reads: SmallReads) -> None:
        options, manager, client = self.options, self.manager, self._client
        informers = manager.informers
        models = {kind.kind: informers.informer(kind) for kind in (BASE_MODELS, CLUSTER_BASE_MODELS)}
        only_mine = f"metadata.name={options.node_name}"
        node = informers.informer(NODES, field_selector=only_mine)
        config_map = informers.informer(CONFIG_MAPS, namespace=options.namespace, field_selector=only_mine)

        state = NodeState(client, options.node_name, options.namespace)
        config_map.add_handler(state.on_config_map, name="node-state")
        node.add_handler(state.on_node, name="node-state")
        queue: PriorityQueue[ModelKey] = PriorityQueue("model-agent")
        shop = Workshop(
            options=options,
            root=root,
            store=ModelStore(root, options.paths),
            engine=TransferEngine(root, options.transfer, transfers=options.downloads),
            hub=HubBackend(options.hub_endpoint, reads),
            reads=reads,
            credentials=Credentials(client, options.namespace, options.hub_token),
            state=state,
            clock=manager.clock,
            threads=anyio.CapacityLimiter(_DISK_THREADS),
        )
        scout = Scout(options.node_name, models, node, queue, lambda key: gopher.reconsider(key))
        gopher = Gopher(shop, queue, scout, (*models.values(), node, config_map))
        manager.add(self.server)
        manager.add(state)
        manager.add(
            Heartbeat(client, options.node_name, options.namespace, options.heartbeat_interval_s, manager.clock)
        )
        manager.add(gopher)


class _Server:
    """Metrics and probes on one port: `/healthz` says whether the models root can be written."""

    name = "http"
    needs_leader = False
    group = Group.SERVERS

    def __init__(self, options: AgentOptions) -> None:
        self._root = options.paths.root_on_disk
        self._http = HttpServer("agent", options.http_address, "--metrics-bind-address")
        health = Checks("healthz")
        health.add("model-agent-health", self._root_problem)
        self._http.serve_probe("/healthz", health)
        self._http.serve_probe("/readyz", health)
        self._http.serve_probe("/livez", Checks("livez"))
        self._http.serve_metrics()

    @property
    def url(self) -> str:
        return self._http.url

    async def run(self) -> None:
        await self._http.start()
        try:
            await anyio.sleep_forever()
        finally:
            await self._http.stop()

    def _root_problem(self) -> str | None:
        if not os.path.isdir(self._root):  # noqa: PTH112 - one system call in the event loop
            return f"the models root {str(self._root)!r} is not a directory"
        return None if os.access(self._root, os.W_OK) else f"the models root {str(self._root)!r} is not writable"
