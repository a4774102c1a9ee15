"""Give one informer's events to many handlers, the first of them slow; end with the standard input.

A handler is a plain function, so one that is slow holds up the loop, and with it everybody: that is what is measured.
"""

import argparse
import asyncio
import time

from hack.bench.subjects.cached import cached, running
from hack.bench.subjects.passes import Sightings
from hack.bench.subjects.subject import Figures, LoopLag, main, seconds_since_start, standard_input, tell, weight

from omectl.informers import ObjectEvent


async def run(flags: argparse.Namespace) -> Figures:
    async with cached(flags) as made:
        counts = [0] * flags.handlers
        sightings, lag = Sightings(), LoopLag()
        all_told = asyncio.Event()

        def handler(number: int) -> None:
            def told(event: ObjectEvent) -> None:
                if number == 0 and flags.slow_ms:
                    time.sleep(flags.slow_ms / 1e3)
                if number == flags.handlers - 1:
                    sightings.handle(event)
                    sightings.reconcile(event.object())
                counts[number] += 1
                if min(counts[1:]) >= flags.objects:
                    all_told.set()

            made.informer.add_handler(told, name=str(number))

        for number in range(flags.handlers):
            handler(number)
        async with running(made.manager):
            await made.wait_settled()
            await all_told.wait()
            found: Figures = {"fast_told_s": seconds_since_start()}
            measuring = asyncio.create_task(lag.run())
            tell({"event": "ready"})
            async for _ in standard_input():
                pass
            measuring.cancel()
            found |= {"slow_behind": counts[-1] - counts[0]} | weight() | lag.figures()
        return found | {"seen": sightings.rows}


main(run, handlers=20, slow_ms=10.0)
