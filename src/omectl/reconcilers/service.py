"""InferenceService: gather, plan, apply, prune, report.

A pass reads caches only, but for the EndpointSlices of a workload that replaces another. What differs is written by
server-side apply, child by child in the plan's order; then what the plan no longer holds is pruned, once its
replacement serves (what is in its way goes before it comes); the whole status is put as the last step, also when
something went wrong before. With a problem in the plan nothing is applied and nothing pruned: what serves goes on
serving.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import structlog

from omectl.api.codec import DecodeError, decode_as
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.labels import INFERENCE_SERVICE_FINALIZER
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.api.settings import Settings
from omectl.clock import Clock, format_time
from omectl.informers import Lister
from omectl.kube.apply import Applied, Applier, ApplyRefused, NotOurs, Outcome
from omectl.kube.client import Client
from omectl.kube.errors import Conflict, ConnectionFailed, Forbidden, KubeError, NotFound
from omectl.kube.finalizers import contains_finalizer, release
from omectl.kube.owners import uid_of
from omectl.kube.resources import ENDPOINT_SLICES, SERVICES
from omectl.kube.third_party_kinds import HTTP_ROUTES, INFERENCE_POOLS, KNATIVE_SERVICES
from omectl.manager import Result, TerminalError
from omectl.planner.inputs import LiveState, PlanInputs, kind_of
from omectl.planner.plan import plan, refused
from omectl.planner.result import Plan, Problem
from omectl.reconcilers.children import Children
from omectl.reconcilers.contests import FIELD_CONFLICT, Contests
from omectl.reconcilers.endpoints import behind, selecting, slices_of
from omectl.reconcilers.handover import Handovers
from omectl.reconcilers.own_writes import OwnWrites
from omectl.reconcilers.pruning import (
    Child,
    component_of,
    describe,
    is_workload,
    may_go,
    replaced,
    stale_of,
    waiting,
)
from omectl.reconcilers.room import in_the_way, is_knatives
from omectl.reconcilers.scalers import SCALER_KINDS, scalers_of
from omectl.reconcilers.selection_events import selection_tales
from omectl.reconcilers.selection_metrics import count_selection
from omectl.reconcilers.service_events import MISSING_EVENTS, event_reason, transitions
from omectl.reconcilers.service_inputs import InputCaches, gather, live_state, readable
from omectl.reconcilers.service_status import (
    Failure,
    failure_of,
    reasons_of,
    service_status,
)
from omectl.reconcilers.status_writer import put_status

LOOK_AGAIN_S: Final = 10.0
"""A refused manifest is mended by a change that wakes the service. Of a stranger's object that goes, nobody tells."""

_log = structlog.stdlib.get_logger(__name__)


class Recorder(Protocol):
    """The part of an event recorder that is needed here."""

    def event(self, about: JsonObject, type: Literal["Normal", "Warning"], reason: str, message: str, /) -> None: ...


class Kinds(Protocol):
    """Which kinds the cluster serves."""

    @property
    def current(self) -> frozenset[str]: ...

    def of(self, obj: JsonObject) -> ResourceKind | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCaches:
    """What a pass reads."""

    services: Lister
    inputs: InputCaches
    children: Children
    kinds: Kinds
    settings: Callable[[], Settings]
    gateway: Callable[[ObjectKey], JsonObject | None]


