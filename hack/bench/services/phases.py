"""The life of many services, phase by phase, and what each phase takes."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

from hack.bench.services.catalogue import NAMESPACE, Catalogue
from hack.bench.services.cluster import MARK, Cluster, Requests, cluster, difference, writes
from hack.bench.services.process import Cost, ManagerProcess

from omectl.api.document import as_object, as_text, at
from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_SERVING_RUNTIMES, INFERENCE_SERVICES
from omectl.api.resource import key_of

Figures = dict[str, float]
SOON_S: Final = 60.0
CANDIDATE_S: Final = 5.0
_MARKED: Final = "svc-0000"
_IMAGE: Final = ("engineConfig", "runner", "image")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many services, and how long the quiet is looked at."""

    services: int
    quiet_s: float


async def measure(catalogue: Catalogue, sizes: Sizes) -> Figures:
    """One life of so many services, on a cluster of their own."""
    async with cluster() as made:
        await made.load(catalogue)
        return await Life(made, catalogue, sizes).figures()


class Life:
    """The phases in turn; each adds its figures."""

    def __init__(self, made: Cluster, catalogue: Catalogue, sizes: Sizes) -> None:
        self._cluster = made
        self._catalogue = catalogue
        self._sizes = sizes
        self._log = made.control_plane.directory / "manager.log"
        self._found: Figures = {"services": sizes.services}

    async def figures(self) -> Figures:
        """Live it, and answer every figure."""
        kubeconfig = await self._cluster.manager_kubeconfig()
        async with ManagerProcess(kubeconfig, self._log) as manager:
            await manager.until_quiet()
            for phase in (self._birth, self._availability, self._edits, self._quiet):
                await self._told(phase.__name__, phase(manager))
            self._found |= {"rss_mb": manager.rss_mb(), "peak_rss_mb": manager.rss_mb("VmHWM")}
            self._found["stop_s"] = await manager.stop()
        before = await self._cluster.requests()
        async with ManagerProcess(kubeconfig, self._log) as manager:
            await manager.until_quiet()
            self._found["restart_cpu_s"] = (await manager.cost()).cpu_s
            self._found["restart_writes"] = writes(difference(await self._cluster.requests(), before))
            await manager.stop()
        stopped = time.monotonic()
        await self._mark("restarted")
        async with ManagerProcess(kubeconfig, self._log) as manager:
            await self._cluster.seen(lambda: self._cluster.carries(_MARKED, "restarted"), SOON_S)
            self._found["restart_works_after_s"] = time.monotonic() - stopped
            await manager.until_quiet()
            async with ManagerProcess(kubeconfig, self._log) as candidate:
                await asyncio.sleep(CANDIDATE_S)
                await self._told("takeover", self._takeover(manager))
                await candidate.until_quiet()
                await self._told("deletion", self._deletion(candidate))
        return self._found

    async def _birth(self, manager: ManagerProcess) -> None:
        count = self._sizes.services
        before, cost = await self._cluster.requests(), await manager.cost()
        began = time.monotonic()
        await self._cluster.create(self._catalogue.services(count))
        self._found["created_s"] = time.monotonic() - began
        await self._cluster.seen(self._cluster.settled(count))
        self._found["settled_s"] = time.monotonic() - began
        await manager.until_quiet()
        self._cost("birth", await manager.cost() - cost)
        self._tell_requests("birth", difference(await self._cluster.requests(), before))
        children = await self._cluster.children()
        print(f"children: {children}", file=sys.stderr, flush=True)
        self._found["children_per_service"] = sum(children.values()) / count

    async def _availability(self, manager: ManagerProcess) -> None:
        before, cost = await self._cluster.requests(), await manager.cost()
        await self._cluster.make_available()
        self._found["ready_s"] = await self._cluster.seen(self._cluster.ready(self._sizes.services))
        await manager.until_quiet()
        self._cost("ready", await manager.cost() - cost)
        self._tell_requests("ready", difference(await self._cluster.requests(), before))

    async def _edits(self, manager: ManagerProcess) -> None:
        """A new image in a runtime that nobody has, and in the one that most services have."""
        picks = self._cluster.picks()
        idle = next(name for name in sorted(self._runtimes) if name not in picks.values())
        passes = await manager.service_passes()
        await self._new_image(idle)
        await manager.until_quiet()
        self._found["passes_for_an_idle_runtime"] = await manager.service_passes() - passes
        (busiest, concerned), *_ = Counter(picks.values()).most_common(1)
        versions, passes = self._cluster.versions(), await manager.service_passes()
        began = time.monotonic()
        await self._new_image(busiest)
        await self._cluster.seen(lambda: self._cluster.behind() == concerned, SOON_S)
        self._found["edit_rolled_s"] = time.monotonic() - began
        await self._cluster.make_available()
        await self._cluster.seen(self._cluster.ready(self._sizes.services))
        await manager.until_quiet()
        after = self._cluster.versions()
        changed = {name.partition("/")[2].removesuffix("-engine") for name in after if after[name] != versions[name]}
        others = changed - {name for name, runtime in picks.items() if runtime == busiest}
        self._found |= {
            "edit_concerned": concerned,
            "edit_passes_per_service": (await manager.service_passes() - passes) / concerned,
            "edit_others_written": len(others),
        }

    async def _quiet(self, manager: ManagerProcess) -> None:
        before, cost = await self._cluster.requests(), await manager.cost()
        await asyncio.sleep(self._sizes.quiet_s)
        self._found["quiet_writes"] = writes(difference(await self._cluster.requests(), before))
        used = await manager.cost() - cost
        self._found |= {"quiet_cpu_s": used.cpu_s, "quiet_requests": used.requests, "quiet_passes": used.reconciles}

    async def _takeover(self, manager: ManagerProcess) -> None:
        began = time.monotonic()
        stopping = asyncio.create_task(manager.stop())
        await self._mark("taken over")
        await self._cluster.seen(lambda: self._cluster.carries(_MARKED, "taken over"), SOON_S)
        self._found["takeover_works_after_s"] = time.monotonic() - began
        await stopping

    async def _deletion(self, manager: ManagerProcess) -> None:
        cost = await manager.cost()
        client, began = self._cluster.client, time.monotonic()
        names = sorted(self._cluster.picks())
        await self._cluster.each(names, lambda name: client.delete(INFERENCE_SERVICES, name, NAMESPACE))
        await self._cluster.seen(self._cluster.gone)
        self._found["deleted_s"] = time.monotonic() - began
        await manager.until_quiet()
        self._cost("deletion", await manager.cost() - cost)

    async def _mark(self, value: str) -> None:
        patch: JsonObject = {"metadata": {"annotations": {MARK: value}}}
        await self._cluster.client.merge_patch(INFERENCE_SERVICES, _MARKED, patch, NAMESPACE)

    async def _new_image(self, runtime: str) -> None:
        image = f"{as_text(at(self._runtimes[runtime], *_IMAGE))}-edited"
        patch: JsonObject = {"spec": {"engineConfig": {"runner": {"image": image}}}}
        await self._cluster.client.merge_patch(CLUSTER_SERVING_RUNTIMES, runtime, patch)

    @property
    def _runtimes(self) -> dict[str, JsonObject]:
        """Specs of those that run on one node."""
        specs = {key_of(one).name: as_object(one["spec"]) for one in self._catalogue.runtimes}
        return {name: spec for name, spec in specs.items() if at(spec, *_IMAGE)}

    def _cost(self, phase: str, used: Cost) -> None:
        count = self._sizes.services
        self._found |= {
            f"{phase}_requests_per_service": used.requests / count,
            f"{phase}_passes_per_service": used.reconciles / count,
            f"{phase}_cpu_s": used.cpu_s,
        }

    def _tell_requests(self, phase: str, counts: Requests) -> None:
        each = {f"{verb} {resource}": count / self._sizes.services for (verb, resource), count in counts.items()}
        told = ", ".join(f"{name} {count:.2f}" for name, count in sorted(each.items()) if count >= 0.05)
        print(f"{phase}, requests of everybody for each service: {told}", file=sys.stderr, flush=True)

    async def _told(self, name: str, phase: Awaitable[None]) -> None:
        began = time.monotonic()
        await phase
        took = time.monotonic() - began
        print(f"{self._sizes.services} services: {name.strip('_')}, {took:.1f} s", file=sys.stderr, flush=True)
