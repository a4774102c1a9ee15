"""AcceleratorClass: count its nodes and accelerators, and say what is wrong with it.

A pass reads caches only and writes the status, when it differs; one in which only counts moved, as they do with every
pod, waits for its turn. The class has no finalizer of ours: there is nothing to
clean up. The reference's is taken off when met, or a class would never go once that controller is gone.
"""

import asyncio
from dataclasses import replace
from typing import Final

import structlog

from omectl.api.accelerator_class import AcceleratorClass, AcceleratorClassStatus
from omectl.api.codec import DecodeError, decode_as
from omectl.api.json import JsonObject
from omectl.api.kinds import ACCELERATOR_CLASSES
from omectl.api.labels import ACCELERATOR_CLASS_FINALIZER
from omectl.api.resource import ObjectKey
from omectl.clock import Clock
from omectl.informers import Lister
from omectl.kube.client import Client
from omectl.kube.errors import NotFound
from omectl.kube.finalizers import release
from omectl.manager import Result, TerminalError
from omectl.planner.accelerators.recognition import recognition_of
from omectl.reconcilers.accelerator_class_status import class_status
from omectl.reconcilers.accelerator_devices import AcceleratorDevices
from omectl.reconcilers.accelerator_nodes import AcceleratorNodes
from omectl.reconcilers.status_writer import put_status

COUNTS_INTERVAL_S: Final = 1.0
"""A status that differs only in its counts is not written more often than this."""

_log = structlog.stdlib.get_logger(__name__)


class AcceleratorClassReconciler:
    """Brings a class's status in line with nodes and pods."""

    def __init__(
        self,
        client: Client,
        classes: Lister,
        nodes: AcceleratorNodes,
        devices: AcceleratorDevices,
        clock: Clock,
        *,
        counts_interval_s: float = COUNTS_INTERVAL_S,
    ) -> None:
        self._client = client
        self._classes = classes
        self._nodes = nodes
        self._devices = devices
        self._clock = clock
        self._counts_interval_s = counts_interval_s
        self._written: dict[ObjectKey, float] = {}

    async def reconcile(self, key: ObjectKey) -> Result:
        """One pass over one class."""
        raw = self._classes.get(key)
        if raw is None:
            self._nodes.forget(key.name)
            self._written.pop(key, None)
            return Result()
        try:
            raw = await release(self._client, ACCELERATOR_CLASSES, raw, ACCELERATOR_CLASS_FINALIZER)
        except NotFound:
            # Gone since it was cached: its event is on the way.
            return Result()
        one = _decoded(raw)
        if one.metadata.deleting:
            return Result()
        recognition = recognition_of(one)
        found = self._nodes.inventory(recognition)
        found = replace(found, findings=(*found.findings, *self._devices.findings(recognition)))
        status = class_status(one, found, self._clock.now())
        now = asyncio.get_running_loop().time()
        wait_s = self._written.get(key, now - self._counts_interval_s) + self._counts_interval_s - now
        if wait_s > 0 and status != one.status and _verdicts(status) == _verdicts(one.status):
            return Result(requeue_after_s=wait_s)
        written = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        if await put_status(self._client, ACCELERATOR_CLASSES, raw, written) is not None:
            self._written[key] = now
            _log.info("accelerator_class_counted", accelerator_class=one.name, nodes=status.available_nodes)
        return Result()


def _decoded(raw: JsonObject) -> AcceleratorClass:
    try:
        return decode_as(AcceleratorClass, raw)
    except DecodeError as error:
        raise TerminalError(str(error)) from error


def _verdicts(status: AcceleratorClassStatus | None) -> object:
    """What of a status is news at once: its nodes and what its conditions say, less the counts in their messages."""
    if status is None:
        return None
    conditions = [(one.type, one.status, one.reason, one.observed_generation) for one in status.conditions or ()]
    return (status.nodes, conditions)
