"""A controller that reads each object, notes which it has seen, and when it saw the writer's changes."""

import argparse
import asyncio
import time

from hack.bench.subjects.cached import Cached
from hack.bench.subjects.subject import STAMP, STARTED_NS

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import EventType, ObjectEvent
from omectl.manager import Controller, KindSource, Result, enqueue_object

Rows = list[tuple[int, int, int]]


class Sightings:
    """The writer's stamps, and when handler and reconcile first saw them; none that is older than this process."""

    def __init__(self) -> None:
        self.rows: Rows = []
        self._handled: dict[str, int] = {}
        self._reported: set[str] = set()

    def handle(self, event: ObjectEvent) -> bool:
        """A predicate that lets everything pass."""
        if event.type is EventType.UPDATED:
            self._handled.setdefault(event.header.resource_version, time.monotonic_ns())
        return True

    def reconcile(self, obj: JsonObject) -> None:
        """Note the object's stamp if it is new."""
        metadata = obj["metadata"]
        stamp = metadata.get("annotations", {}).get(STAMP, "")
        if stamp and stamp not in self._reported and int(stamp) > STARTED_NS:
            self._reported.add(stamp)
            handled = self._handled.get(metadata["resourceVersion"], 0)
            self.rows.append((int(stamp), handled, time.monotonic_ns()))


class Passes:
    """`done` is set when every object was reconciled once."""

    def __init__(self, made: Cached, flags: argparse.Namespace) -> None:
        self.sightings = Sightings()
        self.done = asyncio.Event()
        self._lister = made.informer.lister
        self._expected = flags.objects
        self._seen: set[ObjectKey] = set()
        source = KindSource(made.informer, enqueue_object(), [self.sightings.handle])
        made.manager.add_controller(Controller("passes", self._reconcile, [source], workers=flags.workers))

    async def _reconcile(self, key: ObjectKey) -> Result:
        obj = self._lister.get(key)
        if obj is not None:
            self.sightings.reconcile(obj)
            self._seen.add(key)
            if len(self._seen) == self._expected:
                self.done.set()
        return Result()
