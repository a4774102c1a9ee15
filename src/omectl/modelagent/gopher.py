"""Gopher: takes models from the work queue and makes the disk agree with what is asked for.

The queue hands out a model to one task at a time; removals are never behind downloads, because every model has a task
of its own and only transfers are limited. A model that changes while it is worked on has that work stopped (what was
fetched stays) and is looked at again. Nothing is reported by work that was stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence

import msgspec
import structlog

from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS
from omectl.api.labels import ModelKey
from omectl.api.storage_uri import (
    HuggingFaceUri,
    LocalUri,
    StorageUriError,
    VendorUri,
    parse_storage_uri,
)
from omectl.informers import Informer
from omectl.modelagent import measures
from omectl.modelagent.eligibility import should_hold
from omectl.modelagent.entries import failed_entry, ready_entry, updating_entry
from omectl.modelagent.metadata import FactsRead, read_local_facts
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.retries import Retries
from omectl.modelagent.scout import Scout
from omectl.modelagent.storage.local import find_local_files
from omectl.modelagent.threads import in_thread
from omectl.modelagent.wanted import WantedModel
from omectl.modelagent.work import HubWork
from omectl.modelagent.workshop import Workshop
from omectl.workqueue import LOW_PRIORITY, PriorityQueue, QueueShutDown

_log = structlog.stdlib.get_logger(__name__)
_KINDS = (BASE_MODELS.kind, CLUSTER_BASE_MODELS.kind)
_FREED_BY_REMOVAL = frozenset({Reason.PATH_IN_USE, Reason.DISK_FULL})


class Gopher:
    """See the module; `run` ends only by cancellation."""

    name = "gopher"
    needs_leader = False

    def __init__(
        self, shop: Workshop, queue: PriorityQueue[ModelKey], scout: Scout, caches: Sequence[Informer]
    ) -> None:
        """Starts to work when `caches` are filled, or known to be absent."""
        self._shop = shop
        self._queue = queue
        self._scout = scout
        self._caches = tuple(caches)
        self._retries = Retries(shop.options.retries)
        self._running: dict[ModelKey, tuple[WantedModel, asyncio.Task[None]]] = {}
        self._failing: dict[ModelKey, ModelError] = {}

    async def run(self) -> None:
        for cache in self._caches:
            await cache.wait_settled()
        await self._take_stock()
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    key, _ = await self._queue.get()
                except QueueShutDown:
                    return
                group.create_task(self._look_at(key), name=f"model:{key}")

    def reconsider(self, key: ModelKey) -> None:
        """Stop the work on a model if it is no longer what is asked for; Scout has queued the model already."""
        running = self._running.get(key)
        if running is not None:
            doing, task = running
            wanted = self._scout.wanted(key)
            same = wanted is not None and (wanted.uid, wanted.fingerprint) == (doing.uid, doing.fingerprint)
            if wanted is None or not same or not self._belongs_here(wanted):
                _log.info("model_work_stopped", model=str(key))
                task.cancel()

    async def _take_stock(self) -> None:
        """What an agent before this one left behind: records are read, models that are gone are queued for removal."""
        shop = self._shop
        for record in await shop.on_disk(shop.store.records):
            shop.records[record.key] = record
            with contextlib.suppress(ModelError):
                shop.claims.claim(record.key, shop.options.paths.inside(record.path))
        await shop.on_disk(lambda: shop.store.sweep(shop.records.values()))
        known = self._scout.keys()
        for key in shop.records.keys() - known:
            self._queue.add(key)
        if all(self._scout.is_complete(kind) for kind in _KINDS):
            shop.state.keep_only(known | shop.records.keys())

    def _belongs_here(self, model: WantedModel) -> bool:
        return should_hold(model, self._scout.node()).ok

    async def _look_at(self, key: ModelKey) -> None:
        try:
            await self._converge(key)
        finally:
            self._queue.done(key)

    async def _converge(self, key: ModelKey) -> None:
        wanted = self._scout.wanted(key)
        if self._scout.node() is None:
            return  # the Node's event queues every model
        if wanted is None and not self._scout.is_complete(key.kind):
            # Nobody tells when the kind comes and this model is not among its objects.
            self._queue.add(key, after_s=self._shop.options.resync_interval_s, priority=LOW_PRIORITY)
            return
        if wanted is None and self._scout.exists(key):
            return  # an object that can't be read is no deleted object
        if wanted is None or not self._belongs_here(wanted):
            await self._remove(key, wanted)
            return
        task = asyncio.ensure_future(self._bring(wanted))
        self._running[key] = (wanted, task)
        try:
            await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
        finally:
            del self._running[key]

    async def _bring(self, model: WantedModel) -> None:
        """One attempt; whatever comes of it is in the node's state and the model is queued for its next look."""
        work: HubWork | None = None
        try:
            uri = _parse(model)
            match uri:
                case HuggingFaceUri():
                    work = HubWork(self._shop, model, uri)
                    if self._waits_for_space(model.key):
                        return
                    await work.run()
                case LocalUri():
                    await self._look_at_local(model, uri)
                case VendorUri():
                    self._shop.state.put(model.key, ready_entry(model, None, None, None))
                case _:
                    raise _unsupported(model)
        except ModelError as error:
            self._failed(model, error, work)
        except Exception as error:  # one broken model must not stop the others
            _log.exception("model_work_crashed", model=str(model.key))
            self._failed(model, _crash(error), work)
        else:
            self._retries.forget(model.key)
            self._failing.pop(model.key, None)
            after_s = self._shop.options.resync_interval_s * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            self._queue.add(model.key, after_s=after_s, priority=LOW_PRIORITY)

    def _waits_for_space(self, key: ModelKey) -> bool:
        """Whether a model that did not fit still doesn't, without asking the hub again."""
        failing = self._failing.get(key)
        if failing is None or failing.wanted_bytes is None:
            return False
        if self._shop.root.free_bytes() >= failing.wanted_bytes:
            return False
        self._queue.add(key, after_s=self._shop.options.retries.disk_s)
        return True

    async def _look_at_local(self, model: WantedModel, uri: LocalUri) -> None:
        shop = self._shop
        path = model.storage.path or uri.path
        files = await in_thread(lambda: find_local_files(shop.options.paths, path), shop.threads)
        learnt = FactsRead(None) if model.skip_facts else await read_local_facts(files, shop.threads)
        shop.state.put(model.key, ready_entry(model, learnt.facts, None, learnt.problem))

    def _failed(self, model: WantedModel, error: ModelError, work: HubWork | None) -> None:
        key, shop = model.key, self._shop
        if work is not None and work.received:
            self._retries.forget(key)
        delay = self._retries.failed(key, error)
        self._failing[key] = error
        facts, revision = (work.facts, work.revision) if work is not None else (None, None)
        if self._retries.lasting(key, error):
            entry = failed_entry(model, facts, revision, error)
        else:
            entry = updating_entry(model, facts, revision, None, error)
        shop.state.put(key, entry)
        measures.count_failure(key, error.reason, error.retry_after_s)
        _log.warning(
            "model_failed", model=str(key), reason=str(error.reason), message=error.message, retry_in_s=round(delay, 1)
        )
        self._queue.add(key, after_s=delay)

    async def _remove(self, key: ModelKey, wanted: WantedModel | None) -> None:
        """Take the model off this node: files (unless reserved), link, label, entry."""
        shop = self._shop
        record = shop.records.get(key)
        if record is not None:
            reserved = wanted.reserved if wanted is not None else record.reserved
            try:
                if reserved:
                    await shop.save(msgspec.structs.replace(record, reserved=True))
                else:
                    await shop.on_disk(lambda: shop.store.remove(record))
                    del shop.records[key]
            except ModelError as error:
                delay = self._retries.failed(key, error)
                _log.warning("model_not_removed", model=str(key), reason=str(error.reason), message=error.message)
                if wanted is not None:
                    shop.state.put(key, failed_entry(wanted, None, None, error))
                self._queue.add(key, after_s=delay)
                return
            _log.info("model_removed", model=str(key), files_kept=reserved)
        if key not in shop.records:
            shop.claims.release(key)
        shop.state.remove(key)
        self._retries.forget(key)
        self._failing.pop(key, None)
        for other, error in self._failing.items():
            if error.reason in _FREED_BY_REMOVAL:
                self._queue.add(other)


def _parse(model: WantedModel) -> object:
    uri = model.storage.storage_uri
    try:
        return parse_storage_uri(uri)
    except StorageUriError as error:
        if not error.storage:
            raise _unsupported(model) from error
        raise ModelError(Reason.URI_INVALID, f"{error}.", "Correct storage.storageUri.") from error


def _unsupported(model: WantedModel) -> ModelError:
    scheme, separator, _ = model.storage.storage_uri.partition("://")
    found = f"{scheme}://" if separator else model.storage.storage_uri[:64]
    return ModelError(
        Reason.UNSUPPORTED_SCHEME,
        f"This agent cannot bring files from {found!r}; it supports hf://, local:// and vendor://.",
        "Use a supported storage.storageUri, or put the files on the node and use local://.",
    )


def _crash(error: Exception) -> ModelError:
    return ModelError(
        Reason.INTERNAL_ERROR,
        f"The agent met an unexpected {type(error).__name__}.",
        "Look into the agent's log on this node; the agent tries again.",
    )
