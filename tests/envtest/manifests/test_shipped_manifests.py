"""The rendered manifests against a real API server."""

import secrets
from pathlib import Path

import pytest
import yaml
from tests.envtest.conftest import MANIFESTS, Shipped, kubectl

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.errors import Forbidden
from omectl.kube.resources import (
    DAEMON_SETS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SERVICE_ACCOUNTS,
    VALIDATING_ADMISSION_POLICIES,
)
from omectl.local.control_plane import ControlPlane


def rendered(control_plane: ControlPlane, folder: Path) -> list[JsonObject]:
    return list(yaml.load_all(kubectl(control_plane, "kustomize", str(folder)), yaml.CSafeLoader))


def test_everything_renders_once(full_control_plane: ControlPlane) -> None:
    names = [
        (document["kind"], document["metadata"].get("namespace"), document["metadata"]["name"])
        for document in rendered(full_control_plane, MANIFESTS)
    ]
    assert len(names) == len(set(names))
    kinds = {kind for kind, _, _ in names}
    assert {"CustomResourceDefinition", "Deployment", "DaemonSet", "ClusterRole", "ValidatingAdmissionPolicy"} <= kinds


def test_the_overlay_for_development_lifts_only_what_it_must(full_control_plane: ControlPlane) -> None:
    documents = rendered(full_control_plane, MANIFESTS / "overlays" / "dev")
    (deployment,) = (document for document in documents if document["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is False
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert not [document for document in documents if document["kind"] == "DaemonSet"]


async def test_the_policies_say_what_the_server_can_evaluate(shipped: Shipped) -> None:
    async with Client(shipped.control_plane.admin_config) as client:
        policies = await client.list(VALIDATING_ADMISSION_POLICIES, label_selector="app.kubernetes.io/part-of=omectl")
    assert len(policies.items) == 3
    for policy in policies.items:
        warnings = policy.get("status", {}).get("typeChecking", {}).get("expressionWarnings")
        assert not warnings, warnings


def pod_of(workload: JsonObject, namespace: str) -> JsonObject:
    template = workload["spec"]["template"]
    spec = {**template["spec"]}
    # The account of another namespace is not what these tests are about.
    for field in ("serviceAccountName", "serviceAccount"):
        spec.pop(field)
    metadata = {**template["metadata"], "name": "probe", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.fixture
async def workloads(shipped: Shipped) -> tuple[JsonObject, JsonObject]:
    """The manager's Deployment and the agent's DaemonSet, as the server has them."""
    async with Client(shipped.control_plane.admin_config) as client:
        return (
            await client.get(DEPLOYMENTS, "ome-controller-manager", "ome"),
            await client.get(DAEMON_SETS, "ome-model-agent-daemonset", "ome-agents"),
        )


async def test_restricted_pod_security_admits_the_manager(
    shipped: Shipped, workloads: tuple[JsonObject, JsonObject]
) -> None:
    async with Client(shipped.control_plane.admin_config) as client:
        await service_account_exists(client, "ome")
        await client.create(PODS, pod_of(workloads[0], "ome"), dry_run=True, validation="Strict")


@pytest.mark.parametrize("level", ["restricted", "baseline"])
async def test_pod_security_refuses_the_agent_outside_its_namespace(
    shipped: Shipped, workloads: tuple[JsonObject, JsonObject], level: str
) -> None:
    name = f"elsewhere-{secrets.token_hex(3)}"
    labels: JsonObject = {"pod-security.kubernetes.io/enforce": level}
    async with Client(shipped.control_plane.admin_config) as client:
        metadata: JsonObject = {"name": name, "labels": labels}
        await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        await service_account_exists(client, name)
        with pytest.raises(Forbidden, match="hostPath"):
            await client.create(PODS, pod_of(workloads[1], name), dry_run=True)


async def test_the_agents_namespace_admits_the_agent(
    shipped: Shipped, workloads: tuple[JsonObject, JsonObject]
) -> None:
    async with Client(shipped.control_plane.admin_config) as client:
        await service_account_exists(client, "ome-agents")
        await client.create(PODS, pod_of(workloads[1], "ome-agents"), dry_run=True, validation="Strict")


async def service_account_exists(client: Client, namespace: str) -> None:
    metadata: JsonObject = {"name": "default", "namespace": namespace}
    account: JsonObject = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    await client.apply(SERVICE_ACCOUNTS, account, force=True)
