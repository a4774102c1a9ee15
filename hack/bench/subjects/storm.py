"""Fill a cache over many namespaces, say `ready`, and wait for each number of objects that the starter names."""

import argparse
import asyncio
import json
import time

from hack.bench.subjects.cached import cached, running
from hack.bench.subjects.mirror import Mirror
from hack.bench.subjects.subject import (
    Figures,
    LoopLag,
    main,
    seconds_since_start,
    standard_input,
    tell,
    weight,
)

SYNC_DEADLINE_S = 600.0


async def run(flags: argparse.Namespace) -> Figures:
    async with cached(flags) as made:
        mirror, lag = Mirror(), LoopLag()
        for informer in made.informers:
            informer.add_handler(mirror.handle)
        measuring = asyncio.create_task(lag.run())
        async with running(made.manager):
            await made.wait_settled()
            await mirror.until(lambda: len(mirror.objects) == flags.objects, SYNC_DEADLINE_S)
            tell({"event": "ready", "synced_s": seconds_since_start()} | lag.figures())
            async for line in standard_input():
                wanted = json.loads(line)
                await mirror.until(lambda count=wanted["objects"]: len(mirror.objects) == count, wanted["deadline_s"])
                told = {"objects": len(mirror.objects), "deletes": mirror.deletes, "duplicates": mirror.duplicates}
                tell({"event": "reached", "at_ns": time.monotonic_ns()} | told | weight() | lag.figures())
        measuring.cancel()
        stored = sum(len(informer.lister) for informer in made.informers)
        return weight() | {"versions": mirror.objects, "stored": stored}


main(run)
