"""The event recorder: callers tell, a background task writes.

`event` never waits and never raises for what the server might say. Series are keys of a work queue, so writes for one
series stay in order, repeats between two writes cost nothing, and retries are the queue's.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from random import getrandbits, random
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import structlog

from omectl import metrics
from omectl.api.document import as_text
from omectl.api.json import JsonObject
from omectl.api.labels import EVENTS_MANAGER
from omectl.api.resource import ResourceKind
from omectl.clock import Clock, SystemClock
from omectl.kube.errors import (
    AlreadyExists,
    ApiError,
    Forbidden,
    InternalError,
    KubeError,
    NotFound,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
)
from omectl.kube.resources import CORE_EVENTS, EVENTS
from omectl.manager.events import (
    EventCorrelator,
    EventLimits,
    Happening,
    Series,
    Subject,
    core_count,
    core_event_object,
    event_object,
    series_object,
)
from omectl.workqueue import PriorityQueue, QueueShutDown

if TYPE_CHECKING:  # pydantic, which a manager without typed objects does without
    from omectl.api.object import Resource

_log = structlog.stdlib.get_logger(__name__)

_RECORDED = metrics.counter(metrics.EVENTS_RECORDED, "Writes of Events that succeeded.", ("component",))
_DROPPED = metrics.counter(metrics.EVENTS_DROPPED, "Events that were not written.", ("component", "why"))

_LONGEST_INSTANCE = 128
_LONGEST_PREFIX = 200
_PROMPT_COUNTS = 2
"""A first event and its first repeat are written at once; later repeats wait for the next refresh."""

EventType: TypeAlias = Literal["Normal", "Warning"]
About: TypeAlias = "JsonObject | Resource | Subject"
_RETRIED = (TooManyRequests, InternalError, ServiceUnavailable, ServerTimeout)


class EventClient(Protocol):
    """The part of a client that a recorder needs."""

    async def create(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str) -> JsonObject: ...

    async def merge_patch(
        self, kind: ResourceKind, name: str, patch: JsonObject, namespace: str = "", *, field_manager: str
    ) -> JsonObject: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStatistics:
    """One moment of a recorder."""

    component: str
    series: int
    pending: int
    core_only: bool
    last_error: str


class EventRecorder:
    """Writes Events as `component`; one per process and component. Run it as a task, or let a manager do so."""

    needs_leader = False

    def __init__(
        self,
        client: EventClient,
        component: str,
        *,
        instance: str = "",
        clock: Clock | None = None,
        limits: EventLimits | None = None,
    ) -> None:
        self.name = f"events/{component}"
        self._client = client
        self._component = component
        self._instance = (instance or f"{component}-{socket.gethostname()}")[:_LONGEST_INSTANCE]
        self._clock = clock or SystemClock()
        self._limits = limits or EventLimits()
        self._correlator = EventCorrelator(self._limits)
        self._queue: PriorityQueue[int] = PriorityQueue()
        self._tracked: dict[int, Series] = {}
        self._urgent: set[int] = set()
        self._core_only = False
        self._closed = False
        self._last_error = ""
        self._recorded = _RECORDED.labels(component)

    def event(
        self,
        about: About,
        type: EventType,
        reason: str,
        message: str,
        *,
        action: str = "Reconcile",
        related: About | None = None,
    ) -> None:
        """Tell that `reason` happened to an object, or to what an object reference names. Call it in the loop."""
        if self._closed:
            self._drop("stopped")
            return
        try:
            other = None if related is None else subject_of(related)
            happening = Happening(subject_of(about), type, reason, message, action, other)
        except ValueError as error:
            _log.error("event_invalid", reason=reason, error=str(error))
            self._drop("invalid")
            return
        series = self._correlator.add(happening, self._now(), self._clock.now())
        if series is None:
            self._drop("spam")
        elif series.count > _PROMPT_COUNTS and series.created:
            self._track(series)
            self._queue.add(id(series), after_s=self._next_look_s(series))
        elif len(self._urgent) >= self._limits.pending and id(series) not in self._urgent:
            self._correlator.forget(series)
            self._drop("full")
        else:
            self._track(series)
            self._urgent.add(id(series))
            self._queue.add(id(series))

    async def run(self) -> None:
        """Write until cancelled, then write what is still to be written; a second cancellation drops that."""
        work = asyncio.get_running_loop().create_task(self._serve(), name=self.name)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            self._closed = True
            for key in self._tracked:
                self._queue.add(key)
            self._queue.shut_down(drain=True)
            await work
            raise
        finally:
            self._closed = True
            for series in self._tracked.values():
                if series.count > series.written:
                    self._drop("stopped")

    def statistics(self) -> RecorderStatistics:
        return RecorderStatistics(
            component=self._component,
            series=len(self._correlator),
            pending=len(self._urgent),
            core_only=self._core_only,
            last_error=self._last_error,
        )

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(self._limits.workers):
                group.create_task(self._work(), name=f"{self.name}/{number}")

    async def _work(self) -> None:
        while True:
            try:
                key, _ = await self._queue.get()
            except QueueShutDown:
                return
            try:
                series = self._tracked.get(key)
                if series is not None:
                    await self._settle(key, series)
            finally:
                self._queue.done(key)

    async def _settle(self, key: int, series: Series) -> None:
        """Bring one series to the server, or find out when to look again."""
        look_s = self._next_look_s(series)
        if key not in self._urgent and look_s > 0 and not self._closed:
            self._queue.add(key, after_s=look_s)
            return
        count = series.count
        if count > series.written:
            try:
                async with asyncio.timeout(self._limits.request_timeout_s):
                    await self._write(series)
            except (KubeError, TimeoutError) as error:
                self._failed(key, series, error)
                return
            series.written, series.written_at, series.attempts = count, self._now(), 0
            self._recorded.inc()
        self._urgent.discard(key)
        if series.count > count:
            self._queue.add(key, after_s=0.0 if count < _PROMPT_COUNTS else self._next_look_s(series))
            if count < _PROMPT_COUNTS:
                self._urgent.add(key)
        else:
            del self._tracked[key]

    def _failed(self, key: int, series: Series, error: KubeError | TimeoutError) -> None:
        series.attempts += 1
        self._last_error = str(error) or "the API server did not answer in time"
        refused = isinstance(error, ApiError) and not isinstance(error, _RETRIED)
        if refused or series.attempts >= self._limits.attempts or self._closed:
            _log.warning("event_dropped", reason=series.happening.reason, error=self._last_error)
            self._drop("refused" if refused else "unreachable")
            self._correlator.forget(series)
            self._urgent.discard(key)
            del self._tracked[key]
            return
        delay_s = self._limits.retry_s
        self._queue.add(key, after_s=delay_s * random() if series.attempts == 1 else delay_s)  # noqa: S311 - jitter

    async def _write(self, series: Series) -> None:
        try:
            await self._put(series)
        except (Forbidden, NotFound) as error:
            if self._core_only or not _is_about_kind(error):
                raise
            self._core_only = True
            try:
                await self._put(series)
            except (Forbidden, NotFound):
                self._core_only = False
                raise

    async def _put(self, series: Series) -> None:
        kind = CORE_EVENTS if self._core_only else EVENTS
        if not series.created:
            # The name stays for the next attempt: a create that only seemed to fail is then met again.
            prefix = series.happening.subject.name[:_LONGEST_PREFIX].rstrip("-.")
            series.name = series.name or f"{prefix}.{getrandbits(64):016x}"
            render = core_event_object if self._core_only else event_object
            event = render(series, self._component, self._instance)
            try:
                await self._client.create(kind, event, field_manager=EVENTS_MANAGER)
            except AlreadyExists:
                series.created = True
            else:
                series.created = True
                return
        if series.count == 1:
            return
        growth: JsonObject = core_count(series) if self._core_only else {"series": series_object(series)}
        try:
            await self._client.merge_patch(kind, series.name, growth, series.namespace, field_manager=EVENTS_MANAGER)
        except NotFound as error:
            if error.kind_is_missing:
                raise
            series.name, series.created = "", False
            await self._put(series)

    def _track(self, series: Series) -> None:
        self._tracked[id(series)] = series

    def _next_look_s(self, series: Series) -> float:
        """Seconds until the server should hear of a grown count: at the next refresh, or when the series has ended."""
        now = self._now()
        refresh_s = series.written_at + self._limits.series_refresh_s - now
        finish_s = series.last_at + self._limits.series_finish_s - now
        return max(0.0, min(refresh_s, finish_s))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _drop(self, why: str) -> None:
        _DROPPED.labels(self._component, why).inc()


def subject_of(about: About) -> Subject:
    """The subject of a raw object, a typed object or an object reference; ValueError when it has no kind or name."""
    match about:
        case Subject():
            subject = about
        case dict():
            metadata = about.get("metadata")
            named = metadata if isinstance(metadata, dict) else about
            subject = Subject(
                as_text(about.get("apiVersion")),
                as_text(about.get("kind")),
                as_text(named.get("namespace")),
                as_text(named.get("name")),
                as_text(named.get("uid")),
            )
        case _:
            kind = about.resource_kind
            subject = Subject(kind.api_version, kind.kind, about.namespace, about.name, about.metadata.uid)
    if not subject.kind or not subject.name:
        raise ValueError(f"wanted an object or a reference with kind and name to tell an event about, found {subject}")
    return subject


def _is_about_kind(error: Forbidden | NotFound) -> bool:
    """Whether the other event API may do better: not when the namespace is what refuses."""
    if isinstance(error, NotFound):
        return error.kind_is_missing
    return not any(cause.type == "NamespaceTerminating" for cause in error.details.causes)
