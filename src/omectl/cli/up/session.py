"""Everything that `omectl up` starts: a cluster, a hub, the manager, an agent a node, and the demo on it."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from omectl.api.installation import AGENT_ACCOUNT, AGENT_NAMESPACE, MANAGER_ACCOUNT, OPERATOR_NAMESPACE
from omectl.api.json import JsonObject
from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS, INFERENCE_SERVICES
from omectl.cli.overview import Snapshot, take_snapshot
from omectl.cli.up import installation
from omectl.cli.up.demo import DemoModel, demo_objects
from omectl.informers import Informer, InformerFactory
from omectl.kube.client import Client
from omectl.kube.resources import CONFIG_MAPS, NODES
from omectl.local.assets import Binary, Progress, acquire_cancellable
from omectl.local.background import claimed
from omectl.local.child import Child
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions, Profile
from omectl.local.hub import HubOptions, HubServer

STOP_GRACE_S = 2.0
_CACHE_TIMEOUT_S = 30.0

Announce = Callable[[str], None]
"""Told what is being done now, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """`directory` None means a temporary folder that goes with the session; a kept one keeps the downloaded files."""

    model: DemoModel
    nodes: int = 3
    directory: Path | None = None
    audit: bool = False
    progress_interval_s: float = 1.0
    hub: HubOptions | None = None
    agent_arguments: tuple[str, ...] = ()
    manager_arguments: tuple[str, ...] = ()


