"""bench-cache: cold sync of a cache and the first reconcile of each of 10,000 objects, against controller-runtime."""

import asyncio
import random
import shutil
import subprocess
import sys
from pathlib import Path

from hack.bench.process import Figures, measure, median
from hack.bench.report import Bar, Report

from omectl.kube.client import Client
from omectl.kube.resources import CONFIG_MAPS
from omectl.local.assets import KUBERNETES_VERSION, cache_directory
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions

OBJECTS = 10_000
OBJECT_BYTES = 2_900
REPETITIONS = 5
NAMESPACE = "bench"
_PEER = Path(__file__).parent / "peers" / "controller-runtime"
_WRITERS = 32
PEER_VERSION = "0.25.2"


def run() -> Report:
    """Every subject in turn, five times, on one API server; medians."""
    peer = build_peer()
    return asyncio.run(_run(peer))


async def _run(peer: Path) -> Report:
    async with ControlPlane(ControlPlaneOptions()) as control_plane:
        await control_plane.create_namespace(NAMESPACE)
        async with Client(control_plane.admin_config) as client:
            await _fill(client)
        where = [f"--kubeconfig={control_plane.kubeconfig()}", f"--namespace={NAMESPACE}", f"--objects={OBJECTS}"]
        commands = {
            "omectl": [sys.executable, "-m", "hack.bench.subjects.first_pass", *where],
            "controller-runtime unstructured": [str(peer), *where],
            "controller-runtime typed": [str(peer), *where, "--typed"],
        }
        runs: dict[str, list[Figures]] = {name: [] for name in commands}
        for _ in range(REPETITIONS):
            for name, command in commands.items():
                runs[name].append(await asyncio.to_thread(measure, command))
    return _report({name: median(found) for name, found in runs.items()})


def _report(medians: dict[str, Figures]) -> Report:
    ours, peer, typed = (
        medians[name] for name in ("omectl", "controller-runtime unstructured", "controller-runtime typed")
    )
    results = [
        {
            "subject": name,
            "objects": OBJECTS,
            "synced_s": figures["synced_s"],
            "first_pass_s": figures["first_pass_s"],
            "rss_mb": figures["rss_bytes"] / 1e6,
            "peak_mb": figures["peak_bytes"] / 1e6,
        }
        for name, figures in medians.items()
    ]
    return Report(
        bench="cache",
        versions={
            "kube-apiserver": KUBERNETES_VERSION,
            "controller-runtime": PEER_VERSION,
            "repetitions": str(REPETITIONS),
        },
        results=results,
        bars=[
            Bar(name="cold sync, time, to Go unstructured", value=ours["synced_s"] / peer["synced_s"], limit=0.5),
            Bar(name="cold sync, memory, to Go unstructured", value=ours["rss_bytes"] / peer["rss_bytes"], limit=0.5),
            Bar(name="cold sync, time, to Go typed", value=ours["synced_s"] / typed["synced_s"], limit=1.5),
            Bar(name="cold sync, memory, to Go typed", value=ours["rss_bytes"] / typed["rss_bytes"], limit=1.0),
            Bar(
                name="first pass, time, to Go unstructured",
                value=ours["first_pass_s"] / peer["first_pass_s"],
                limit=1.0,
            ),
        ],
    )


def build_peer() -> Path:
    """The controller-runtime program, built once into the cache folder. Raises CalledProcessError."""
    target = cache_directory({}) / "bench" / f"controller-runtime-{PEER_VERSION}"
    source = max(path.stat().st_mtime for path in _PEER.iterdir())
    if not target.exists() or target.stat().st_mtime < source:
        go = shutil.which("go")
        if go is None:
            raise SystemExit("bench-cache: wanted Go to build the peer, found none on the PATH; install Go 1.26")
        target.parent.mkdir(parents=True, exist_ok=True)
        print("building the controller-runtime peer (only the first time) ...", file=sys.stderr)
        subprocess.run([go, "build", "-o", str(target), "."], cwd=_PEER, check=True)
    return target


async def _fill(client: Client) -> None:
    """Seeded ConfigMaps of about 2.9 kB."""
    source = random.Random(1)
    waiting = iter(range(OBJECTS))

    async def write() -> None:
        for index in waiting:
            text = "".join(source.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=OBJECT_BYTES - 300))
            obj = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": f"object-{index:05}",
                    "namespace": NAMESPACE,
                    "labels": {"shard": str(index % 16)},
                },
                "data": {"text": text},
            }
            await client.create(CONFIG_MAPS, obj)

    async with asyncio.TaskGroup() as group:
        for _ in range(_WRITERS):
            group.create_task(write())
