"""Definitions of other projects on a real API server."""

import pytest

from omectl.kube.client import Client
from omectl.kube.discovery import Discovery
from omectl.local.control_plane import ControlPlane
from omectl.local.third_party import GoMissing, Project, definition_files

WRITTEN = {
    Project.LEADER_WORKER_SET: ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"),
    Project.KEDA: ("keda.sh", "ScaledObject"),
    Project.KNATIVE_SERVING: ("serving.knative.dev", "Service"),
    Project.GATEWAY_API: ("gateway.networking.k8s.io", "HTTPRoute"),
}


async def test_installed_kinds_of_other_projects_are_discovered() -> None:
    async with ControlPlane() as control_plane, Client(control_plane.admin_config) as client:
        for project in WRITTEN:
            await control_plane.install_crds(definition_files(project))
        discovery = Discovery(client)
        for group, kind in WRITTEN.values():
            assert await discovery.find(group, kind) is not None, kind


def test_without_go_the_missing_program_and_module_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GoMissing, match=r"sigs\.k8s\.io/lws@v0\.8\.0"):
        definition_files(Project.LEADER_WORKER_SET)
