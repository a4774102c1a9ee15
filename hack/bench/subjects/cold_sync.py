"""Fill a manager's cache."""

import argparse
import asyncio

from hack.bench.subjects.cached import cached, running
from hack.bench.subjects.subject import Figures, LoopLag, main, resident_bytes, seconds_since_start, weight

IMPORTED_S = seconds_since_start()


async def run(flags: argparse.Namespace) -> Figures:
    async with cached(flags) as made:
        lag = LoopLag()
        before = resident_bytes()
        measuring = asyncio.create_task(lag.run())
        async with running(made.manager):
            await made.wait_settled()
            found: Figures = {"synced_s": seconds_since_start(), "ready_s": IMPORTED_S} | weight()
            found |= {"stall_max_ms": lag.figures().get("stall_max_ms", 0.0)}
            if flags.objects:
                found["bytes_per_object"] = (found["rss_bytes"] - before) / flags.objects
            await asyncio.sleep(flags.settle)
            found["settled_bytes"] = resident_bytes()
        measuring.cancel()
        cached_objects = sum(len(informer.lister) for informer in made.informers)
        if flags.objects and cached_objects != flags.objects:
            raise SystemExit(f"wanted {flags.objects} objects in the cache, found {cached_objects}")
        return found


main(run, settle=0.0)
