"""The manager: one process's controllers and other runnables, started and stopped in order.

Start: HTTP servers (so that probes answer while caches fill), events, webhooks, caches, others, and the elected ones
once this process leads; each group when the one before is ready. Nothing waits for all caches, though: a controller
starts when its own sources are synced, and what is missing is named in readiness and in the log while the rest goes on.
Stop is the reverse, under one deadline.
"""

from __future__ import annotations

import asyncio
import enum
import os
import socket
from collections.abc import Callable, Hashable
from time import monotonic
from typing import TypeVar, cast

import msgspec
import structlog

from omectl.api.json import JsonObject
from omectl.clock import Clock, SystemClock
from omectl.informers import InformerFactory
from omectl.kube.client import Client, ClientOptions
from omectl.kube.transport import TransportOptions
from omectl.manager.campaign import Campaign, CampaignThread
from omectl.manager.controller import Controller
from omectl.manager.elector import LeaderElector, LeadershipLost
from omectl.manager.errors import ManagerError
from omectl.manager.lease import LeaseLock
from omectl.manager.metrics_server import metrics_server
from omectl.manager.options import ElectionOptions, ManagerOptions
from omectl.manager.probes import Checks
from omectl.manager.recorder import EventRecorder
from omectl.manager.runnable import Group, Runnable, RunnableGroup, group_of
from omectl.manager.server import HttpServer, RequestHandler
from omectl.manager.signals import stop_on_signals
from omectl.manager.source import KindSource
from omectl.manager.statistics import ManagerStatistics
from omectl.manager.sync import Needs, SyncReport
from omectl.manager.watchdog import LoopWatchdog

_log = structlog.stdlib.get_logger(__name__)

_EVENT_DRAIN_S = 5.0
_HAND_OVER_S = 1.0
# Events start with the servers: what was told early is written even when the manager ends at once.
_BEFORE_ELECTION = ((Group.SERVERS, Group.EVENTS), (Group.WEBHOOKS,), (Group.CACHES,), (Group.OTHERS,))

K = TypeVar("K", bound=Hashable)


class ManagerState(enum.Enum):
    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


class RunnableFailed(ManagerError):
    """A runnable ended with an exception, which is the `__cause__`."""

    def __init__(self, name: str, cause: Exception) -> None:
        super().__init__(f"{name} failed and the manager stopped: {type(cause).__name__}: {cause}")
        self.name = name


class StopTimeout(ManagerError, TimeoutError):
    """Some runnables did not end within the grace period and were cut off."""

    def __init__(self, names: list[str], grace_s: float) -> None:
        super().__init__(
            f"failed waiting for all runnables to end within grace period of {grace_s:g} s: "
            f"{', '.join(names)} did not; raise graceful_shutdown_s, or find out what they wait for"
        )
        self.names = names


