"""A service as a new user tries it with kubectl, on a whole cluster with real controllers and scheduler."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

from omectl.api.kinds import INFERENCE_SERVICES
from omectl.local.assets import Binary
from omectl.testing.demo import Demo

Json = Any
SERVICE = "inferenceservice/embeddings"


async def run(demo: Demo, *arguments: str) -> str:
    program = demo.session.control_plane.binary(Binary.KUBECTL)
    command = [str(program), f"--kubeconfig={demo.session.kubeconfig}", "--namespace=demo", *arguments]
    ran = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, text=True, timeout=90)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


async def service(demo: Demo) -> Json:
    return await demo.session.client.get(INFERENCE_SERVICES, "embeddings", "demo")


async def eventually(demo: Demo, look: Callable[[], Awaitable[bool]], timeout_s: float = 60.0) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not await look():
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(await run(demo, "get", "inferenceservices,hpa,deployments,pods", "-o", "yaml")) from None


async def test_a_service_is_scaled_up_and_does_not_come_up_and_recovers(demo: Demo) -> None:
    """D12, and the checks of 12.4 on scaling: the real controllers' words, and what goes when they are over."""

    async def summary_has(*texts: str) -> bool:
        found = (await service(demo))["status"]["summary"]
        return all(text in found for text in texts)

    await run(demo, "scale", SERVICE, "--replicas=3")
    await eventually(demo, lambda: summary_has("Ready: engine 3 of 3"))
    await run(demo, "wait", SERVICE, "--for=condition=Ready", "--timeout=30s")
    scale = json.loads(await run(demo, "get", SERVICE, "--subresource=scale", "-o", "json"))
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (3, 3)
    pods = await run(demo, "get", "pods", "-o", "name", "-l", scale["status"]["selector"])
    assert len(pods.split()) == 3, "the selector finds one pod for each replica"

    elsewhere = {"spec": {"engine": {"nodeSelector": {"example.org/there": "no"}}}}
    await run(demo, "patch", SERVICE, "--type=merge", "-p", json.dumps(elsewhere))
    await eventually(
        demo,
        lambda: summary_has(
            "still serving, but pod", "didn't match Pod's node affinity/selector", "next: free or add a node"
        ),
    )
    found = await service(demo)
    failure = found["status"]["modelStatus"]["lastFailureInfo"]
    assert failure["location"] == "engine"
    assert failure["pod"].startswith("embeddings-engine-")
    assert failure["time"]
    assert found["status"]["modelStatus"]["modelRevisionStates"]["activeModelState"] == "Loaded"
    assert "Warning" in await run(demo, "events", "--for", SERVICE)

    await run(demo, "patch", SERVICE, "--type=json", "-p", '[{"op":"remove","path":"/spec/engine/nodeSelector"}]')

    async def recovered() -> bool:
        status = (await service(demo))["status"]
        return status["summary"] == "Ready: engine 3 of 3" and "lastFailureInfo" not in status["modelStatus"]

    await eventually(demo, recovered)
    await run(demo, "rollout", "restart", "deployment/embeddings-engine")
    await run(demo, "rollout", "status", "deployment/embeddings-engine", "--timeout=60s")
    await eventually(demo, recovered)
    assert "Summary:" in await run(demo, "describe", SERVICE)
    await run(demo, "delete", SERVICE, "--timeout=30s")

    async def nothing_left() -> bool:
        return not await run(demo, "get", "deployments,services,hpa,pdb", "-o", "name", "-l", "ome.io/inferenceservice")

    await eventually(demo, nothing_left)
