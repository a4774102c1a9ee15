"""A real control plane on this machine, as an async context manager."""

import asyncio
import atexit
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, Self

import anyio
import anyio.to_thread

from omectl.api.json import JsonObject
from omectl.certificates import CertificateAuthority, KeyPair, signing_key
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import AlreadyExists, NotFound
from omectl.kube.resources import NAMESPACES, NODES, SERVICE_ACCOUNTS
from omectl.local import crds, webhooks
from omectl.local.assets import Assets, Binary, Progress, acquire, acquire_cancellable
from omectl.local.child import Child, ChildExited
from omectl.local.control_plane import commands
from omectl.local.control_plane.commands import Files
from omectl.local.control_plane.options import ControlPlaneOptions
from omectl.local.control_plane.server import START_ATTEMPTS, ApiServer, StartTimeout, port_was_taken
from omectl.local.kubeconfig import kubeconfig_text, write_kubeconfig

STOP_GRACE_S = 0.3
TOKEN_LIFETIME_S = 7 * 24 * 3600
_ADMIN = "admin"
_POLL_S = 0.05


class ControlPlane:
    """etcd, kube-apiserver and, where the options ask for them, kube-controller-manager, kube-scheduler and kwok.

    Everything listens on loopback only, lives in one folder and dies with this process. It belongs to no event loop:
    it may be started under one loop and used and stopped under others. Entering raises BinariesMissing, BuildFailed,
    ChildExited or StartTimeout, and then leaves nothing behind.
    """

    def __init__(self, options: ControlPlaneOptions | None = None, *, progress: Progress | None = None) -> None:
        self._options = (options or ControlPlaneOptions()).validated()
        self._progress = progress
        self._temporary: Path | None = None
        self._files = Files(Path())
        self._authority = CertificateAuthority.made()
        self._server: ApiServer | None = None
        self._others: list[Child] = []

    async def __aenter__(self) -> Self:
        atexit.register(self.kill)
        try:
            await self._start()
        except BaseException:
            self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def options(self) -> ControlPlaneOptions:
        return self._options

    @property
    def directory(self) -> Path:
        """The folder of everything: data, certificates, kubeconfigs, logs."""
        return self._files.directory

    @property
    def server(self) -> str:
        """The API server's address."""
        return self._running.addresses.server

    @property
    def ca_data(self) -> bytes:
        return self._authority.certificate

    @property
    def admin_config(self) -> ClientConfig:
        """Credentials that may do everything."""
        return self._admin

    @property
    def audit_log_path(self) -> Path:
        """The audit log: a JSON line for each write. Raises RuntimeError when none was asked for."""
        if not self._options.audit:
            raise RuntimeError("wanted the audit log of a control plane that writes none; start it with audit=True")
        return self._files.audit_log

    @property
    def children(self) -> tuple[Child, ...]:
        """The processes that should be running now."""
        return (*(self._server.children if self._server else ()), *self._others)

    def binary(self, binary: Binary) -> Path:
        """The path of a program, such as kubectl; looked up, never built here. Raises BinariesMissing."""
        return acquire([binary], fetch=False)[binary]

    def log_path(self, binary: Binary) -> Path:
        return self._files.log(binary)

    async def stop(self) -> None:
        """Stop everything, clients of the server first, within a few seconds; a temporary folder goes as well."""
        try:
            async with asyncio.TaskGroup() as group:
                for child in reversed(self._others):
                    group.create_task(child.stop(STOP_GRACE_S))
            if self._server is not None:
                await self._server.stop(STOP_GRACE_S)
        finally:
            # A second Ctrl-C, or a deadline of the caller's, ends the waiting but not the promise.
            self.kill()

    def kill(self) -> None:
        """End everything at once; safe in any state, and done when the interpreter ends without a stop."""
        atexit.unregister(self.kill)
        for child in self._others:
            child.kill()
        self._others.clear()
        if self._server is not None:
            self._server.kill()
            self._server = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    async def stop_apiserver(self) -> None:
        """Stop kube-apiserver alone, as a crash of it would."""
        await self._running.stop_apiserver(0)

    async def start_apiserver(self) -> None:
        """Start kube-apiserver again on the same address, over the same data."""
        await self._running.start_apiserver(self._admin)

    async def restart_apiserver(self) -> None:
        """Stop and start kube-apiserver; every watch ends and every resource version expires."""
        await self.stop_apiserver()
        await self.start_apiserver()

    async def user(self, name: str, groups: Sequence[str] = ()) -> ClientConfig:
        """Credentials of a user with these groups, by client certificate."""
        return self._certificate_config(self._authority.client(name, groups))

    async def service_account(self, namespace: str, name: str, *, node: str | None = None) -> ClientConfig:
        """Credentials of an existing service account by a token; with `node`, bound to that existing Node.

        A node-bound token carries the node's name, as the token of a pod on it does.
        """
        async with Client(self._admin) as client:
            spec: JsonObject = {"expirationSeconds": TOKEN_LIFETIME_S}
            if node is not None:
                uid = _metadata(await client.get(NODES, node))["uid"]
                spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid}
            request: JsonObject = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
            answer = await client.create_subresource(SERVICE_ACCOUNTS, name, "token", request, namespace)
        status = answer["status"]
        assert isinstance(status, dict)
        return ClientConfig(server=self.server, ca_data=self.ca_data, token=str(status["token"]), namespace=namespace)

    def kubeconfig(self, user: str = _ADMIN, config: ClientConfig | None = None) -> Path:
        """The path of a kubeconfig for these credentials (the admin's by default), written under the folder."""
        credentials = config or self._admin
        text = kubeconfig_text(credentials, user=user, namespace=credentials.namespace)
        path = self._files.kubeconfig(user.replace("/", "_").replace(":", "_"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_kubeconfig(path, text)

    async def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Create a namespace unless it exists."""
        obj: JsonObject = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": dict(labels or {})},
        }
        async with Client(self._admin) as client:
            try:
                await client.create(NAMESPACES, obj)
            except AlreadyExists:
                return

    async def install_crds(self, paths: Iterable[Path], *, timeout_s: float = 60.0) -> list[str]:
        """Apply the CustomResourceDefinitions in these files and folders and wait until discovery shows them.

        Returns their names. Raises InvalidManifest, CrdTimeout.
        """
        definitions = await anyio.to_thread.run_sync(crds.read_definitions, tuple(paths))
        async with Client(self._admin) as client:
            return await crds.install(client, definitions, timeout_s=timeout_s)

    async def install_webhooks(self, paths: Iterable[Path], address: str, ca_data: bytes | None = None) -> list[str]:
        """Apply the webhook configurations in these files and folders, their services replaced by `address`.

        `address` is `https://127.0.0.1:<port>` of a server with a certificate of `serving_certificate`, or of another
        authority given as `ca_data`. The API server takes a moment to call them. Returns their names.
        """
        documents = await anyio.to_thread.run_sync(crds.read_documents, tuple(paths))
        async with Client(self._admin) as client:
            return await webhooks.install(client, documents, address, ca_data or self.ca_data)

    def serving_certificate(self, hosts: Sequence[str] = ("127.0.0.1", "localhost")) -> KeyPair:
        """A certificate for a server that the API server should trust, such as a webhook server."""
        return self._authority.server(hosts)

    async def add_node(self, name: str, *, gpus: int = 8, labels: Mapping[str, str] | None = None) -> None:
        """Register a simulated Node with this many GPUs; where kwok runs, it becomes Ready and runs pods in name."""
        async with Client(self._admin) as client:
            await client.create(NODES, node_object(name, gpus=gpus, labels=labels or {}))
            await client.merge_patch(NODES, name, {"status": node_status(gpus)}, subresource="status")

    async def watch_children(self) -> NoReturn:
        """Look at the processes once a second, for ever. Raises ChildExited when one has ended."""
        while True:
            for child in self.children:
                child.check()
            await anyio.sleep(1.0)

    @property
    def _running(self) -> ApiServer:
        if self._server is None:
            raise RuntimeError("wanted a running control plane; enter it with `async with` first")
        return self._server

    async def _start(self) -> None:
        wanted = commands.needed(
            controllers=self._options.controllers, scheduler=self._options.scheduler, kwok=self._options.kwok
        )
        assets = await acquire_cancellable(wanted, self._progress)
        self._files = Files(self._folder())
        await anyio.to_thread.run_sync(self._write_files)
        for attempt in range(1, START_ATTEMPTS + 1):
            server = ApiServer(assets, self._files, self._options)
            server.reserve()
            self._admin = self._admin_for(server.addresses.server)
            try:
                await server.start(self._admin)
            except ChildExited as error:
                if attempt == START_ATTEMPTS or not port_was_taken(error):
                    raise
                continue
            self._server = server
            break
        self._start_others(assets)
        if self._options.controllers:
            await self._await_service_account()

    def _folder(self) -> Path:
        if self._options.directory is not None:
            return self._options.directory.absolute()
        self._temporary = Path(tempfile.mkdtemp(prefix="omectl-control-plane-"))
        return self._temporary

    async def _await_service_account(self) -> None:
        """Pods are refused until the controllers have made the namespace's default service account."""
        manager = next(child for child in self._others if child.name == Binary.KUBE_CONTROLLER_MANAGER)
        deadline = time.monotonic() + self._options.start_timeout_s
        async with Client(self._admin) as client:
            while True:
                manager.check()
                try:
                    await client.get(SERVICE_ACCOUNTS, "default", "default")
                except NotFound:
                    if time.monotonic() > deadline:
                        raise StartTimeout(manager, self._options.start_timeout_s) from None
                    await anyio.sleep(_POLL_S)
                else:
                    return

    def _start_others(self, assets: Assets) -> None:
        options, kubeconfig = self._options, self.kubeconfig()
        if options.controllers:
            program = assets[Binary.KUBE_CONTROLLER_MANAGER]
            self._add(
                Binary.KUBE_CONTROLLER_MANAGER, commands.kube_controller_manager(program, self._files, kubeconfig)
            )
        if options.scheduler:
            self._add(Binary.KUBE_SCHEDULER, commands.kube_scheduler(assets[Binary.KUBE_SCHEDULER], kubeconfig))
        if options.kwok:
            assert assets.kwok_stages is not None
            self._add(Binary.KWOK, commands.kwok(assets[Binary.KWOK], kubeconfig, assets.kwok_stages))

    def _add(self, binary: Binary, command: list[str]) -> None:
        self._others.append(Child(binary, command, self._files.log(binary)))

    def _write_files(self) -> None:
        # Certificates and ports are new each time, so what an earlier run left behind cannot be continued.
        for part in ("etcd", "certificates", "logs", "kubeconfigs"):
            shutil.rmtree(self._files.directory / part, ignore_errors=True)
        for part in ("certificates", "logs", "kubeconfigs"):
            (self._files.directory / part).mkdir(parents=True)
        serving = self._authority.server(["localhost", "127.0.0.1", "kubernetes.default.svc"])
        for path, content in (
            (self._files.ca, self._authority.certificate),
            (self._files.server_certificate, serving.certificate),
            (self._files.server_key, serving.key),
            (self._files.signing_key, signing_key()),
            (self._files.audit_policy, commands.AUDIT_POLICY.encode()),
        ):
            path.touch(mode=0o600)
            path.write_bytes(content)

    def _admin_for(self, server: str) -> ClientConfig:
        pair = self._authority.client(_ADMIN, ("system:masters",))
        return self._certificate_config(pair, server)

    def _certificate_config(self, pair: KeyPair, server: str | None = None) -> ClientConfig:
        return ClientConfig(
            server=server or self.server,
            ca_data=self.ca_data,
            client_certificate_data=pair.certificate,
            client_key_data=pair.key,
        )


def node_object(name: str, *, gpus: int, labels: Mapping[str, str]) -> JsonObject:
    """A simulated Node, marked so that nobody takes it for a machine."""
    defaults: JsonObject = {"kubernetes.io/hostname": name, "type": "kwok"}
    if gpus:
        defaults |= {"nvidia.com/gpu": "true", "nvidia.com/gpu.present": "true"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": defaults | dict(labels), "annotations": {"kwok.x-k8s.io/node": "fake"}},
    }


def node_status(gpus: int) -> JsonObject:
    """What the simulated Node has: `gpus` GPUs, 64 cores, 512 GiB."""
    resources: JsonObject = {"cpu": "64", "memory": "512Gi", "pods": "110"}
    if gpus:
        resources["nvidia.com/gpu"] = str(gpus)
    return {"capacity": resources, "allocatable": resources}


def _metadata(obj: JsonObject) -> JsonObject:
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    return metadata
