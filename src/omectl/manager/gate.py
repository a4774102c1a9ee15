"""Read your writes: a key is not reconciled before the cache shows what its last reconcile wrote."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from omectl import metrics
from omectl.api.document import as_text, at
from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, key_of
from omectl.informers import Lister
from omectl.kube.resource_version import reached

LOOK_AGAIN_S = 0.02

_PARKED = metrics.counter(metrics.READ_YOUR_WRITES_PARKED, "Reconciles put off until the cache had caught up.")


@dataclass(frozen=True, slots=True)
class _Write:
    resource_version: str
    until: float


class WriteGate:
    """Remembers the last write per key until the cache has reached it, `patience_s` at the longest.

    Tell it every object of the controller's own kind that the server answered to a write: `gate.wrote(obj)`. Bounded: a
    write is forgotten when it is seen, when it is too old, or when more than `most` newer ones came.
    """

    def __init__(self, lister: Lister, *, patience_s: float = 1.0, most: int = 10_000) -> None:
        self._lister = lister
        self._patience_s = patience_s
        self._most = most
        self._writes: dict[ObjectKey, _Write] = {}

    def wrote(self, obj: JsonObject) -> None:
        """The server answered this object to a write."""
        version = as_text(at(obj, "metadata", "resourceVersion"))
        if not version:
            return
        key = key_of(obj)
        self._writes.pop(key, None)
        self._writes[key] = _Write(version, asyncio.get_running_loop().time() + self._patience_s)
        if len(self._writes) > self._most:
            del self._writes[next(iter(self._writes))]

    def is_behind(self, key: ObjectKey) -> bool:
        """Whether the cache does not show the last write to `key` yet, and there is patience left."""
        write = self._writes.get(key)
        if write is None:
            return False
        header = self._lister.header(key)
        seen = header is not None and reached(header.resource_version, write.resource_version)
        if seen or asyncio.get_running_loop().time() >= write.until:
            del self._writes[key]
            return False
        _PARKED.inc()
        return True

    def __len__(self) -> int:
        return len(self._writes)
