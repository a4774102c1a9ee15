"""A client that dies with its process right after the n-th write."""

from __future__ import annotations

import asyncio
from typing import Any

from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.resources import CORE_EVENTS, EVENTS

NEVER = 1 << 30
_WRITES = ("create", "replace", "apply", "merge_patch", "json_patch", "delete", "create_subresource")


class MortalClient(Client):
    """Counts its writes, Events apart: they are told in the background, in no order with the rest.

    After the n-th, `dead` is set: the server has done the write, and no answer ever comes. A dead client's writes wait
    for ever, as a process that is gone writes nothing.
    """

    def __init__(self, config: ClientConfig, die_after: int = NEVER) -> None:
        super().__init__(config)
        self.dead = asyncio.Event()
        self.written: list[str] = []
        self._die_after = die_after
        for name in _WRITES:
            setattr(self, name, self._mortal(name))

    def _mortal(self, name: str) -> Any:
        inner = getattr(Client, name)

        async def write(kind: Any, *arguments: Any, **options: Any) -> Any:
            if self.dead.is_set():
                await asyncio.Future()
            answer = await inner(self, kind, *arguments, **options)
            if kind not in (EVENTS, CORE_EVENTS) and not self.dead.is_set():
                self.written.append(f"{name} {kind.kind}")
                if len(self.written) == self._die_after:
                    self.dead.set()
            if self.dead.is_set():
                await asyncio.Future()
            return answer

        return write
