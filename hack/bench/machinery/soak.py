"""B12, soak-machinery: an operator that lives for hours under churn, compactions and restarts of the API server.

Its memory and its number of tasks must not grow, and in the end its cache must be what the server has.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hack.bench.machinery import peers
from hack.bench.machinery.figures import slope
from hack.bench.machinery.journal import commit
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Profile, Stage
from hack.bench.machinery.subjects import OMECTL, Programs
from hack.bench.machinery.tables import figures_table
from hack.bench.program import Answer, Program
from hack.bench.report import Bar, Report

from omectl.local.assets import KUBERNETES_VERSION, cache_directory
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions

RATE = 20
SETTLE_S = 15.0
SAMPLES_EACH_S = 5.0
LONG_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Times in seconds. A short soak has as many compactions and restarts as a long one, closer together."""

    long_s: float
    objects: int
    output: Path

    @property
    def compaction_s(self) -> float:
        return min(300.0, self.long_s / 10)

    @property
    def restart_s(self) -> float:
        return min(1800.0, self.long_s / 4)

    @property
    def warm_up_s(self) -> float:
        """What of the start does not count: caches and allocators fill."""
        return min(1800.0, self.long_s * 0.3)


def parse(arguments: Sequence[str]) -> Plan:
    """The plan of a command line."""
    parser = argparse.ArgumentParser(prog="make soak-machinery ARGS=...")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10; the long form has 360)")
    parser.add_argument("--objects", type=int, default=1_000, help="objects in the cache (1,000)")
    parser.add_argument("--output", type=Path, help="folder of soak.jsonl, the samples as they come")
    found = parser.parse_args(arguments)
    folder = found.output or cache_directory(os.environ) / "bench" / "machinery"
    return Plan(long_s=found.minutes * 60, objects=found.objects, output=folder)


def run(arguments: Sequence[str] = ()) -> Report:
    """Soak, and report the growth after the warm-up."""
    return asyncio.run(_run(parse(arguments)))


async def _run(plan: Plan) -> Report:
    programs = peers.prepare()
    async with ControlPlane(ControlPlaneOptions(in_flight_limits=False)) as control_plane:
        stage = Stage(control_plane, Programs(programs, control_plane.kubeconfig()), Options())
        collection = await stage.collection(Profile.MEDIUM, plan.objects)
        async with stage.program(OMECTL, "soak", *collection.flags, f"--interval={SAMPLES_EACH_S}") as subject:
            await subject.event("ready")
            samples = _Samples(plan.output)
            sampling = asyncio.create_task(samples.collect(subject))
            async with stage.writing(collection, RATE, "--churn") as wrote:
                did = await _disturb(stage, plan)
            await asyncio.sleep(SETTLE_S)
            versions = await stage.versions([collection.namespace])
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
            found = await subject.finish()
    differences = len(set(versions.items()) ^ set(found["versions"].items()))
    return _report(plan, samples.found, did | {"writes": len(wrote["rows"]), "differences": differences})


async def _disturb(stage: Stage, plan: Plan) -> dict[str, int]:
    """Compactions and restarts at their times."""
    did = {"compactions": 0, "restarts": 0}
    began = time.monotonic()
    while (passed := time.monotonic() - began) < plan.long_s:
        if passed > (did["compactions"] + 1) * plan.compaction_s:
            await stage.compact()
            did["compactions"] += 1
        if passed > (did["restarts"] + 1) * plan.restart_s:
            await stage.restart_apiserver()
            did["restarts"] += 1
        await asyncio.sleep(1.0)
    return did


class _Samples:
    """The subject's samples, kept line by line."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "soak.jsonl"
        self._commit = commit()
        self.found: list[Answer] = []

    async def collect(self, subject: Program) -> None:
        """Until cancelled."""
        while True:
            self._add(await subject.event("sample"))

    def _add(self, sample: Answer) -> None:
        self.found.append(sample)
        with self._path.open("a") as out:
            out.write(json.dumps(sample | {"commit": self._commit}) + "\n")


def _report(plan: Plan, samples: list[Answer], did: dict[str, int]) -> Report:
    counted = [sample for sample in samples if sample["at_s"] > plan.warm_up_s] or samples
    memory = [sample["rss_bytes"] for sample in counted]
    half = max(1, len(memory) // 2)
    growth = (median(memory[half:] or memory) - median(memory[:half])) / 1e6
    per_hour = slope([(sample["at_s"] / 3600, sample["rss_bytes"] / 1e6) for sample in counted])
    tasks = [sample["tasks"] for sample in counted]
    result: dict[str, str | float | int] = {
        "minutes": plan.long_s / 60,
        "samples": len(counted),
        "reconciles": samples[-1]["reconciles"],
        "rss_mb_after_warm_up": memory[0] / 1e6,
        "rss_mb_at_end": memory[-1] / 1e6,
        "rss_mb_second_half_over_first": growth,
        "rss_mb_per_hour": per_hour,
        "tasks_after_warm_up": tasks[0],
        "tasks_most": max(tasks),
        "tasks_at_end": tasks[-1],
        "cpu_s": samples[-1]["cpu_s"],
    } | did
    # Over minutes a slope is made of single pages; then the halves are compared.
    is_long = plan.long_s >= LONG_S
    grown = ("growth of memory, MB/h", per_hour) if is_long else ("memory, second half over first, MB", growth)
    return Report(
        bench="soak",
        versions={"kube-apiserver": KUBERNETES_VERSION, "commit": commit()},
        results=[{"subject": OMECTL} | result],
        tables=[figures_table("B12 soak, after the warm-up", {OMECTL: [result]})],
        bars=[
            Bar(name=grown[0], value=grown[1], limit=1.0),
            Bar(name="tasks at the end beyond those after the warm-up", value=tasks[-1] - tasks[0], limit=0),
            Bar(name="objects that differ from the server's at the end", value=did["differences"], limit=0),
        ],
    )
