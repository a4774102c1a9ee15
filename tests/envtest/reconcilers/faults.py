"""Clients between a manager and the server that do what a bad day does: end, refuse, lag."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import Conflict
from omectl.kube.resources import CORE_EVENTS, EVENTS
from omectl.manager import TerminalError

LAG_S = 0.3


class Kind(Enum):
    """KILL: the write is done, its answer is lost, and nothing more is written. CONFLICT: it is refused once.

    DELETE: the write is done, and somebody deletes the service before the answer comes.
    """

    KILL = "killed after"
    CONFLICT = "409 on"
    DELETE = "deleted after"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the `number`-th write in a namespace, counted from 1."""

    kind: Kind
    number: int


class Dead(TerminalError):
    """Ends the pass as the end of the process would, but for this namespace alone: what it knows by now is lost."""


@dataclass(slots=True)
class Tally:
    """What was written in a namespace, Events apart: they are told in the background, in no order with the rest."""

    written: list[str] = field(default_factory=list)
    dead: bool = False


class FaultyClient(Client):
    """Counts writes by namespace; each namespace has a fault of its own, so that one manager meets many of them.

    To a service whose namespace is dead, the manager is as dead as a killed one: it writes nothing more.
    """

    def __init__(
        self, config: ClientConfig, faults: Mapping[str, Fault], delete: Callable[[str], Awaitable[None]]
    ) -> None:
        """`delete` deletes the service in a namespace."""
        super().__init__(config)
        self.tallies: dict[str, Tally] = {}
        self._faults = faults
        self._delete = delete

    @property
    def writes(self) -> int:
        return sum(len(tally.written) for tally in self.tallies.values())

    async def _write(self, kind: Any, key: Any, request: Any, subresource: str = "", *, dry_run: bool) -> Any:
        if dry_run or kind in (EVENTS, CORE_EVENTS) or not key.namespace:
            return await super()._write(kind, key, request, subresource, dry_run=dry_run)
        tally = self.tallies.setdefault(key.namespace, Tally())
        if tally.dead:
            raise Dead
        tally.written.append(f"{request.verb} {kind.kind} {key.name} {subresource}".rstrip())
        fault, number = self._faults.get(key.namespace), len(tally.written)
        if fault == Fault(Kind.CONFLICT, number):
            raise Conflict(409, "Conflict", "injected by a test")
        answer = await super()._write(kind, key, request, subresource, dry_run=dry_run)
        if fault == Fault(Kind.DELETE, number):
            await self._delete(key.namespace)
        tally.dead = tally.dead or fault == Fault(Kind.KILL, number)
        if tally.dead:
            raise Dead
        return answer


class LaggingClient(FaultyClient):
    """Its watches tell everything late: what is read lags behind what was written."""

    @asynccontextmanager
    async def watch(self, *arguments: Any, **options: Any) -> AsyncGenerator[AsyncIterator[Any]]:
        async def late(batches: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for batch in batches:
                await asyncio.sleep(LAG_S)
                yield batch

        async with super().watch(*arguments, **options) as batches:
            yield late(batches)
