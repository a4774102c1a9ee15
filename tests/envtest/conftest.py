"""A control plane with omectl's own manifests on it, for tests that act as the shipped service accounts."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from omectl.kube.credentials import ClientConfig
from omectl.local.assets import Binary
from omectl.local.control_plane import ControlPlane

MANIFESTS = Path(__file__).parents[2] / "manifests"
_APPLY_S = 90


@dataclass(frozen=True, slots=True)
class Shipped:
    """What `kubectl apply -k manifests` made, and the identities in it."""

    control_plane: ControlPlane

    async def manager(self) -> ClientConfig:
        """The manager's service account, under its shipped roles."""
        return await self.control_plane.service_account("ome", "ome-controller-manager")

    async def agent(self, node: str | None) -> ClientConfig:
        """The agent's service account; with a node, by a token that is bound to it as a pod's is."""
        return await self.control_plane.service_account("ome-agents", "ome-model-agent", node=node)


@pytest.fixture(scope="session")
def shipped(full_control_plane: ControlPlane) -> Shipped:
    """The shipped manifests, applied under strict validation."""
    return ship(full_control_plane)


def ship(control_plane: ControlPlane) -> Shipped:
    """Apply the shipped manifests to a control plane."""
    kubectl(control_plane, "apply", "--server-side", "--validate=strict", "--kustomize", str(MANIFESTS))
    kubectl(control_plane, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
    return Shipped(control_plane)


def kubectl(control_plane: ControlPlane, *arguments: str) -> str:
    """What kubectl prints, as admin of this control plane; its cache stays in the control plane's folder."""
    environment = {
        "KUBECONFIG": str(control_plane.kubeconfig()),
        "KUBECACHEDIR": str(control_plane.directory / "kubectl"),
    }
    run = subprocess.run(
        [control_plane.binary(Binary.KUBECTL), *arguments],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=_APPLY_S,
    )
    return run.stdout
