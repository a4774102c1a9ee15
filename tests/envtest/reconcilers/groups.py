"""Services on several nodes, and the LeaderWorkerSet controller's part played by hand."""

from __future__ import annotations

from typing import Any

from tests.envtest.reconcilers.conftest import Scene
from tests.envtest.reconcilers.other_workloads import there
from tests.envtest.reconcilers.services import runtime_spec

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.kube.third_party_kinds import LEADER_WORKER_SETS


def grouped_spec(workers: int) -> JsonObject:
    """A runtime whose engine is a leader and so many workers, each with a GPU."""
    spec: Any = runtime_spec()
    runner = spec["engineConfig"]["runner"]
    spec["engineConfig"] = {"leader": {"runner": runner}, "worker": {"size": workers, "runner": runner}}
    return spec


async def change_runtime(scene: Scene, service: str, runtime: str) -> None:
    patch: JsonObject = {"spec": {"runtime": {"name": runtime, "kind": "ServingRuntime"}}}
    await scene.admin.merge_patch(INFERENCE_SERVICES, service, patch, scene.namespace)


async def make_groups_ready(scene: Scene, service: str, *, ready: bool = True) -> None:
    """Say, as LeaderWorkerSet's controller would, that every group of the engine serves, or none."""
    name = f"lws-{service}-engine"
    found = await there(scene, LEADER_WORKER_SETS, name)
    wanted = found["spec"]["replicas"]
    condition: JsonObject = {
        "type": "Available" if ready else "Progressing",
        "status": "True",
        "reason": "AllGroupsReady" if ready else "GroupsProgressing",
        "message": "All replicas are ready" if ready else "Replicas are progressing",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status: JsonObject = {
        "replicas": wanted,
        "readyReplicas": wanted if ready else 0,
        "updatedReplicas": wanted,
        "conditions": [condition],
    }
    await scene.admin.merge_patch(LEADER_WORKER_SETS, name, {"status": status}, scene.namespace, subresource="status")
