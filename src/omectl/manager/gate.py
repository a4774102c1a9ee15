"""Read your writes: a key is not reconciled before the cache shows what its last reconcile wrote."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from omectl import metrics
from omectl.api.document import as_text, at
from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import Informer, ObjectEvent
from omectl.kube.client import Client
from omectl.kube.errors import NotFound
from omectl.kube.resource_version import reached
from omectl.kube.scope import Write
from omectl.workqueue import PriorityQueue

_log = structlog.stdlib.get_logger(__name__)

_PARKED = metrics.counter(metrics.READ_YOUR_WRITES_PARKED, "Reconciles put off until the cache had caught up.")
_OVERDUE = metrics.counter(
    metrics.READ_YOUR_WRITES_OVERDUE, "Writes that the cache did not show in time; their keys were let pass."
)


class _Expected(msgspec.Struct):
    """What the cache must show of one write: `version` or a newer one, or that the object `gone_uid` is not there.

    `parked` is the priority of the key if it was put off.
    """

    version: str
    gone_uid: str
    until: float
    parked: int | None = None
    overdue: bool = False


class WriteGate:
    """Holds keys of one kind back until the cache shows the last write to them, `patience_s` at the longest.

    Give it to one controller, and tell it that controller's writes: `client.view(observer=gate.observe)`. A key that is
    put off comes back when the informer tells of the write; past the patience it is let pass. Other keys are never
    delayed. A write is forgotten when it is seen, or when more than `most` newer ones came.
    """

    def __init__(self, informer: Informer, *, patience_s: float = 1.0, most: int = 10_000) -> None:
        self.name = f"own writes of {informer.kind.plural}"
        self._informer = informer
        self._patience_s = patience_s
        self._most = most
        self._writes: dict[ObjectKey, _Expected] = {}

    def observe(self, write: Write) -> None:
        """The server has done a write; those to other kinds are passed over."""
        if write.kind != self._informer.kind or not write.key.name:
            return
        until = asyncio.get_running_loop().time() + self._patience_s
        gone_uid = self._gone_uid(write)
        version = "" if gone_uid else as_text(at(write.result, "metadata", "resourceVersion"))
        if not gone_uid and not version:
            return
        expected = _Expected(version, gone_uid, until)
        before = self._writes.pop(write.key, None)
        if before is not None:
            expected.parked = before.parked
            if version and before.version and reached(before.version, version):
                # Two writes at once may be answered in the wrong order.
                expected.version = before.version
        if self._is_shown(write.key, expected):
            return
        self._writes[write.key] = expected
        if len(self._writes) > self._most:
            del self._writes[next(iter(self._writes))]

    def park(self, key: ObjectKey, priority: int) -> float:
        """For how many seconds at most `key` should wait for the cache; 0 when it shows the last write, or is late."""
        expected = self._writes.get(key)
        if expected is None:
            return 0.0
        if self._is_shown(key, expected):
            del self._writes[key]
            return 0.0
        left_s = expected.until - asyncio.get_running_loop().time()
        if left_s <= 0:
            self._let_pass(key, expected)
            return 0.0
        _PARKED.inc()
        expected.parked = priority if expected.parked is None else max(priority, expected.parked)
        return left_s

    def is_overdue(self, key: ObjectKey) -> bool:
        """Whether the cache is known to lack the last write to `key`, for longer than the patience lasts."""
        expected = self._writes.get(key)
        return expected is not None and expected.overdue and not self._is_shown(key, expected)

    async def run(self, queue: PriorityQueue[ObjectKey], synced: asyncio.Event) -> None:
        """As a source of the controller: queue each key that was put off when the cache has caught up."""

        def caught_up(event: ObjectEvent) -> None:
            expected = self._writes.get(event.key)
            if expected is not None and self._is_shown(event.key, expected):
                del self._writes[event.key]
                if expected.parked is not None:
                    queue.add(event.key, priority=expected.parked)

        registration = self._informer.add_handler(caught_up, name=f"{queue.name}/own-writes", coalesce=True)
        synced.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            registration.remove()

    def waiting_for(self) -> str:
        return f"{self.name} (not started)"

    def __len__(self) -> int:
        return len(self._writes)

    def _let_pass(self, key: ObjectKey, expected: _Expected) -> None:
        expected.parked = None
        if not expected.overdue:
            expected.overdue = True
            _OVERDUE.inc()
            _log.warning(
                "own_write_not_seen",
                object=f"{self._informer.kind.plural} {key}",
                after_s=self._patience_s,
                next_step="the reconcile goes on with what the cache has; see the informer's state if this lasts",
            )

    def _is_shown(self, key: ObjectKey, expected: _Expected) -> bool:
        lister = self._informer.lister
        header = lister.header(key)
        if expected.gone_uid:
            return header is None or header.uid != expected.gone_uid
        return reached(lister.resource_version if header is None else header.resource_version, expected.version)

    def _gone_uid(self, write: Write) -> str:
        """The UID of an object that this delete ended at once; "" when it goes on to live, waiting for finalizers."""
        if write.verb != "delete" or write.subresource:
            return ""
        result = write.result
        if result.get("kind") == "Status":
            header = self._informer.lister.header(write.key)
            return as_text(at(result, "details", "uid")) or (header.uid if header is not None else "")
        waits = at(result, "metadata", "finalizers") or at(result, "metadata", "deletionGracePeriodSeconds")
        return "" if waits else as_text(at(result, "metadata", "uid"))


class FreshReader:
    """Reads a cache; and the server itself for a key whose last write the cache should show by now and does not."""

    def __init__(self, informer: Informer, gate: WriteGate, client: Client) -> None:
        self._informer = informer
        self._gate = gate
        self._client = client

    async def get(self, key: ObjectKey) -> JsonObject | None:
        """A copy of the object that is the caller's own, or None."""
        if not self._gate.is_overdue(key):
            return self._informer.lister.get(key)
        try:
            return await self._client.get(self._informer.kind, key.name, key.namespace)
        except NotFound:
            return None
