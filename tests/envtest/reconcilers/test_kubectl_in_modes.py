"""A service in each mode as a new user tries it with kubectl; other controllers' words are written by the test."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.envtest.conftest import Shipped, kubectl
from tests.envtest.reconcilers.conftest import Scene, eventually
from tests.envtest.reconcilers.groups import grouped_spec, make_groups_ready
from tests.envtest.reconcilers.other_workloads import (
    RAY,
    SERVERLESS,
    make_cluster_ready,
    make_knative_ready,
    there,
)
from tests.envtest.reconcilers.services import (
    deployment_of,
    make_available,
    make_model,
    make_service,
    runtime_spec,
    service_says,
)
from tests.envtest.reconcilers.test_decoder import ROUTER

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.resource import ResourceKind
from omectl.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS
from omectl.kube.third_party_kinds import KNATIVE_SERVICES, LEADER_WORKER_SETS, RAY_CLUSTERS

RESTARTED = "kubectl.kubernetes.io/restartedAt"
RESTART = "rollout", "restart"


@pytest.fixture(scope="module")
def shipped(everybodys: Shipped) -> Shipped:
    """The control plane with everybody's kinds."""
    return everybodys


async def run(scene: Scene, *arguments: str) -> str:
    """What kubectl prints in the test's namespace."""
    plane = scene.shipped.control_plane
    return await asyncio.to_thread(kubectl, plane, "--namespace", scene.namespace, *arguments)


async def refused(scene: Scene, *arguments: str) -> str:
    """What kubectl says of what it does not do."""
    with pytest.raises(subprocess.CalledProcessError) as error:
        await run(scene, *arguments)
    return str(error.value.stderr)


async def deployed(scene: Scene, name: str) -> None:
    await make_available(scene, name)


async def all_three(scene: Scene, name: str) -> None:
    for component in ("engine", "decoder", "router"):
        await make_available(scene, name, component=component)


async def heads(scene: Scene, name: str) -> None:
    for index in range(2):
        await make_cluster_ready(scene, f"{name}-engine-{index}")


async def revision(scene: Scene, name: str) -> None:
    await make_knative_ready(scene, f"{name}-engine")


async def nothing(scene: Scene, name: str) -> None:
    """Of a virtual service nobody else has a part."""


