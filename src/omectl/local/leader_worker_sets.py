"""The real LeaderWorkerSet controller beside a control plane: its definition, its webhooks, its groups."""

import ssl
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
import yaml

from omectl.api.document import as_object, as_objects, at
from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.local import crds, webhooks
from omectl.local.assets import Binary
from omectl.local.child import Child
from omectl.local.control_plane import ControlPlane
from omectl.local.control_plane.server import StartTimeout
from omectl.local.ports import free_port
from omectl.local.third_party import Project, definition_files

START_TIMEOUT_S = 60.0
STOP_GRACE_S = 0.3
_POLL_S = 0.1
_ANSWER_S = 5.0
_GROUP_LABEL = "leaderworkerset.sigs.k8s.io/name"
_POD_WEBHOOK = "/validate--v1-pod"


class LeaderWorkerSets:
    """A running controller that makes groups of pods on a control plane with controllers.

    Entering raises BinariesMissing, GoMissing, ModuleChanged, ChildExited or StartTimeout. Its webhooks stay registered
    after it has stopped, and refuse the pods of groups: it is the control plane's for good.
    """

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._directory = control_plane.directory / "lws"
        self._child: Child | None = None

    async def __aenter__(self) -> Self:
        program = self._control_plane.binary(Binary.LWS_CONTROLLER)
        definitions = definition_files(Project.LEADER_WORKER_SET)
        await self._control_plane.install_crds(definitions)
        port = free_port()
        configuration = await anyio.to_thread.run_sync(self._write_files, port)
        command = [str(program), f"--config={configuration}", f"--kubeconfig={self._control_plane.kubeconfig()}"]
        child = self._child = Child(Binary.LWS_CONTROLLER, command, self._directory / "controller.log")
        try:
            await self._await_webhooks(child, f"https://127.0.0.1:{port}")
            await self._register(definitions[0].parents[3] / "config" / "webhook", f"https://127.0.0.1:{port}")
        except BaseException:
            child.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop the controller."""
        if self._child is not None:
            await self._child.stop(STOP_GRACE_S)

    @property
    def child(self) -> Child:
        """The controller's process."""
        if self._child is None:
            raise RuntimeError("wanted a running controller; enter it with `async with` first")
        return self._child

    def _write_files(self, port: int) -> Path:
        """The certificate of the webhooks, and the controller's configuration; its path."""
        certificates = self._directory / "certificates"
        certificates.mkdir(parents=True, exist_ok=True)
        pair = self._control_plane.serving_certificate()
        for name, content in (("tls.crt", pair.certificate), ("tls.key", pair.key)):
            (certificates / name).touch(mode=0o600)
            (certificates / name).write_bytes(content)
        configuration: JsonObject = {
            "apiVersion": "config.lws.x-k8s.io/v1alpha1",
            "kind": "Configuration",
            "leaderElection": {"leaderElect": False},
            "internalCertManagement": {"enable": False},
            "webhook": {"host": "127.0.0.1", "port": port, "certDir": str(certificates)},
            "metrics": {"bindAddress": "0"},
            "health": {"healthProbeBindAddress": "0"},
        }
        path = self._directory / "configuration.yaml"
        path.write_text(yaml.safe_dump(configuration))
        return path

    async def _await_webhooks(self, child: Child, address: str) -> None:
        """Until the last webhook that it sets up is there: the API server refuses pods of groups without it."""
        trusted = ssl.create_default_context(cadata=self._control_plane.ca_data.decode())
        deadline = time.monotonic() + START_TIMEOUT_S
        while not await anyio.to_thread.run_sync(_answers, address + _POD_WEBHOOK, trusted):
            child.check()
            if time.monotonic() > deadline:
                raise StartTimeout(child, START_TIMEOUT_S)
            await anyio.sleep(_POLL_S)

    async def _register(self, folder: Path, address: str) -> None:
        documents = await anyio.to_thread.run_sync(crds.read_documents, (folder / "manifests.yaml",))
        ours = [_of_groups_only(document) for document in documents]
        async with Client(self._control_plane.admin_config) as client:
            await webhooks.install(client, ours, address, self._control_plane.ca_data)


def _of_groups_only(configuration: JsonObject) -> JsonObject:
    """The configuration, whose webhooks for pods are asked about those of groups only, as the project installs it."""
    selector: JsonObject = {"matchExpressions": [{"key": _GROUP_LABEL, "operator": "Exists"}]}
    for webhook in as_objects(configuration.get("webhooks")):
        if str(at(as_object(webhook.get("clientConfig")), "service", "path")).endswith("-v1-pod"):
            webhook["objectSelector"] = selector
    name = as_object(configuration["metadata"])["name"]
    return {**configuration, "metadata": {"name": f"lws-{name}"}}


def _answers(address: str, trusted: ssl.SSLContext) -> bool:
    """Whether there is a webhook at the address: it refuses a question without a body, and does not say 404."""
    try:
        with urllib.request.urlopen(address, timeout=_ANSWER_S, context=trusted):  # noqa: S310 - always https
            return True
    except urllib.error.HTTPError as error:
        return error.code != HTTPStatus.NOT_FOUND
    except OSError:
        return False
