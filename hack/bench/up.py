"""bench-up: from nothing to a Ready service, binaries cached, beside a plain Deployment on a like cluster."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hack.bench.process import Figures, median, resident_bytes
from hack.bench.report import Bar, Report

from omectl.api.json import JsonObject
from omectl.cli.up.demo import choose_model
from omectl.cli.up.session import Session, SessionOptions
from omectl.kube.client import Client
from omectl.kube.resources import DEPLOYMENTS
from omectl.local.assets import KUBERNETES_VERSION
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions, Profile
from omectl.testing.demo import Demo

REPETITIONS = 3
SETTLE_S = 15.0


def run(arguments: Sequence[str] = ()) -> Report:
    """Subject and peer in turn, three times; medians. Takes no arguments."""
    if arguments:
        raise SystemExit(f"bench-up: wanted no arguments, found {' '.join(arguments)}")
    return asyncio.run(_run())


async def _run() -> Report:
    ours: list[Figures] = []
    peer: list[Figures] = []
    for _ in range(REPETITIONS):
        ours.append(await _omectl())
        peer.append(await _plain_deployment())
    subject, other = median(ours), median(peer)
    return Report(
        bench="up",
        versions={"kubernetes": KUBERNETES_VERSION, "repetitions": str(REPETITIONS)},
        results=[
            {"subject": "omectl up: model and service Ready on 3 nodes"}
            | {"ready_s": subject["ready_s"], "stop_s": subject["stop_s"]}
            | {"manager_rss_mb": subject["manager_bytes"] / 1e6, "agent_rss_mb": subject["agent_bytes"] / 1e6},
            {"subject": "plain Deployment Available on the same cluster"}
            | {"ready_s": other["ready_s"], "stop_s": other["stop_s"]},
        ],
        bars=[
            Bar(name="seconds from start to a Ready service", value=subject["ready_s"], limit=20.0),
            Bar(name="seconds to stop everything", value=subject["stop_s"], limit=5.0),
        ],
    )


async def _omectl() -> Figures:
    with TemporaryDirectory(prefix="omectl-bench-") as directory:
        started = time.monotonic()
        options = SessionOptions(model=choose_model(None), nodes=3, directory=Path(directory))
        async with Session(options) as session:
            await Demo(session).until_ready()
            ready_s = time.monotonic() - started
            await asyncio.sleep(SETTLE_S)
            manager, *agents = (resident_bytes(child.pid) for child in session.processes)
            stopping = time.monotonic()
        return {
            "ready_s": ready_s,
            "stop_s": time.monotonic() - stopping,
            "manager_bytes": float(manager),
            "agent_bytes": max(agents) * 1.0,
        }


async def _plain_deployment() -> Figures:
    started = time.monotonic()
    options = ControlPlaneOptions(profile=Profile.FULL, controllers=True, scheduler=True, kwok=True)
    async with ControlPlane(options) as control_plane, Client(control_plane.admin_config) as client:
        for index in range(3):
            await control_plane.add_node(f"gpu-node-{index}")
        await client.create(DEPLOYMENTS, _deployment())
        async with asyncio.timeout(120):
            while await _available(client) != 2:
                await asyncio.sleep(0.05)
        ready_s = time.monotonic() - started
        stopping = time.monotonic()
    return {"ready_s": ready_s, "stop_s": time.monotonic() - stopping}


async def _available(client: Client) -> int:
    deployment = await client.get(DEPLOYMENTS, "plain", "default")
    return deployment.get("status", {}).get("availableReplicas", 0)


def _deployment() -> JsonObject:
    labels = {"app": "plain"}
    container = {"name": "main", "image": "example.org/image", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "plain", "namespace": "default"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
