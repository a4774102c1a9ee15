"""BaseModel and ClusterBaseModel: one reconciler in two scopes.

A pass reads caches only: the model, what the nodes say of it, which nodes should hold it. It then writes at most what
differs, in this order: the finalizer; facts that became known, in the status and then in the spec's empty fields; the
status. Any of these may be the last one before the process dies; the next pass goes on from there.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.codec import DecodeError, decode_as
from omectl.api.facts import ModelFacts
from omectl.api.json import JsonObject
from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS
from omectl.api.labels import (
    BASE_MODEL_FINALIZER,
    CLUSTER_BASE_MODEL_FINALIZER,
    FACTS_MANAGER,
    FORCE_DELETE,
    ModelKey,
    model_entry_key,
)
from omectl.api.model_status import ModelStatusSpec
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.clock import Clock
from omectl.informers import Lister
from omectl.kube.client import Client
from omectl.kube.errors import NotFound
from omectl.kube.finalizers import contains_finalizer, hold, release
from omectl.manager import EventRecorder, Result, TerminalError
from omectl.reconcilers.model_events import model_tales
from omectl.reconcilers.model_facts import fill_patch, filled_fields
from omectl.reconcilers.model_status import NodeReport, holding_nodes, model_status
from omectl.reconcilers.node_reports import NodeReports
from omectl.reconcilers.placements import Placements
from omectl.reconcilers.status_writer import put_status

PROGRESS_INTERVAL_S: Final = 1.0
"""A status that differs only in its progress is not written more often than this."""

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ModelKind:
    """What differs between the two scopes."""

    resource: ResourceKind
    type: type[BaseModel] | type[ClusterBaseModel]
    finalizer: str


NAMESPACED = ModelKind(BASE_MODELS, BaseModel, BASE_MODEL_FINALIZER)
CLUSTER = ModelKind(CLUSTER_BASE_MODELS, ClusterBaseModel, CLUSTER_BASE_MODEL_FINALIZER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCaches:
    """What a pass reads."""

    models: Lister
    nodes: Lister
    reports: NodeReports
    placements: Placements


class ModelReconciler:
    """Brings a model's finalizer, filled fields and status in line with what the nodes say."""

    def __init__(
        self,
        kind: ModelKind,
        client: Client,
        caches: ModelCaches,
        recorder: EventRecorder,
        clock: Clock,
        *,
        progress_interval_s: float = PROGRESS_INTERVAL_S,
    ) -> None:
        self._kind = kind
        self._client = client
        self._caches = caches
        self._recorder = recorder
        self._clock = clock
        self._progress_interval_s = progress_interval_s
        self._progress_written: dict[ObjectKey, float] = {}

    async def reconcile(self, key: ObjectKey) -> Result:
        """One pass over one model."""
        raw = self._caches.models.get(key)
        if raw is None:
            self._progress_written.pop(key, None)
            return Result()
        try:
            return await self._bring_in_line(key, raw)
        except NotFound:
            # Gone since it was cached: its event is on the way.
            return Result()

    async def _bring_in_line(self, key: ObjectKey, raw: JsonObject) -> Result:
        model = self._decoded(raw)
        reports = self._reports(key)
        if model.metadata.deleting:
            return await self._release(model, raw, reports)
        raw = await hold(self._client, self._kind.resource, raw, self._kind.finalizer)
        model = self._decoded(raw)
        status = self._status(model, reports)
        if status.facts is not None and fill_patch(model.metadata, model.spec, status.facts) is not None:
            raw = await self._fill(model, raw, status, status.facts)
            model = self._decoded(raw)
            status = self._status(model, reports)
        return await self._put_status(model, raw, status)

    async def _fill(
        self, model: BaseModel | ClusterBaseModel, raw: JsonObject, status: ModelStatusSpec, facts: ModelFacts
    ) -> JsonObject:
        """Fill the spec's empty fields, and return the model after that.

        The facts are recorded first: whoever sees the filled spec must find the revision that it was read from, or a
        service's pods would be made without it and rolled a moment later.
        """
        raw = await self._write_status(model, raw, status) or raw
        model = self._decoded(raw)
        patch = fill_patch(model.metadata, model.spec, facts)
        if patch is None:
            return raw
        raw = await self._client.merge_patch(
            self._kind.resource, model.name, patch, model.namespace, field_manager=FACTS_MANAGER
        )
        _log.info("model_fields_filled", model=str(model.key), fields=filled_fields(self._decoded(raw).metadata))
        return raw

    async def _release(self, model: BaseModel | ClusterBaseModel, raw: JsonObject, reports: list[NodeReport]) -> Result:
        """Let a deleted model go as soon as no node that exists holds its files."""
        if not contains_finalizer(raw, self._kind.finalizer):
            return Result()
        holding = holding_nodes(reports)
        forced = model.metadata.annotations.get(FORCE_DELETE) == "true"
        if holding and not forced:
            return await self._put_status(model, raw, self._status(model, reports))
        await release(self._client, self._kind.resource, raw, self._kind.finalizer)
        _log.info("model_released", model=str(model.key), forced=forced, still_on=list(holding))
        return Result()

    def _reports(self, key: ObjectKey) -> list[NodeReport]:
        """What nodes that exist say of the model."""
        entry_key = model_entry_key(ModelKey(self._kind.resource.kind, key.namespace, key.name))
        nodes = self._caches.nodes
        return [
            report
            for report in self._caches.reports.of(entry_key)
            if nodes.header(ObjectKey("", report.node)) is not None
        ]

    def _status(self, model: BaseModel | ClusterBaseModel, reports: list[NodeReport]) -> ModelStatusSpec:
        return model_status(
            model,
            reports,
            self._caches.placements.of(model.spec.storage),
            filled=filled_fields(model.metadata),
            now=self._clock.now(),
        )

    async def _put_status(
        self, model: BaseModel | ClusterBaseModel, raw: JsonObject, status: ModelStatusSpec
    ) -> Result:
        """Write the status; one that differs only in its progress waits for its turn."""
        now = asyncio.get_running_loop().time()
        if _without_progress(model.status) == _without_progress(status):
            wait_s = self._progress_written.get(model.key, now - self._progress_interval_s) + self._progress_interval_s
            if wait_s > now and model.status != status:
                return Result(requeue_after_s=wait_s - now)
        if await self._write_status(model, raw, status) is not None:
            self._progress_written[model.key] = now
        return Result()

    async def _write_status(
        self, model: BaseModel | ClusterBaseModel, raw: JsonObject, status: ModelStatusSpec
    ) -> JsonObject | None:
        """Put the status; when it differed, tell of the transition and return the model as written."""
        written = await put_status(self._client, self._kind.resource, raw, _written(status))
        if written is not None:
            for tale in model_tales(model.status, status):
                self._recorder.event(raw, tale.type, tale.reason, tale.message)
        return written

    def _decoded(self, raw: JsonObject) -> BaseModel | ClusterBaseModel:
        try:
            return decode_as(self._kind.type, raw)
        except DecodeError as error:
            raise TerminalError(str(error)) from error


def _written(status: ModelStatusSpec) -> JsonObject:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def _without_progress(status: ModelStatusSpec | None) -> ModelStatusSpec | None:
    return None if status is None else status.model_copy(update={"progress": None})
