"""`omectl explain` against a real API server: what is there, what is missing, and what the user may not read."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from tests.envtest.cli.command import Ended, omectl
from tests.envtest.conftest import Shipped

from omectl.api.kinds import (
    ACCELERATOR_CLASSES,
    BASE_MODELS,
    CLUSTER_SERVING_RUNTIMES,
    INFERENCE_SERVICES,
)
from omectl.api.resource import key_of
from omectl.kube.client import Client
from omectl.kube.resources import CLUSTER_ROLE_BINDINGS, NAMESPACES, ROLE_BINDINGS
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions
from omectl.testing.plugin import running_control_plane

Json = Any
FACTS: Json = {
    "modelFormat": {"name": "safetensors", "version": "1.0.0"},
    "modelFramework": {"name": "transformers", "version": "4.43.0"},
}


@dataclass(frozen=True, slots=True)
class Team:
    """A namespace with a model, a service and runtimes that only serve it, and credentials that may read in it."""

    control_plane: ControlPlane
    admin: Client
    namespace: str

    @property
    def architecture(self) -> str:
        """No other test's runtime takes it."""
        return f"Arch-{self.namespace}"

    async def create(self, kind: Any, name: str, **spec: Json) -> None:
        namespace = self.namespace if kind.namespaced else ""
        obj: Json = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
            "spec": spec,
        }
        await self.admin.create(kind, obj)

    async def model(self, name: str = "m", **changes: Json) -> None:
        storage = {"storageUri": "hf://org/m"}
        spec = {**FACTS, "modelArchitecture": self.architecture, "storage": storage, "modelParameterSize": "8B"}
        await self.create(BASE_MODELS, name, **{**spec, **changes})

    async def runtime(self, suffix: str = "r", **changes: Json) -> str:
        name = f"{suffix}-{self.namespace}"
        entry = {**FACTS, "modelArchitecture": self.architecture, "autoSelect": True}
        runner = {
            "name": "ome-container",
            "image": "vllm/vllm-openai:v1",
            "resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}},
        }
        spec = {"supportedModelFormats": [entry], "engineConfig": {"runner": runner}}
        await self.create(CLUSTER_SERVING_RUNTIMES, name, **{**spec, **changes})
        return name

    async def service(self, name: str = "svc", **changes: Json) -> None:
        await self.create(INFERENCE_SERVICES, name, **{"model": {"name": "m"}, "engine": {}, **changes})

    def explain(self, *arguments: object, kubeconfig: Path | None = None) -> Ended:
        path = kubeconfig or self.control_plane.kubeconfig()
        return omectl("explain", *arguments, "-n", self.namespace, "--kubeconfig", path)

    def report(self, name: str = "svc") -> Json:
        return json.loads(self.explain(name, "-o", "json").out)


@pytest.fixture
async def team(shipped: Shipped) -> Any:
    name = f"team-{secrets.token_hex(3)}"
    async with Client(shipped.control_plane.admin_config) as admin:
        await admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        made = Team(shipped.control_plane, admin, name)
        yield made
        # Runtimes and classes of the whole cluster would be candidates of other tests' services.
        for kind in (CLUSTER_SERVING_RUNTIMES, ACCELERATOR_CLASSES):
            for obj in (await admin.list(kind)).items:
                found = obj["metadata"]
                assert isinstance(found, dict)
                if str(found["name"]).endswith(name):
                    await admin.delete(kind, str(found["name"]))
        # Agents of other tests would fetch models.
        for key in map(key_of, (await admin.list(BASE_MODELS)).items):
            if name in key.namespace:
                await admin.delete(BASE_MODELS, key.name, key.namespace)


async def test_a_service_of_a_cluster_is_explained_with_models_runtimes_and_classes(team: Team) -> None:
    h100 = f"h100-{team.namespace}"
    await team.create(
        ACCELERATOR_CLASSES,
        h100,
        discovery={"nodeSelector": {"gpu": team.namespace}},
        capabilities={"memoryGB": "80Gi"},
        resources=[{"name": "nvidia.com/gpu"}],
        cost={"perHour": "4.1"},
    )
    await team.model()
    runtime = await team.runtime(acceleratorRequirements={"acceleratorClasses": [h100]})
    await team.service(acceleratorSelector={"acceleratorClass": h100})
    ended = team.explain("svc")
    assert (ended.code, ended.err) == (0, "")
    assert f"  runtime  {runtime} (the only one that fits)\n" in ended.out
    assert f"  class    {h100} for the engine" in ended.out
    assert "  fit      fits: " in ended.out
    assert "  cost     4.1 dollars an hour for a pod of the engine\n" in ended.out
    told = team.report()
    assert (told["runtime"], told["model"]["kind"], told["model"]["namespace"]) == (
        runtime,
        "BaseModel",
        team.namespace,
    )
    assert told["fit"]["report"]["verdict"] == "fits"


async def test_what_is_told_mends_a_service_of_a_cluster(team: Team) -> None:
    await team.model("model-of-ours")
    runtime = await team.runtime(disabled=True)
    await team.service(model={"name": "model-of-our"})
    ended = team.explain("svc")
    ended.failed(1, f"{team.namespace}/svc: no plan: ModelReconcileError")
    assert "did you mean BaseModel model-of-ours?" in ended.out
    await team.admin.merge_patch(
        INFERENCE_SERVICES, "svc", {"spec": {"model": {"name": "model-of-ours"}}}, team.namespace
    )
    told = team.report()
    nearest = next(one for one in told["runtimes"] if one["name"] == runtime)
    (check,) = nearest["checks"]
    assert (check["code"], check["changes"][0]["field"], check["changes"][0]["value"]) == (
        "Disabled",
        "spec.disabled",
        False,
    )
    await team.admin.merge_patch(CLUSTER_SERVING_RUNTIMES, runtime, {"spec": {"disabled": False}})
    assert team.explain("svc").code == 0