class Manager:
    """Owns informers, events, election, servers and every runnable added; `run` it once.

    `client` outlives the manager. Everything happens in the loop that runs it, but for the renewal of the Lease (see
    `campaign`); `leave` ends the process when a leader's loop is blocked for too long. Listeners are
    bound TCP sockets to use instead of the addresses in the options; the manager closes them.
    """

    def __init__(
        self,
        client: Client,
        options: ManagerOptions | None = None,
        *,
        clock: Clock | None = None,
        informers: InformerFactory | None = None,
        leave: Callable[[int], object] = os._exit,
        metrics_listener: socket.socket | None = None,
        probe_listener: socket.socket | None = None,
    ) -> None:
        self.options = options = options or ManagerOptions()
        self.client = client
        self.clock = clock or SystemClock()
        self.informers = informers or InformerFactory(client)
        self.events = EventRecorder(client, options.event_component, clock=self.clock)
        self.healthz = Checks("healthz")
        self.readyz = Checks("readyz")
        self.elected = asyncio.Event()
        self.controllers: list[Controller[Hashable]] = []
        self._state = ManagerState.CREATED
        self._ending = asyncio.Event()
        self._failure: Exception | None = None
        self._names: set[str] = set()
        self._needs = Needs(self.informers)
        self._groups = {group: RunnableGroup(group, self._failed) for group in Group}
        self._watchdog = LoopWatchdog(options.loop_stall_s) if options.loop_stall_s > 0 else None
        self._elector: LeaderElector | None = None
        self._leader_client = client
        if options.leader_election:
            self._elector, campaign = self._candidate(leave)
            self._groups[Group.ELECTION].add(campaign)
            self._leader_client = client.view(guard=self._elector.guard)
            self.healthz.add("leader-election", self._elector.problem)
        self._metrics_server = metrics_server(options, client, self.clock)
        self._probe_server = HttpServer("probes", options.probe_address, options.probe_flag)
        for server, listener in ((self._metrics_server, metrics_listener), (self._probe_server, probe_listener)):
            if listener is not None:
                server.listen_on(listener)
        self.healthz.add("ping", lambda: None)
        self.readyz.add("caches", self._caches_problem)
        self.readyz.add("running", self._running_problem)
        if self._watchdog is not None:
            self.readyz.add("event-loop", self._watchdog.problem)

    @property
    def leader_client(self) -> Client:
        """For the writes of what needs leadership: `client`, but a write past the fence raises NotLeading.

        Without election it is `client`.
        """
        return self._leader_client

    @property
    def metrics_url(self) -> str:
        """`http://host:port` of the metrics server while it listens (`https` when it is secure), else ""."""
        return self._metrics_server.url

    @property
    def probe_url(self) -> str:
        """`http://host:port` of the probe server while it listens, else ""."""
        return self._probe_server.url

    @property
    def is_leader(self) -> bool:
        """Whether elected runnables may act at this moment; always true without election, once started."""
        return self.elected.is_set() if self._elector is None else self._elector.is_leader

    def add(self, runnable: Runnable) -> None:
        """Add a runnable to its group; after the start it starts at once. RuntimeError while stopping."""
        if self._state in (ManagerState.STOPPING, ManagerState.STOPPED):
            raise RuntimeError(
                f"can't accept new runnable {runnable.name} as stop procedure is already engaged; add it earlier"
            )
        if runnable.name in self._names:
            raise ValueError(f"wanted a new name for a runnable, found {runnable.name!r} for the second time")
        self._names.add(runnable.name)
        self._groups[group_of(runnable)].add(runnable)

    def add_metrics_handler(self, path: str, handler: RequestHandler) -> None:
        """Answer a path beside the metrics, under the same protection; call it before `run`."""
        self._metrics_server.serve(path, handler)

    def add_controller(self, controller: Controller[K]) -> Controller[K]:
        """Add a controller; answers it, to be kept."""
        self.add(controller)
        if controller.warm_up is not None:
            self.add(controller.warm_up)
        if controller.needs_leader:
            controller.may_work = self._may_lead
        if controller.recover is None:
            controller.recover = self.options.recover
        for source in controller.sources:
            if isinstance(source, KindSource) and not source.optional:
                self._needs.require(source.informer)
        self.controllers.append(cast("Controller[Hashable]", controller))
        return controller

    async def run(self) -> None:
        """Run until `stop`, a cancellation, a failed runnable (RunnableFailed) or a lost lease (LeadershipLost).

        Raises AddressUnavailable before anything else runs, and StopTimeout when the stop took too long. A second
        cancellation, while stopping, cuts everything off.
        """
        if self._state is not ManagerState.CREATED:
            raise RuntimeError("this manager was started already; make a new one to run again")
        self._move(ManagerState.STARTING)
        late: list[str] = []
        try:
            await self._start()
            await self._ending.wait()
        finally:
            self._move(ManagerState.STOPPING)
            try:
                late = await self._shut_down()
            finally:
                await self._cut_off()
                self._move(ManagerState.STOPPED)
        if self._failure is not None:
            raise self._failure
        if late:
            raise StopTimeout(late, self.options.graceful_shutdown_s)

    async def run_until_signal(self) -> None:
        """`run`, with SIGTERM and SIGINT asking for a clean stop and a second one ending the process."""
        with stop_on_signals(self.stop):
            await self.run()

    def stop(self) -> None:
        """Ask `run` to stop everything and return."""
        self._ending.set()

    def statistics(self) -> ManagerStatistics:
        return ManagerStatistics(
            state=self._state.value,
            leader=self.is_leader,
            runnables={group.value: self._groups[group].running for group in Group},
            unsynced=self._needs.missing(),
            controllers={controller.name: controller.statistics() for controller in self.controllers},
            election=None if self._elector is None else self._elector.statistics(),
            events=self.events.statistics(),
            informers=self.informers.statistics(),
            event_loop=None if self._watchdog is None else self._watchdog.statistics(),
        )

    def _candidate(self, leave: Callable[[int], object]) -> tuple[LeaderElector, Runnable]:
        """The elector, and what runs it."""
        election = self.options.election()
        if not self.options.renew_in_thread:
            elector = LeaderElector(_lock(self.client, election), election, self.clock)
            return elector, Campaign(elector, self._lead)
        transport = TransportOptions(call_s=election.request_timeout_s, connections=1)
        connection = Client(self.client.config.for_another_loop(), ClientOptions(transport=transport))
        elector = LeaderElector(_lock(connection, election), election, self.clock, time=monotonic)
        deadline_s = election.renew_deadline_s
        return elector, CampaignThread(elector, connection, self._lead, deadline_s=deadline_s, leave=leave)

    async def _start(self) -> None:
        self._metrics_server.serve_metrics()
        self._metrics_server.serve_json("/debug/statistics", self._statistics_json)
        self._probe_server.serve_probe("/healthz", self.healthz)
        self._probe_server.serve_probe("/readyz", self.readyz)
        await self._probe_server.start()
        await self._metrics_server.start()
        if self._metrics_server.certificate is not None and not self._metrics_server.is_off:
            self._groups[Group.SERVERS].add(self._metrics_server.certificate)
        if self._watchdog is not None:
            self._groups[Group.SERVERS].add(self._watchdog)
        self._groups[Group.EVENTS].add(self.events)
        self._groups[Group.CACHES].add(_Caches(self.informers))
        self._groups[Group.OTHERS].add(SyncReport(self._needs, self.options.sync_timeout_s))
        for step in _BEFORE_ELECTION:
            for group in step:
                self._groups[group].start()
            for group in step:
                await self._until_ready(self._groups[group])
            if self._ending.is_set():
                return
        self._groups[Group.ELECTION].start()
        if self._elector is None:
            self._lead()
        self._move(ManagerState.RUNNING)

    async def _until_ready(self, group: RunnableGroup) -> None:
        """Wait until the group is ready or the manager ends; past the time-out, say who is not and wait on."""
        timeout_s = self.options.sync_timeout_s
        waits = {asyncio.ensure_future(group.ready()), asyncio.ensure_future(self._until_ending())}
        try:
            while not (await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED))[0]:
                _log.error(
                    "group_not_ready",
                    group=group.group.value,
                    after_s=timeout_s,
                    waiting_for=group.preparing,
                    next_step="the groups after it start as soon as it is ready",
                )
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _until_ending(self) -> None:
        await self._ending.wait()

    def _lead(self) -> None:
        if self._state not in (ManagerState.STOPPING, ManagerState.STOPPED):
            self.elected.set()
            self._groups[Group.ELECTED].start()

    async def _shut_down(self) -> list[str]:
        """Stop the groups in order; answer the names of the runnables that were cut off."""
        lost = isinstance(self._failure, LeadershipLost)
        grace_s = 0.0 if lost else self.options.graceful_shutdown_s
        time = asyncio.get_running_loop().time
        ends = time() + grace_s if grace_s >= 0 else None
        late: list[str] = []

        async def stop(*groups: Group) -> None:
            remaining_s = None if ends is None else max(0.0, ends - time())
            for names in await asyncio.gather(*(self._groups[group].stop(remaining_s) for group in groups)):
                late.extend(names)

        await stop(Group.ELECTED, Group.OTHERS)
        await stop(Group.CACHES)
        await stop(Group.WEBHOOKS)
        if self._elector is not None:
            self._elector.may_release = not self._groups[Group.ELECTED].running
        late.extend(await self._groups[Group.ELECTION].stop(self.options.renew_deadline_s + _HAND_OVER_S))
        late.extend(await self._groups[Group.EVENTS].stop(_EVENT_DRAIN_S))
        await stop(Group.SERVERS)
        return [] if lost or grace_s == 0 else late

    async def _cut_off(self) -> None:
        """Leave nothing behind, whatever came before."""
        for group in Group:
            await self._groups[group].stop(0.0)
        await self._metrics_server.stop()
        await self._probe_server.stop()

    def _failed(self, runnable: Runnable, error: Exception) -> None:
        """A runnable's exception stops the manager; the first one is what `run` raises."""
        if isinstance(error, LeadershipLost):
            _log.error("leader_election_lost", error=str(error))
            self._groups[Group.ELECTED].hurry()
            self._failure = self._failure or error
        else:
            # What explains itself, such as an address in use, needs no traceback.
            trace = None if isinstance(error, ManagerError) else error
            _log.error("runnable_failed", runnable=runnable.name, error=str(error), exc_info=trace)
            if self._failure is None:
                self._failure = RunnableFailed(runnable.name, error)
                self._failure.__cause__ = error
        self._ending.set()

    def _may_lead(self) -> bool:
        return self.is_leader

    def _caches_problem(self) -> str | None:
        missing = self._needs.missing()
        return "waiting for " + ", ".join(missing) if missing else None

    def _running_problem(self) -> str | None:
        if self._state is ManagerState.RUNNING:
            return None
        preparing = [name for group in Group for name in self._groups[group].preparing]
        return self._state.value + (f", waiting for {', '.join(preparing)}" if preparing else "")

    def _statistics_json(self) -> JsonObject:
        return msgspec.to_builtins(self.statistics(), str_keys=True)

    def _move(self, state: ManagerState) -> None:
        _log.debug("manager_state", old=self._state.value, new=state.value)
        self._state = state


class _Caches:
    """The informers as a runnable."""

    name = "informers"
    needs_leader = False

    def __init__(self, informers: InformerFactory) -> None:
        self._informers = informers

    async def run(self) -> None:
        await self._informers.run()


def _lock(client: Client, election: ElectionOptions) -> LeaseLock:
    return LeaseLock(client, election.namespace, election.lease_name, election.labels)