class Session:
    """A running demo, as an async context manager. Leaving it stops all that it started, within a few seconds.

    The manager and the agents are real processes of this program, as the shipped service accounts under the shipped
    roles; each agent has a token that is bound to its node and a directory tree of its own as its node's disk.
    """

    def __init__(
        self, options: SessionOptions, *, announce: Announce | None = None, progress: Progress | None = None
    ) -> None:
        self._options = options
        self._announce: Announce = announce or _silent
        self._stack = AsyncExitStack()
        self._progress = progress
        self._manager: Child | None = None
        self._agents: dict[str, Child] = {}
        self._informers: tuple[Informer, ...] = ()
        self._changed = asyncio.Event()
        self.hub: HubServer | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(f"gpu-node-{index}" for index in range(self._options.nodes))

    @property
    def kubeconfig(self) -> Path:
        """The path of an administrator's kubeconfig."""
        return self.control_plane.kubeconfig()

    @property
    def processes(self) -> tuple[Child, ...]:
        """The manager and the agents."""
        return tuple(child for child in (self._manager, *self._agents.values()) if child is not None)

    def node_root(self, node: str) -> Path:
        """The folder that stands for a node's root directory."""
        return self.directory / "nodes" / node

    def check(self) -> None:
        """Raises ChildExited when a process that should run has ended."""
        for child in (*self.control_plane.children, *self.processes):
            child.check()

    def snapshot(self) -> Snapshot:
        """The cluster as the caches have it now."""
        nodes, configmaps, services, *models = (informer.lister.list() for informer in self._informers)
        return take_snapshot(
            nodes=nodes,
            node_configmaps=configmaps,
            models=[obj for found in models for obj in found],
            services=services,
        )

    async def snapshots(self, *, most_often_s: float) -> AsyncIterator[Snapshot]:
        """A snapshot now and then at every change, at most so often; checks the processes each second."""
        while True:
            self._changed.clear()
            self.check()
            yield self.snapshot()
            await asyncio.sleep(most_often_s)
            try:
                async with asyncio.timeout(1.0):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def start_manager(self) -> Child:
        """Start the manager as its service account."""
        config = await self.control_plane.service_account(OPERATOR_NAMESPACE, MANAGER_ACCOUNT)
        kubeconfig = self.control_plane.kubeconfig("manager", config)
        arguments = ["manager", "--leader-elect", "--metrics-bind-address=127.0.0.1:0"]
        arguments += ["--health-probe-addr=127.0.0.1:0", *self._options.manager_arguments]
        self._manager = self._run("manager", arguments, kubeconfig)
        return self._manager

    async def start_agent(self, node: str) -> Child:
        """Start the agent of a node with a token bound to that node."""
        config = await self.control_plane.service_account(AGENT_NAMESPACE, AGENT_ACCOUNT, node=node)
        kubeconfig = self.control_plane.kubeconfig(f"agent-{node}", config)
        self.node_root(node).mkdir(parents=True, exist_ok=True)
        arguments = ["agent", f"--node-name={node}", f"--host-prefix={self.node_root(node)}"]
        arguments += ["--metrics-bind-address=127.0.0.1:0", "--disk-headroom-mib=64"]
        arguments += [f"--progress-interval={self._options.progress_interval_s}", *self._options.agent_arguments]
        if self.hub is not None:
            arguments += [f"--hub-endpoint={self.hub.endpoint}"]
        self._agents[node] = self._run(f"agent-{node}", arguments, kubeconfig)
        return self._agents[node]

    async def apply(self, objects: list[JsonObject]) -> None:
        """Apply objects as the administrator."""
        await installation.apply_all(self.client, objects)

    async def _start(self) -> None:
        options = self._options
        self.directory = self._folder()
        self._stack.enter_context(claimed(self.directory))
        self._announce("starting etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok")
        self.control_plane = await self._stack.enter_async_context(
            ControlPlane(
                ControlPlaneOptions(
                    profile=Profile.FULL,
                    directory=self.directory / "control-plane",
                    audit=options.audit,
                    controllers=True,
                    scheduler=True,
                    kwok=True,
                ),
                progress=self._progress,
            )
        )
        self.client = await self._stack.enter_async_context(Client(self.control_plane.admin_config))
        await self._prepare()
        await self._start_caches()
        self._announce("starting the manager and an agent on each node")
        self._stack.push_async_callback(self._stop_processes)
        await self.start_manager()
        for node in self.nodes:
            await self.start_agent(node)
        self._announce("creating the model, the runtimes and the service")
        await self.apply(demo_objects(installation.manifests_directory() / "demo", options.model))

    def _folder(self) -> Path:
        if self._options.directory is not None:
            return self._options.directory.expanduser().absolute()
        return Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="omectl-up-", ignore_cleanup_errors=True))
        )

    async def _prepare(self) -> None:
        """What does not depend on each other, at once: the definitions keep the API server busy for seconds."""
        self._announce("installing omectl's definitions, roles, policies and settings, and registering the nodes")
        async with asyncio.TaskGroup() as group:
            group.create_task(installation.install_definitions(self.client))
            group.create_task(self._install_platform())
            group.create_task(self._start_hub())

    async def _install_platform(self) -> None:
        kubectl = (await acquire_cancellable([Binary.KUBECTL], self._progress))[Binary.KUBECTL]
        await installation.install_platform(self.client, kubectl)
        for node in self.nodes:
            await self.control_plane.add_node(node)

    async def _start_hub(self) -> None:
        model = self._options.model
        if model.directory is None:
            return
        self._announce(f"offering the model's files as hf://{model.repository} from a hub on this machine")
        served = HubServer({model.repository: model.directory}, self._options.hub)
        self.hub = await self._stack.enter_async_context(served)

    async def _start_caches(self) -> None:
        factory = InformerFactory(self.client)
        self._informers = (
            factory.informer(NODES),
            factory.informer(CONFIG_MAPS, namespace=OPERATOR_NAMESPACE),
            factory.informer(INFERENCE_SERVICES),
            factory.informer(CLUSTER_BASE_MODELS),
            factory.informer(BASE_MODELS),
        )
        for informer in self._informers:
            informer.add_handler(lambda _: self._changed.set())
        running = asyncio.create_task(factory.run(), name="up:caches")
        self._stack.push_async_callback(_end, running)
        await factory.wait_for_sync(_CACHE_TIMEOUT_S)

    async def _stop_processes(self) -> None:
        async with asyncio.TaskGroup() as group:
            for child in self.processes:
                group.create_task(child.stop(STOP_GRACE_S))

    def _run(self, name: str, arguments: list[str], kubeconfig: Path) -> Child:
        log = self.directory / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "omectl", *arguments, f"--kubeconfig={kubeconfig}"]
        return Child(name, command, log, environment=_environment(self._options.model))


def _environment(model: DemoModel) -> dict[str, str]:
    """The processes' variables: this one's, without a token that is meant for another hub than ours."""
    private = {"KUBECONFIG"} | (
        {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT"} if model.directory else set[str]()
    )
    return {name: value for name, value in os.environ.items() if name not in private}


def _silent(doing: str) -> None:
    """For callers that show nothing."""


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