async def test_a_model_of_another_namespace_is_told(team: Team) -> None:
    other = f"{team.namespace}-other"
    await team.admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    elsewhere = Team(team.control_plane, team.admin, other)
    await elsewhere.model(f"of-{team.namespace}")
    await team.service(model={"name": f"of-{team.namespace}"})
    assert f"namespace {other} has a BaseModel of that name" in team.explain("svc").out


async def test_a_service_that_is_not_there_is_wrong_usage(team: Team) -> None:
    team.explain("nope").failed(2, f"wanted InferenceService {team.namespace}/nope in https://", "--namespace")


async def test_the_namespace_is_the_contexts(team: Team) -> None:
    await team.model()
    await team.runtime()
    await team.service()
    config = yaml.safe_load(team.control_plane.kubeconfig().read_text())
    config["contexts"][0]["context"]["namespace"] = team.namespace
    path = team.control_plane.directory / f"{team.namespace}.yaml"
    path.write_text(yaml.safe_dump(config))
    ended = omectl("explain", "svc", "--kubeconfig", path)
    assert f"InferenceService {team.namespace}/svc\n" in ended.out


async def test_a_user_who_may_not_read_services_is_told_so(team: Team) -> None:
    nobody = team.control_plane.kubeconfig(f"nobody-{team.namespace}", await team.control_plane.user("nobody"))
    team.explain("svc", kubeconfig=nobody).failed(2, "403 Forbidden", "inferenceservices", "grant the right")


async def test_a_user_of_one_namespace_is_told_what_could_not_be_read(team: Team) -> None:
    """The shipped view role, bound in the namespace alone: nothing of the whole cluster may be read."""
    await team.model()
    await team.runtime()
    await team.service()
    name = f"viewer-{team.namespace}"
    group = "rbac.authorization.k8s.io"
    binding: Json = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "viewer", "namespace": team.namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "ome-view"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": name}],
    }
    await team.admin.create(ROLE_BINDINGS, binding)
    viewer = team.control_plane.kubeconfig(name, await team.control_plane.user(name))
    ended = team.explain("svc", kubeconfig=viewer)
    ended.failed(2, "no plan: RuntimeSelectionError", "not everything could be read")
    assert "Traceback" not in ended.err
    for kind in ("ClusterServingRuntime", "ClusterBaseModel", "AcceleratorClass", "FineTunedWeight"):
        assert f"omectl: {kind} objects count as absent: you may not read them" in ended.err
    assert "omectl: the settings count as those that are shipped" in ended.err
    assert "BaseModel m" in ended.out or "m (Arch-" in ended.out
    cluster = {**binding, "kind": "ClusterRoleBinding", "metadata": {"name": name}}
    await team.admin.create(CLUSTER_ROLE_BINDINGS, cluster)
    # Rights come into force a moment after they are given.
    for _ in range(20):
        if (ended := team.explain("svc", kubeconfig=viewer)).code == 0:
            break
    assert ended.code == 0, ended.err
    assert "the settings count as those that are shipped" in ended.err


def test_a_server_without_our_kinds_says_how_to_install_them() -> None:
    for bare in running_control_plane(ControlPlaneOptions()):
        ended = omectl("explain", "svc", "--kubeconfig", bare.kubeconfig())
        ended.failed(2, bare.server, "omectl crds", "kubectl apply --server-side")


def test_a_server_that_does_not_run_is_named(nowhere: Path) -> None:
    omectl("explain", "svc", "--kubeconfig", nowhere).failed(2, "no answer from http://127.0.0.1", "connection refused")


def test_an_unknown_context_is_answered_with_those_that_are_there(nowhere: Path) -> None:
    omectl("explain", "svc", "--kubeconfig", nowhere, "--context", "x").failed(2, "'x'", "it has: lost")


def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    omectl("explain", "svc", "--kubeconfig", tmp_path / "none").failed(2, str(tmp_path / "none"))


def test_what_a_server_warns_of_does_not_stand_in_the_report(nowhere: Path) -> None:
    with answering(_Empty) as port:
        point(nowhere, port)
        ended = omectl("explain", "svc", "-o", "json", "--kubeconfig", nowhere)
    ended.failed(2, "wanted InferenceService default/svc in http://127.0.0.1", "found none")
    assert ended.out == ""
    assert "this version is old" in ended.err


class _Empty(BaseHTTPRequestHandler):
    """A server where nothing is, and that warns."""

    def do_GET(self) -> None:
        body = json.dumps({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Warning", '299 - "this version is old"')
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's own output is judged."""


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(5)


def point(kubeconfig: Path, port: int) -> None:
    """Have the kubeconfig name the server on that port."""
    found = json.loads(kubeconfig.read_text())
    found["clusters"][0]["cluster"]["server"] = f"http://127.0.0.1:{port}"
    kubeconfig.write_text(json.dumps(found))


def test_a_server_that_hangs_up_is_told_without_a_traceback(nowhere: Path) -> None:
    with hanging_up() as port:
        point(nowhere, port)
        omectl("explain", "svc", "--kubeconfig", nowhere).failed(2, f"no answer from http://127.0.0.1:{port}")


@contextmanager
def hanging_up() -> Iterator[int]:
    """A port that closes whatever connects to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_server_that_says_nothing_is_waited_for_as_long_as_was_asked(nowhere: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        point(nowhere, port)
        ended = omectl("explain", "svc", "--kubeconfig", nowhere, "--timeout", "0.5")
    ended.failed(2, f"http://127.0.0.1:{port} within 0.5 s", "--timeout")
