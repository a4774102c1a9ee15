"""In each mode and across each change of it: whatever happens to a manager, the end is the undisturbed one.

A manager is killed after each single write in turn, each single write in turn is refused with a conflict, and reads lag
behind writes. Another manager over the end writes nothing. A service that is deleted after each single write of its
birth in turn leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from tests.envtest.conftest import Shipped, ship
from tests.envtest.reconcilers.cases import CASES, GATEWAY_CASES, NUMBERS, runtimes
from tests.envtest.reconcilers.conftest import Scene, scene_on
from tests.envtest.reconcilers.lives import Ending, Endurance, Step
from tests.envtest.reconcilers.services import ARCHITECTURE, MODEL

from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_BASE_MODELS, CLUSTER_SERVING_RUNTIMES
from omectl.api.labels import ModelKey
from omectl.kube.resources import CONFIG_MAPS
from omectl.local.control_plane import ControlPlaneOptions, Profile
from omectl.local.third_party import Project, definition_files
from omectl.testing.plugin import running_control_plane

PROJECTS = (
    *(Project.KNATIVE_SERVING, Project.KUBERAY, Project.KEDA, Project.LEADER_WORKER_SET, Project.ISTIO),
    *(Project.GATEWAY_API, Project.INFERENCE_EXTENSION),
)
SETTINGS = "inferenceservice-config"
GATEWAY: JsonObject = {"enableGatewayAPI": True, "omeIngressGateway": "infra/gate"}
NO_GATEWAY: JsonObject = {"enableGatewayAPI": False, "omeIngressGateway": ""}
FACTS: JsonObject = {
    "architecture": ARCHITECTURE,
    "modelType": "bert",
    "contextLength": 512,
    "parameterCount": 22_000_000,
}

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def endings(request: pytest.FixtureRequest) -> Iterator[dict[str, Ending]]:
    """What became of each case that was asked for: all of them live at once, on a control plane of their own."""
    asked = {str(item.callspec.params["case"]) for item in request.session.items if _is_ours(item, request)}
    for control_plane in running_control_plane(ControlPlaneOptions(profile=Profile.FULL)):
        for project in PROJECTS:
            asyncio.run(control_plane.install_crds(definition_files(project)))
        yield asyncio.run(_live(ship(control_plane), asked))


def _is_ours(item: Any, request: pytest.FixtureRequest) -> bool:
    return item.module is request.module and hasattr(item, "callspec")


async def _live(shipped: Shipped, asked: set[str]) -> dict[str, Ending]:
    async with scene_on(shipped) as scene:
        await _furnish(scene)
        await _set_ingress(scene, GATEWAY)
        found = await _endure(scene, {name: steps for name, steps in GATEWAY_CASES.items() if name in asked}, "gate")
        await _set_ingress(scene, NO_GATEWAY)
        return found | await _endure(scene, {name: steps for name, steps in CASES.items() if name in asked}, "mode")


async def _endure(scene: Scene, cases: Mapping[str, Sequence[Step]], prefix: str) -> dict[str, Ending]:
    return await Endurance(scene.admin, scene.manager_config, cases, prefix).run() if cases else {}


async def _furnish(scene: Scene) -> None:
    """A model that a node has, and the runtimes."""
    node = await scene.node()
    spec = {name: value for name, value in MODEL.items() if name != "modelArchitecture"}
    storage: JsonObject = {"storageUri": "hf://a/b", "nodeSelector": {"test": scene.suffix}}
    await scene.create(CLUSTER_BASE_MODELS, "model", {"storage": storage, **spec})
    key = ModelKey(CLUSTER_BASE_MODELS.kind, "", "model")
    await scene.report(node, key, "Ready", facts=FACTS)
    for name, runtime in runtimes().items():
        await scene.create(CLUSTER_SERVING_RUNTIMES, name, runtime)
    async with scene.manager():
        await scene.model_says(key, state="Ready")


async def _set_ingress(scene: Scene, changed: JsonObject) -> None:
    found: Any = await scene.admin.get(CONFIG_MAPS, SETTINGS, "ome")
    ingress = {**json.loads(found["data"]["ingress"]), **changed}
    await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": {"ingress": json.dumps(ingress)}}, "ome")


every_case = pytest.mark.parametrize("case", [*CASES, *GATEWAY_CASES])


@every_case
def test_the_end_is_the_same_after_any_single_fault(endings: dict[str, Ending], case: str) -> None:
    """D 13."""
    ending = endings[case]
    assert any(ending.wrote.values())
    assert ending.unmet == []
    assert not ending.different, "\n".join(ending.different[:5])


@every_case
def test_a_change_ends_where_a_birth_in_the_last_shape_does(endings: dict[str, Ending], case: str) -> None:
    assert not endings[case].unlike_birth, "\n".join(endings[case].unlike_birth)


@pytest.mark.parametrize("case", NUMBERS)
def test_a_switch_of_scalers_and_a_stop_keep_the_live_number(endings: dict[str, Ending], case: str) -> None:
    found: Any = endings[case].state["Deployment.apps/svc-engine"]
    assert found["spec"]["replicas"] == NUMBERS[case]


@every_case
def test_another_manager_writes_nothing(endings: dict[str, Ending], case: str) -> None:
    assert endings[case].rewritten == []


@every_case
def test_nothing_is_left_of_a_deleted_service_at_whatever_write(endings: dict[str, Ending], case: str) -> None:
    assert endings[case].left == []
