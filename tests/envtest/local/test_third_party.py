"""Definitions of other projects on a real API server."""

from pathlib import Path

import pytest

from omectl.kube.client import Client
from omectl.kube.discovery import Discovery
from omectl.local import third_party
from omectl.local.assets.go import go_command
from omectl.local.control_plane import ControlPlane
from omectl.local.third_party import GoMissing, ModuleChanged, Project, definition_files

WRITTEN = {
    Project.LEADER_WORKER_SET: ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"),
    Project.KEDA: ("keda.sh", "ScaledObject"),
    Project.KNATIVE_SERVING: ("serving.knative.dev", "Service"),
    Project.GATEWAY_API: ("gateway.networking.k8s.io", "HTTPRoute"),
    Project.INFERENCE_EXTENSION: ("inference.networking.k8s.io", "InferencePool"),
    Project.ISTIO: ("networking.istio.io", "VirtualService"),
    Project.KUEUE: ("kueue.x-k8s.io", "ClusterQueue"),
    Project.KUBERAY: ("ray.io", "RayCluster"),
    Project.CERT_MANAGER: ("cert-manager.io", "Certificate"),
}
needs_go = pytest.mark.skipif(
    go_command() is None, reason="definitions of other projects come as Go modules; no Go here"
)


@needs_go
async def test_installed_kinds_of_other_projects_are_discovered() -> None:
    async with ControlPlane() as control_plane, Client(control_plane.admin_config) as client:
        for project in Project:
            await control_plane.install_crds(definition_files(project))
        discovery = Discovery(client)
        for group, kind in WRITTEN.values():
            assert await discovery.find(group, kind) is not None, kind


def test_without_go_the_missing_program_and_module_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GoMissing, match=r"sigs\.k8s\.io/lws@v0\.8\.0"):
        definition_files(Project.LEADER_WORKER_SET)


def test_module_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    go.write_text(f"""#!/bin/sh\necho '{{"Dir": "{tmp_path}", "Sum": "h1:other"}}'\n""")
    go.chmod(0o755)
    monkeypatch.setattr(third_party, "go_command", lambda: str(go))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ModuleChanged, match="found h1:other"):
        definition_files(Project.LEADER_WORKER_SET)
