"""Many services, a namespace each, that live through the steps of their case under managers that meet faults.

All lives of all cases share their managers: each step is one start of a manager, whatever the number of lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.envtest.reconcilers.faults import Fault, FaultyClient, Kind, LaggingClient
from tests.envtest.reconcilers.knative import play_knative
from tests.envtest.reconcilers.others import at_once, kept, make_available
from tests.envtest.reconcilers.states import comparable, differences, everything, without_history

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.resource import key_of
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import NotFound
from omectl.kube.resources import DEPLOYMENTS, NAMESPACES
from omectl.manager import Manager, ManagerOptions
from omectl.reconcilers import ReconcilerOptions, set_up

SERVICE = "svc"
QUIET_S = 0.8
RUN_S = 300.0
WORKERS = 24
"""Services that are worked on at once."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a service asks for: its runtime, its annotations, and the other fields of its spec."""

    runtime: str = "plain"
    spec: JsonObject = field(default_factory=lambda: {"engine": {"minReplicas": 2}})
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> JsonObject:
        """The whole spec."""
        named: JsonObject = {
            "model": {"name": "model", "kind": "ClusterBaseModel"},
            "runtime": {"name": self.runtime, "kind": "ClusterServingRuntime"},
        }
        return {**named, **self.spec}

    def made(self, namespace: str) -> JsonObject:
        """The service."""
        return {
            "apiVersion": INFERENCE_SERVICES.api_version,
            "kind": INFERENCE_SERVICES.kind,
            "metadata": {"name": SERVICE, "namespace": namespace, "annotations": dict(self.annotations)},
            "spec": self.wanted,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a service: it takes a shape, or somebody scales it, or whatever it runs serves.

    `faulty`: faults are met here.
    """

    name: str
    shape: Shape | None = None
    replicas: int | None = None
    faulty: bool = True


@dataclass(slots=True, eq=False)
class Life:
    """One service in a namespace of its own, and its fault in the step of that name."""

    case: str
    steps: tuple[Step, ...]
    namespace: str
    fault: Fault | None = None
    faulty: str = ""
    wrote: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def __str__(self) -> str:
        return f"{self.faulty}, {self.fault.kind.value} write {self.fault.number}" if self.fault else "undisturbed"

    @property
    def met(self) -> bool:
        """Whether there was the write that the fault is meant for."""
        return self.fault is None or len(self.wrote.get(self.faulty, ())) >= self.fault.number

    @property
    def deleted(self) -> bool:
        return self.fault is not None and self.fault.kind is Kind.DELETE and self.met


@dataclass(slots=True)
class Ending:
    """How a case ended: what the undisturbed one wrote in each step and came to, and what is not as it should be."""

    wrote: Mapping[str, Sequence[str]]
    state: JsonObject
    lives: int = 0
    different: list[str] = field(default_factory=list[str])
    unlike_birth: list[str] = field(default_factory=list[str])
    unmet: list[str] = field(default_factory=list[str])
    rewritten: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])


class Endurance:
    """Lets cases be lived through on one control plane that nobody else uses. `prefix` begins the namespaces' names."""

    def __init__(self, admin: Client, manager: ClientConfig, cases: Mapping[str, Sequence[Step]], prefix: str) -> None:
        self._admin = admin
        self._manager = manager
        self._cases = {name: tuple(steps) for name, steps in cases.items()}
        self._prefix = prefix
        self._lives: list[Life] = []

    async def run(self) -> dict[str, Ending]:
        """Undisturbed, with reads that lag, and with each fault in turn; then another manager; then all are deleted."""
        pilots = [self._life(name) for name in self._cases]
        born = [self._born(pilot) for pilot in pilots]
        await self._live([*pilots, *born])
        lagged = [self._life(name) for name in self._cases]
        await self._live(lagged, LaggingClient)
        await self._live([life for pilot in pilots for life in self._every_fault(pilot)])
        found = await everything(self._admin)
        endings = {one.case: Ending(one.wrote, comparable(one.namespace, found[one.namespace])) for one in pilots}
        for life in self._lives:
            ending, told = endings[life.case], "lagging reads" if life in lagged else str(life)
            ending.lives += 1
            # What is written twice may be so once another time, when news come together.
            if not life.met and (missed := set(ending.wrote[life.faulty]) - set(life.wrote[life.faulty])):
                ending.unmet.append(f"{told}: it never wrote {missed}")
            if not life.deleted and life not in born:
                lines = differences(ending.state, comparable(life.namespace, found[life.namespace]))
                ending.different += ["\n".join([f"{told}, which wrote {life.wrote}:", *lines])] if lines else []
        for one in born:
            ending, state = endings[one.case], comparable(one.namespace, found[one.namespace])
            ending.unlike_birth = differences(without_history(ending.state), without_history(state))
        await self._rest(endings)
        await self._end(endings)
        return endings

    async def _rest(self, endings: Mapping[str, Ending]) -> None:
        """Another manager, which finds everything as it was left."""
        written = await self._managed(FaultyClient, {})
        for life in self._lives:
            endings[life.case].rewritten += [f"{life}: {write}" for write in written.get(life.namespace, ())]

    async def _end(self, endings: Mapping[str, Ending]) -> None:
        """Every service is deleted; what a manager does after that, and what no garbage collector takes."""
        await at_once(self._delete(life.namespace) for life in self._lives)
        await self._rest(endings)
        left = await kept(self._admin)
        for life in self._lives:
            endings[life.case].left += [f"{life}: {one}" for one in left if one.startswith(f"{life.namespace} ")]

    def _life(self, case: str, fault: Fault | None = None, faulty: str = "") -> Life:
        made = Life(case, self._cases[case], f"{self._prefix}-{len(self._lives):04d}", fault, faulty)
        self._lives.append(made)
        return made

    def _born(self, pilot: Life) -> Life:
        """One that begins with the last shape of the other."""
        made = self._life(pilot.case)
        shapes = [step.shape for step in pilot.steps if step.shape is not None]
        scaled = [step for step in pilot.steps if step.replicas is not None]
        made.steps = (Step("birth", shapes[-1]), Step("available"), *scaled, Step("available again"))
        return made

    def _every_fault(self, pilot: Life) -> list[Life]:
        """A life for each write of each step where faults are met, and for each kind of fault.

        Services are deleted while they are made: afterwards nothing is written that does not exist by then.
        """
        return [
            self._life(pilot.case, Fault(kind, number), step.name)
            for step in pilot.steps
            if step.faulty
            for number in range(1, len(pilot.wrote[step.name]) + 1)
            for kind in Kind
            if kind is not Kind.DELETE or step is pilot.steps[0]
        ]

    async def _live(self, lives: Sequence[Life], client: type[FaultyClient] = FaultyClient) -> None:
        """Let them live through their steps.

        In its step a life meets its fault, and the next manager finds what that left.
        """
        await at_once(self._admin.create(NAMESPACES, _namespace(one.namespace)) for one in lives)
        for index in range(max(len(one.steps) for one in lives)):
            now = {one: one.steps[index] for one in lives if index < len(one.steps) and not one.deleted}
            await at_once(self._happen(one, step) for one, step in now.items())
            if serving := {one.namespace for one, step in now.items() if step.shape is None and step.replicas is None}:
                await make_available(self._admin, serving)
            faults = {one.namespace: one.fault for one, step in now.items() if one.fault and one.faulty == step.name}
            written = await self._managed(client, faults)
            for one, step in now.items():
                one.wrote[step.name] = written.get(one.namespace, [])
            if any(fault.kind is Kind.KILL for fault in faults.values()):
                await self._managed(client, {})

    async def _happen(self, life: Life, step: Step) -> None:
        if step.replicas is not None:
            wanted: JsonObject = {"spec": {"replicas": step.replicas}}
            for obj in (await self._admin.list(DEPLOYMENTS, life.namespace)).items:
                await self._admin.merge_patch(
                    DEPLOYMENTS, key_of(obj).name, wanted, life.namespace, subresource="scale", field_manager="somebody"
                )
        if step.shape is not None and step is life.steps[0]:
            await self._admin.create(INFERENCE_SERVICES, step.shape.made(life.namespace), validation="Strict")
        elif step.shape is not None:
            patch: list[JsonObject] = [
                {"op": "add", "path": "/metadata/annotations", "value": dict(step.shape.annotations)},
                {"op": "add", "path": "/spec", "value": step.shape.wanted},
            ]
            await self._admin.json_patch(INFERENCE_SERVICES, SERVICE, patch, life.namespace)

    async def _delete(self, namespace: str) -> None:
        try:
            await self._admin.delete(INFERENCE_SERVICES, SERVICE, namespace)
        except NotFound:
            return

    async def _managed(self, client: type[FaultyClient], faults: Mapping[str, Fault]) -> dict[str, list[str]]:
        """A manager until nothing more comes; what it wrote in each namespace."""
        async with client(self._manager, faults, self._delete) as made:
            manager = Manager(made, ManagerOptions(graceful_shutdown_s=0))
            set_up(manager, ReconcilerOptions(progress_interval_s=0.05, service_workers=WORKERS))
            tasks = [asyncio.create_task(manager.run()), asyncio.create_task(play_knative(self._admin))]
            try:
                async with asyncio.timeout(RUN_S):
                    await _idle(manager, made, tasks)
            finally:
                for _ in range(2):
                    for task in tasks:
                        task.cancel()
                    await asyncio.sleep(0)
                await asyncio.gather(*tasks, return_exceptions=True)
            return {namespace: tally.written for namespace, tally in made.tallies.items()}


async def _idle(manager: Manager, client: FaultyClient, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Until every controller has nothing to do for a while."""
    loop = asyncio.get_running_loop()
    quiet_since, writes = loop.time(), -1
    while loop.time() - quiet_since < QUIET_S:
        await asyncio.sleep(0.03)
        for task in tasks:
            if task.done():
                await task
        found = [controller.statistics() for controller in manager.controllers]
        states = {each.state for each in found}
        busy = sum(each.active + each.queue.ready + each.queue.waiting for each in found)
        if states != {"running"} or busy or writes != client.writes:
            quiet_since, writes = loop.time(), client.writes


def _namespace(name: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