@dataclass(slots=True)
class Trouble:
    """What went wrong in a pass, for the status and for the next try."""

    failures: list[Failure] = field(default_factory=list[Failure])
    errors: list[KubeError] = field(default_factory=list[KubeError])
    paused: bool = False

    @contextmanager
    def of(self, component: str, *, leftover: bool = False) -> Generator[None]:
        """Note a refusal of what is done inside. Raises what the whole pass is tried again for, or given up for."""
        try:
            yield
        except (Conflict, ConnectionFailed):
            raise
        except KubeError as error:
            if _namespace_is_going(error):
                raise TerminalError(str(error)) from error
            self.failures.append(failure_of(component, error, leftover=leftover))
            self.errors.append(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """After what time to look again at what stays though it is not planned, and what the status tells of it."""

    again_s: float | None = None
    told: tuple[Failure, ...] = ()


class ServiceReconciler:
    """Brings a service's children and status in line with its plan."""

    def __init__(self, client: Client, caches: ServiceCaches, recorder: Recorder, clock: Clock, own: OwnWrites) -> None:
        self._own = own
        self._client = client
        self._applier = Applier(client)
        self._caches = caches
        self._recorder = recorder
        self._clock = clock
        self._handovers = Handovers(clock)
        self._contests = Contests(clock, LOOK_AGAIN_S)

    async def reconcile(self, key: ObjectKey) -> Result:
        """One pass over one service."""
        raw = self._caches.services.get(key)
        if raw is None:
            self._handovers.forget(key)
            return Result()
        if contains_finalizer(raw, INFERENCE_SERVICE_FINALIZER):
            try:
                raw = await release(self._client, INFERENCE_SERVICES, raw, INFERENCE_SERVICE_FINALIZER)
            except NotFound:
                return Result()
        service, unread = readable(raw)
        if service.metadata.deleting:
            return Result()
        made = self._plan(service, raw, unread)
        trouble = Trouble()
        status = made.status
        hold = Hold()
        if made.problem is None:
            has_room = await self._make_room(raw, made, trouble)
            applied = await self._apply(raw, made, trouble, scalers=has_room)
            if not trouble.failures:
                hold = await self._prune(raw, applied, trouble, at_once=made.stopped)
            if made.report is not None and any(self._is_news(kind, one) for kind, one in applied):
                status = made.report(self._live(service, applied))
        await self._report(service, raw, made, status, [*trouble.failures, *hold.told])
        failures, errors = trouble.failures, trouble.errors
        if not errors:
            soon = [one for one in (hold.again_s, LOOK_AGAIN_S if trouble.paused else None) if one is not None]
            return Result(requeue_after_s=min(soon, default=None))
        _log.warning("service_incomplete", service=str(key), failures=reasons_of(failures))
        for error in errors:
            if not isinstance(error, ApplyRefused | NotOurs):
                raise error
        return Result(requeue_after_s=LOOK_AGAIN_S)

    def _plan(self, service: InferenceService, raw: JsonObject, unread: Problem | None) -> Plan:
        caches = self._caches
        children, pods = caches.children.of(service.metadata.uid), caches.children.pods_of(service.key)
        try:
            if unread is None:
                return plan(
                    gather(
                        service,
                        raw,
                        caches.inputs,
                        settings=caches.settings(),
                        capabilities=caches.kinds.current,
                        children=children,
                        pods=pods,
                        gateway=caches.gateway(service.key),
                    )
                )
        except DecodeError as error:
            unread = Problem("ModelReconcileError", str(error), "correct the model")
        return refused(PlanInputs(service=service, live=live_state(children, pods)), unread)

    async def _apply(
        self, owner: JsonObject, made: Plan, trouble: Trouble, *, scalers: bool
    ) -> list[tuple[ResourceKind, Applied]]:
        """Apply each object; one that cannot be written does not keep the others from it.

        Without `scalers` there is no room for autoscalers, and they are left out.
        """
        done: list[tuple[ResourceKind, Applied]] = []
        not_ours: set[str] = set()
        children = self._caches.children
        for desired in made.objects:
            component, key = component_of(desired), key_of(desired)
            kind = self._caches.kinds.of(desired)
            if kind is None:
                name = f"{desired.get('kind')} ({desired.get('apiVersion')})"
                message = f"wanted {name} {key}, found that the cluster does not serve this kind; next: install its CRD"
                event = MISSING_EVENTS.get(kind_of(desired), "")
                trouble.failures.append(Failure(component, "DependencyMissing", message, event=event))
                continue
            if kind in SCALER_KINDS and not scalers:
                continue
            if component in not_ours and not is_workload(kind):
                continue  # It would scale, protect or lead to somebody else's pods.
            if kind == HTTP_ROUTES and INFERENCE_POOLS.kind in not_ours:
                continue  # So would a route to somebody else's pool.
            there = children.get(kind, key)
            if there is not None and is_knatives(kind, there):
                continue
            if there is not None and self._contests.pauses(uid_of(there)):
                done.append((kind, Applied(Outcome.UNCHANGED, there)))
                trouble.paused = True
                continue
            failed = len(trouble.errors)
            with trouble.of(component), self._own.writing(kind, key, key_of(owner)):
                applied = await self._applier.apply(
                    owner,
                    kind,
                    desired,
                    there,
                    initial_replicas=made.initial_replicas.get((kind.kind, key.name)),
                    resume=(kind.kind, key.name) in made.resumed,
                )
                done.append((kind, applied))
                if applied.undone is not None:
                    told = self._contests.note(kind, applied, applied.undone)
                    self._recorder.event(owner, "Warning", FIELD_CONFLICT, told)
                # Some that are there change the plan: Knative makes a Service itself, and routes wait for a pool.
                if applied.outcome is Outcome.CREATED and kind not in (INFERENCE_POOLS, KNATIVE_SERVICES):
                    self._own.note(kind, applied.live)
            taken = any(isinstance(error, NotOurs) for error in trouble.errors[failed:])
            if taken and kind == INFERENCE_POOLS:
                not_ours.add(kind.kind)
            if taken and is_workload(kind):
                not_ours.add(component)
                await self._delete(owner, scalers_of(children.of(uid_of(owner)), kind, key.name), trouble)
        return done

    def _coming(self, made: Plan) -> list[Child]:
        """What of the plan can be written here."""
        kinds = self._caches.kinds
        return [(kind, obj) for obj in made.objects if (kind := kinds.of(obj)) is not None]

    async def _make_room(self, owner: JsonObject, made: Plan, trouble: Trouble) -> bool:
        """Delete what keeps others from their place, once it is known that those can come.

        Answers whether they are gone.
        """
        before = len(trouble.failures)
        await self._delete(owner, in_the_way(self._caches.children.of(uid_of(owner)), self._coming(made)), trouble)
        return len(trouble.failures) == before

    async def _prune(
        self, owner: JsonObject, applied: list[tuple[ResourceKind, Applied]], trouble: Trouble, *, at_once: bool
    ) -> Hold:
        """Delete what is not planned. What is planned is as the server answered: the caches may not know it yet.

        `at_once`: nothing is to serve, so that nothing waits for its replacement.
        """
        key, planned = key_of(owner), [(kind, one.live) for kind, one in applied]
        stale = stale_of(self._caches.children.of(uid_of(owner)), planned, owner)
        staying, hold = waiting(stale, planned), Hold()
        old, new = replaced((child for child in stale if component_of(child[1]) not in staying), planned)
        if at_once or not old:
            self._handovers.forget(key)
        else:
            leading = [one for kind, one in applied if kind == SERVICES or is_workload(kind)]
            wrote = any(one.outcome is not Outcome.UNCHANGED for one in leading)
            hold = await self._hand_over(owner, planned, old, new, wrote=wrote)
            staying |= {component_of(obj) for _, obj in old} if hold.again_s is not None else set[str]()
        going = stale if at_once else may_go(stale, planned, staying)
        await self._delete(owner, going, trouble)
        if len(going) < len(stale):
            left = [child for child in stale if child not in going]
            _log.info("prune_waits_for_replacement", service=str(key), objects=describe(left))
        return hold

    async def _hand_over(
        self, owner: JsonObject, planned: list[Child], old: list[Child], new: list[Child], *, wrote: bool
    ) -> Hold:
        """Whether `old` has to stay though `new` serves, because requests do not come to that one yet."""
        key, lacking = key_of(owner), ""
        services = selecting(planned)
        if services and not wrote:
            listed = await self._client.list(ENDPOINT_SLICES, key.namespace, label_selector=slices_of(services))
            pods = self._caches.children.pods_of(key)
            lacking = behind(services, listed.items, pods, coming=new, going=old)
        turn = self._handovers.look(key, settled=not wrote and not lacking)
        names, until = describe(old), format_time(turn.until)
        if turn.over:
            if turn.overdue:
                step = "look at the Service's EndpointSlices and at what writes them"
                text = f"{names} went at {until} though {lacking or 'what replaces it still changed'}; next: {step}"
                self._recorder.event(owner, "Warning", "EndpointsOverdue", text)
            return Hold()
        if not lacking:
            return Hold(again_s=turn.again_s)
        text = f"{names} stays beside {describe(new)}, for {lacking}; it goes then, and at {until} in any case"
        told = Failure("", "WaitingForEndpoints", text, leftover=True)
        return Hold(again_s=turn.again_s, told=(told,))

    async def _delete(self, owner: JsonObject, going: list[Child], trouble: Trouble) -> None:
        for child in going:
            with trouble.of(component_of(child[1]), leftover=True):
                await self._applier.prune(owner, [child], ())

    def _is_news(self, kind: ResourceKind, applied: Applied) -> bool:
        """Whether the plan was made without the object as it is: it was written, or its cache is behind."""
        written = applied.outcome is not Outcome.UNCHANGED
        return written or self._caches.children.get(kind, key_of(applied.live)) is None

    def _live(self, service: InferenceService, applied: list[tuple[ResourceKind, Applied]]) -> LiveState:
        """What is there after the objects were applied: the caches, and what the server answered since."""
        children = self._caches.children
        written = [(kind, one.live) for kind, one in applied]
        known = [*children.of(service.metadata.uid), *written]
        return live_state(known, children.pods_of(service.key), self._caches.gateway(service.key))

    async def _report(
        self,
        service: InferenceService,
        raw: JsonObject,
        made: Plan,
        planned: JsonObject,
        failures: list[Failure],
    ) -> None:
        """Put the status; when it differed, tell of the transition."""
        status = service_status(
            planned,
            failures,
            generation=service.metadata.generation,
            previous=service.status,
            now=self._clock.now(),
        )
        with self._own.writing(INFERENCE_SERVICES, service.key, service.key):
            put = await put_status(self._client, INFERENCE_SERVICES, raw, status)
            if put is None:
                return
            self._own.note(INFERENCE_SERVICES, put)
        before, after = service.status, decode_as(InferenceService, {**raw, "status": status}).status
        told = made.explanation
        count_selection(
            before.selection if before is not None else None, after.selection if after is not None else None, told.turn
        )
        tales = transitions(
            str(service.key),
            before,
            after,
            problem_event=event_reason(made.problem),
            failures=tuple(failures),
        )
        for tale in (*selection_tales(f"InferenceService {service.key}", before, after, told.runtime_reason), *tales):
            self._recorder.event(raw, tale.type, tale.reason, tale.message)


def _namespace_is_going(error: KubeError) -> bool:
    return isinstance(error, Forbidden) and any(cause.type == "NamespaceTerminating" for cause in error.details.causes)