async def least(scene: Scene, name: str) -> int:
    return (await scene.get(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine"))["spec"]["minReplicas"]


async def groups(scene: Scene, name: str) -> int:
    return (await scene.get(LEADER_WORKER_SETS, f"lws-{name}-engine"))["spec"]["replicas"]


async def clusters(scene: Scene, name: str) -> int:
    return len((await scene.admin.list(RAY_CLUSTERS, scene.namespace)).items)


async def kept(scene: Scene, name: str) -> int:
    template = (await scene.get(KNATIVE_SERVICES, f"{name}-engine"))["spec"]["template"]
    return int(template["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"])


@dataclass(frozen=True)
class Mode:
    """How a service of the mode is asked for, who makes it ready, and where a number of replicas goes.

    `workload` is the kind and the name of what runs it, `restart` whether kubectl restarts that.
    """

    mode: str
    service: dict[str, Any]
    ready: Callable[[Scene, str], Awaitable[None]]
    summary: str
    number: Callable[[Scene, str], Awaitable[int]] | None = None
    workload: tuple[ResourceKind, str, tuple[str, ...]] | None = None
    runtime: str = "runtime"


TEMPLATE = ("spec", "template")
MODES = {
    "raw": Mode(
        "RawDeployment",
        {"engine": {"minReplicas": 2, "maxReplicas": 5}},
        deployed,
        "Ready: engine 2 of 2",
        least,
        (DEPLOYMENTS, "{}-engine", TEMPLATE),
    ),
    "group": Mode(
        "MultiNode",
        {"engine": {"minReplicas": 2, "maxReplicas": 5}},
        make_groups_ready,
        "Ready: engine 2 of 2",
        groups,
        (LEADER_WORKER_SETS, "lws-{}-engine", ("spec", "leaderWorkerTemplate", "leaderTemplate")),
        "groups",
    ),
    "ray": Mode(
        "MultiNodeRayVLLM",
        {"engine": {**RAY, "maxReplicas": 5}},
        heads,
        "Ready: engine 2 of 2",
        clusters,
        (RAY_CLUSTERS, "{}-engine-0", ("spec", "headGroupSpec", "template")),
    ),
    "serverless": Mode(
        "Serverless",
        {"engine": {**SERVERLESS, "annotations": {"ome.io/deploymentMode": "Serverless"}}},
        revision,
        "Ready: engine 0 of 0",
        kept,
        (KNATIVE_SERVICES, "{}-engine", TEMPLATE),
    ),
    "apart": Mode(
        "PDDisaggregated",
        {"engine": {"minReplicas": 2, "maxReplicas": 5}, "decoder": {"minReplicas": 2}, "router": {"minReplicas": 2}},
        all_three,
        "Ready: engine 2 of 2, decoder 2 of 2, router 2 of 2",
        least,
        (DEPLOYMENTS, "{}-decoder", TEMPLATE),
        "pair",
    ),
    "virtual": Mode(
        "VirtualDeployment",
        {"metadata": {"annotations": {"ome.io/deploymentMode": "VirtualDeployment"}}},
        nothing,
        "Ready: InferenceService is in VirtualDeployment mode",
    ),
}


async def make(scene: Scene) -> dict[str, str]:
    """A service in each mode."""
    model, spec = (await make_model(scene)).name, runtime_spec()
    pair: JsonObject = {**spec, "decoderConfig": spec["engineConfig"], "routerConfig": {"runner": ROUTER}}
    for stem, given in {"runtime": spec, "groups": grouped_spec(1), "pair": pair}.items():
        await scene.create(SERVING_RUNTIMES, scene.name(stem), given)
    return {
        stem: await make_service(scene, model, scene.name(mode.runtime), stem, **mode.service)
        for stem, mode in MODES.items()
    }


@pytest.mark.timeout(240)
async def test_get_wait_describe_scale_restart_and_delete_do_in_every_mode_what_they_say(scene: Scene) -> None:
    names = await make(scene)
    async with scene.manager(capabilities_interval_s=0.5):
        for stem, mode in MODES.items():
            if stem != "virtual":
                await service_says(scene, names[stem], "Unknown")
            await mode.ready(scene, names[stem])
        about = [f"isvc/{name}" for name in names.values()]
        waited = await run(scene, "wait", "--for=condition=Ready", "--timeout=60s", *about)
        assert waited.count("condition met") == len(names)

        header, *rows = (await run(scene, "get", "isvc")).splitlines()
        assert header.split()[:3] == ["NAME", "URL", "READY"]
        told = {row.split()[0]: row for row in rows}
        described = await run(scene, "describe", *about)
        for stem, mode in MODES.items():
            assert told[names[stem]].split()[1].startswith("http://"), "the row begins with name and address"
            assert told[names[stem]].split()[2] == "True"
            assert told[names[stem]].endswith(mode.summary)
            assert re.search(rf"Summary: +{re.escape(mode.summary)}", described)
            assert re.search(rf"omectl.io/mode: +{mode.mode}", described)

        scaled = [stem for stem, mode in MODES.items() if mode.number is not None]
        await run(scene, "scale", "--replicas=3", *(f"isvc/{names[stem]}" for stem in scaled))
        for stem in scaled:
            number = MODES[stem].number
            assert number is not None

            async def three(stem: str = stem, number: Callable[[Scene, str], Awaitable[int]] = number) -> bool:
                return await number(scene, names[stem]) == 3

            await eventually(three)

        await run(scene, *RESTART, f"deployment/{names['raw']}-engine", f"deployment/{names['apart']}-decoder")
        for kind in (LEADER_WORKER_SETS, RAY_CLUSTERS, KNATIVE_SERVICES):
            stem = next(one for one, mode in MODES.items() if mode.workload is not None and mode.workload[0] is kind)
            await restart_by_hand(scene, names[stem], MODES[stem])
        for stem, mode in MODES.items():
            if mode.workload is not None:
                await settled(scene, names[stem], mode)

        await run(scene, "delete", *about, "--timeout=30s")
        assert await run(scene, "get", "isvc", "--ignore-not-found") == ""
        assert (await scene.admin.list(INFERENCE_SERVICES, scene.namespace)).items == []


async def restart_by_hand(scene: Scene, service: str, mode: Mode) -> None:
    """What `rollout restart` does, for workloads that kubectl does not know how to restart."""
    assert mode.workload is not None
    kind, name, path = mode.workload
    about = f"{kind.plural}.{kind.api_version.partition('/')[0]}/{name.format(service)}"
    assert "error: " in await refused(scene, *RESTART, about)
    patch: JsonObject = {"metadata": {"annotations": {RESTARTED: "now"}}}
    for part in reversed(path):
        patch = {part: patch}
    await there(scene, kind, name.format(service))
    await scene.admin.merge_patch(kind, name.format(service), patch, scene.namespace)


async def settled(scene: Scene, service: str, mode: Mode) -> None:
    """The mark of a restart stays when the service changes afterwards."""
    assert mode.workload is not None
    kind, name, path = mode.workload
    component = "decoder" if name.endswith("decoder") else "engine"
    env: JsonObject = {"runner": {"name": "ome-container", "env": [{"name": "NEW", "value": "1"}]}}
    change: JsonObject = {component: {"leader": env} if kind is LEADER_WORKER_SETS else env}
    await scene.admin.merge_patch(INFERENCE_SERVICES, service, {"spec": change}, scene.namespace)

    async def look() -> bool:
        template = await scene.get(kind, name.format(service))
        for part in path:
            template = template[part]
        containers = template["spec"]["containers"]
        changed = any(one["name"] == "NEW" for one in containers[0].get("env", []))
        assert RESTARTED in template["metadata"]["annotations"]
        return changed

    await eventually(look)
    if kind is DEPLOYMENTS:
        assert await deployment_of(scene, service, component)
