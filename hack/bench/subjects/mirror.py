"""What an informer's handler was told: the objects that exist, how many deletes it heard, what it heard twice."""

import asyncio
from collections.abc import Callable

from omectl.informers import EventType, ObjectEvent


class Mirror:
    """Objects by namespace/name with their resource version."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}
        self.deletes = 0
        self.duplicates = 0
        self._changed = asyncio.Event()

    def handle(self, event: ObjectEvent) -> None:
        """An informer's handler."""
        name, version = str(event.key), event.header.resource_version
        if event.type is EventType.DELETED:
            self.objects.pop(name, None)
            self.deletes += 1
        else:
            self.duplicates += self.objects.get(name) == version
            self.objects[name] = version
        self._changed.set()

    async def until(self, done: Callable[[], bool], deadline_s: float) -> None:
        """Until `done`, or the deadline has passed."""
        try:
            async with asyncio.timeout(deadline_s):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return
