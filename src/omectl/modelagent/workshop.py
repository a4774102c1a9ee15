"""The things that work on a model needs, made once per agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

from omectl.api.labels import ModelKey
from omectl.clock import Clock
from omectl.modelagent.claims import PathClaims
from omectl.modelagent.credentials import Credentials
from omectl.modelagent.node_state import NodeState
from omectl.modelagent.options import AgentOptions
from omectl.modelagent.record import ModelRecord
from omectl.modelagent.rooted import RootedDirectory
from omectl.modelagent.storage.http import SmallReads
from omectl.modelagent.storage.hub import HubBackend
from omectl.modelagent.store import ModelStore
from omectl.modelagent.threads import in_thread
from omectl.modelagent.transfer.disk import disk_error
from omectl.modelagent.transfer.engine import TransferEngine

_PARALLEL_LISTINGS = 8

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Tools and memory; `records` mirrors the records on disk."""

    options: AgentOptions
    root: RootedDirectory
    store: ModelStore
    engine: TransferEngine
    hub: HubBackend
    reads: SmallReads
    credentials: Credentials
    state: NodeState
    clock: Clock
    threads: anyio.CapacityLimiter
    records: dict[ModelKey, ModelRecord] = field(default_factory=dict[ModelKey, ModelRecord])
    claims: PathClaims = field(default_factory=PathClaims)
    listings: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_PARALLEL_LISTINGS))
    """How many models may ask a hub what they are at one time."""

    async def on_disk(self, call: Callable[[], _T]) -> _T:
        """Run a blocking call on the models root; its OSError becomes a ModelError."""
        try:
            return await in_thread(call, self.threads)
        except OSError as error:
            raise disk_error(error, self.root, 0) from error

    async def save(self, record: ModelRecord) -> None:
        if self.records.get(record.key) != record:
            await self.on_disk(lambda: self.store.save(record))
            self.records[record.key] = record
