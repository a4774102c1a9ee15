"""Across a change of mode: whatever happens to a manager, the end is the undisturbed one.

A manager is killed after each single write in turn, each single write in turn is refused with a conflict, and reads
lag behind writes. Another manager over the end writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.envtest.conftest import Shipped, ship
from tests.envtest.reconcilers.conftest import Scene
from tests.envtest.reconcilers.faults import LaggingClient
from tests.envtest.reconcilers.lives import Life, Shape, Step, differences, every_fault, live, rewrites

from omectl.api.labels import DEPLOYMENT_MODE
from omectl.local.control_plane import ControlPlaneOptions, Profile
from omectl.local.third_party import Project, definition_files
from omectl.testing.plugin import running_control_plane

PROJECTS = (
    *(Project.KNATIVE_SERVING, Project.KUBERAY, Project.KEDA, Project.LEADER_WORKER_SET, Project.ISTIO),
    *(Project.GATEWAY_API, Project.INFERENCE_EXTENSION),
)
AVAILABLE = Step("available")
RAW = Shape(annotations={DEPLOYMENT_MODE: None})
SERVERLESS = Shape(annotations={DEPLOYMENT_MODE: "Serverless"})
RAY = Shape(annotations={DEPLOYMENT_MODE: "MultiNodeRayVLLM"})
CHANGES = {
    "serverless to raw": (SERVERLESS, RAW),
    "raw to ray": (RAW, RAY),
}


@pytest.fixture(scope="module")
def shipped() -> Iterator[Shipped]:
    """A control plane of its own, which serves the kinds of every mode."""
    for control_plane in running_control_plane(ControlPlaneOptions(profile=Profile.FULL, audit=True)):
        yield ship(control_plane)


@pytest.fixture
async def everything(scene: Scene) -> Scene:
    for project in PROJECTS:
        await scene.shipped.control_plane.install_crds(definition_files(project))
    return scene


@pytest.mark.timeout(600)
@pytest.mark.parametrize("change", CHANGES)
async def test_the_end_is_the_same_after_any_single_fault_and_is_not_written_again(
    everything: Scene, change: str
) -> None:
    scene = everything
    node = await scene.node()
    old, new = CHANGES[change]
    steps = (Step("birth", old), AVAILABLE, Step("change", new), Step("available again"))
    pilot = Life(scene, 0)
    wrote = await live(scene, steps, [pilot], node)
    assert wrote["birth"]
    assert wrote["change"]
    wanted = await pilot.state()

    lagged = Life(scene, 1)
    await live(scene, steps, [lagged], node, LaggingClient)
    found = await lagged.state()
    assert found == wanted, "lagging reads:\n" + "\n".join(differences(wanted, found))

    lives = every_fault(scene, wrote)
    await live(scene, steps, lives, node)
    for one in lives:
        found = await one.state()
        assert found == wanted, f"{one} of {wrote}:\n" + "\n".join(differences(wanted, found))
    assert await rewrites(scene, [pilot, lagged, *lives]) == []
