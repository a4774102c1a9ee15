"""What is done for one hub model: resolve, learn, fetch, publish. Each step may be killed and is then repeated."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
import structlog

from omectl.api.facts import ModelFacts
from omectl.api.model_path import default_model_path
from omectl.api.node_entry import READY
from omectl.api.storage_uri import HuggingFaceUri
from omectl.modelagent import measures
from omectl.modelagent.entries import DOWNLOADING, FINALIZING, SCANNING, entry_progress, ready_entry, updating_entry
from omectl.modelagent.metadata import FactsRead, read_hub_facts
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.record import ModelRecord, Previous, RecordedProblem
from omectl.modelagent.storage.hub import HubSource
from omectl.modelagent.transfer.state import Progress
from omectl.modelagent.wanted import WantedModel
from omectl.modelagent.workshop import Workshop

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class HubWork:
    """One pass over one model. `facts` and `revision` are what is known so far, also for the entry of a failure."""

    shop: Workshop
    model: WantedModel
    uri: HuggingFaceUri
    facts: ModelFacts | None = None
    revision: str | None = None
    received: int = 0
    """Bytes that this pass brought."""
    _reported_at: float = 0.0
    _reported_bytes: int = 0
    _counted: int | None = None
    """Bytes on disk when last counted; None before the transfer."""
    _quiet: bool = False
    """A fault was reported before this pass: it stays reported until bytes come."""

    async def run(self) -> None:
        """Leave the model published and reported Ready; ModelError says why not."""
        shop, model = self.shop, self.model
        path = model.storage.path or default_model_path(shop.options.models_root, model.storage.storage_uri)
        parts = shop.options.paths.inside(path)
        shop.claims.claim(model.key, parts)
        record = await self._settle_identity(shop.records.get(model.key))
        if record is not None and record.fingerprint == model.fingerprint:
            self.facts, self.revision = record.model_facts, record.revision
            if await self._still_good(record):
                return
        known = shop.state.entry(model.key)
        if known is not None and known.uid != model.uid:
            known = None  # said of another object of this name
        self._quiet = (
            known is not None
            and known.reason is not None
            and known.status != READY
            and known.generation == model.generation
        )
        if known is None:
            self._report(SCANNING, None)
        await shop.on_disk(lambda: shop.store.make_way(path))
        async with shop.listings:
            source = await self._resolve(record)
            begun = await self._begin(record, source, path)
        self._report(SCANNING, None)
        await self._fetch(begun, source, published=record)
        await self._publish(begun, source)

    async def _settle_identity(self, record: ModelRecord | None) -> ModelRecord | None:
        """A record of another object of this name: its files go, unless they were kept on purpose."""
        shop, model = self.shop, self.model
        if record is None or record.uid == model.uid:
            return record
        if record.reserved and record.files is not None and record.fingerprint == model.fingerprint:
            return record
        _log.info("model_was_replaced", model=str(model.key), uid=model.uid)
        await shop.on_disk(lambda: shop.store.remove(record))
        shop.records.pop(model.key, None)
        return None

    async def _still_good(self, record: ModelRecord) -> bool:
        """Whether all is published as recorded; then it is reported Ready, which writes nothing if that was said."""
        if record.files is None:
            return False
        shop, files = self.shop, record.files

        def check() -> bool:
            if len(shop.store.intact_files(record)) < len(files):
                return False
            if not shop.store.is_linked(record):
                shop.store.link(record)
            return True

        with measures.verification_duration.time():
            good = await shop.on_disk(check)
        result = "success" if good else "failure"
        measures.verifications.labels(*measures.model_labels(self.model.key), result).inc()
        if not good:
            _log.warning("model_damaged", model=str(self.model.key), next_step="fetching what is missing")
            return False
        record = await self._drop_previous(record)
        await shop.save(msgspec.structs.replace(record, uid=self.model.uid, reserved=self.model.reserved))
        self._report_ready(record)
        return True

    async def _resolve(self, record: ModelRecord | None) -> HubSource:
        """The source at the commit that was begun with, so that a moving branch doesn't restart a transfer."""
        shop, model = self.shop, self.model
        token = await shop.credentials.token(model)
        if record is not None and record.fingerprint == model.fingerprint and record.revision:
            try:
                return await shop.hub.resolve(self.uri.model, record.revision, model.parameters, token)
            except ModelError as error:
                if error.reason is not Reason.REVISION_NOT_FOUND:
                    raise
        return await shop.hub.resolve(self.uri.model, self.uri.revision, model.parameters, token)

    async def _begin(self, record: ModelRecord | None, source: HubSource, path: str) -> ModelRecord:
        """Write down what is about to be fetched, with the facts, before the first byte of it."""
        shop, model = self.shop, self.model
        same = record is not None and record.fingerprint == model.fingerprint and record.revision == source.revision
        if record is not None and same and (record.facts is not None or record.problem is not None):
            learnt = FactsRead(record.model_facts, record.problem.error() if record.problem else None)
        elif model.skip_facts:
            learnt = FactsRead(None)
        else:
            learnt = await read_hub_facts(source, shop.reads)
        self.facts, self.revision = learnt.facts, source.revision
        begun = ModelRecord(
            kind=model.key.kind,
            namespace=model.key.namespace,
            name=model.key.name,
            uid=model.uid,
            fingerprint=model.fingerprint,
            revision=source.revision,
            path=path,
            reserved=model.reserved,
            # Under another fingerprint other files may be wanted: what was published for the old one is not all.
            files=record.files if record is not None and same else None,
            facts=learnt.facts.model_dump_json(by_alias=True, exclude_unset=True) if learnt.facts else None,
            problem=RecordedProblem.of(learnt.problem),
            previous=self._previous(record, source.revision),
        )
        if record is not None and record.path != path:
            await shop.on_disk(lambda: shop.store.unlink(record, record.path))
        await shop.save(begun)
        return begun

    def _previous(self, record: ModelRecord | None, revision: str) -> tuple[Previous, ...]:
        if record is None:
            return ()
        kept = tuple(previous for previous in record.previous if previous.revision != revision)
        if record.revision in {revision, *(previous.revision for previous in kept)}:
            return kept
        return (*kept, Previous(record.revision, self.shop.clock.now().timestamp()))

    async def _fetch(self, begun: ModelRecord, source: HubSource, *, published: ModelRecord | None) -> None:
        """Bring what is missing; files of this revision that were `published` before, and are intact, stay."""
        shop, model = self.shop, self.model
        record = published if published is not None and published.revision == source.revision else begun
        intact = await shop.on_disk(lambda: shop.store.intact_files(record))
        digests = {file.path: file.digest for file in record.files or ()}
        good = frozenset(
            file.path
            for file in source.files
            if file.path in intact and digests[file.path] == (file.digest.value if file.digest else "")
        )
        with measures.download_duration.labels(*measures.model_labels(model.key)).time():
            await shop.engine.transfer(
                source, shop.store.transfer_paths(model.key, source.revision), model.uid, self._on_progress, good=good
            )

    async def _publish(self, record: ModelRecord, source: HubSource) -> None:
        shop, model = self.shop, self.model
        self._report(FINALIZING, None)
        saved = await shop.on_disk(lambda: shop.store.publish(record, source.files))
        shop.records[model.key] = saved
        measures.downloads_succeeded.labels(*measures.model_labels(model.key)).inc()
        _log.info("model_published", model=str(model.key), revision=source.revision, path=record.path)
        self._report_ready(saved)

    async def _drop_previous(self, record: ModelRecord) -> ModelRecord:
        """Remove replaced revisions whose time is over."""
        shop = self.shop
        oldest = shop.clock.now().timestamp() - shop.options.keep_previous_s
        over = [previous.revision for previous in record.previous if previous.replaced_at < oldest]
        if not over:
            return record

        def remove() -> None:
            for revision in over:
                shop.store.remove_revision(record.key, revision)

        await shop.on_disk(remove)
        kept = tuple(previous for previous in record.previous if previous.revision not in over)
        return msgspec.structs.replace(record, previous=kept)

    # Reports

    def _report(self, phase: str, progress: Progress | None, speed: float = 0.0) -> None:
        if self._quiet and not self.received:
            return
        shown = entry_progress(phase, progress, speed, self.shop.clock.now())
        self.shop.state.put(self.model.key, updating_entry(self.model, self.facts, self.revision, shown))

    def _report_ready(self, record: ModelRecord) -> None:
        problem = record.problem.error() if record.problem else None
        entry = ready_entry(self.model, record.model_facts, record.revision, problem)
        self.shop.state.put(self.model.key, entry)

    def _on_progress(self, progress: Progress) -> None:
        now, done = asyncio.get_running_loop().time(), progress.completed_bytes
        if self._counted is None:
            self._reported_at, self._reported_bytes = now, done
            self._report(DOWNLOADING, progress)
        elif done > self._counted:
            self.received += done - self._counted
            measures.download_bytes.labels(*measures.model_labels(self.model.key)).inc(done - self._counted)
        self._counted = done
        elapsed = now - self._reported_at
        if elapsed >= self.shop.options.progress_interval_s and done != self._reported_bytes:
            speed = max(0, done - self._reported_bytes) / elapsed
            self._reported_at, self._reported_bytes = now, done
            self._report(DOWNLOADING, progress, speed)
