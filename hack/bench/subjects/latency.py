"""Say `ready` after the first pass, note when the writer's changes are seen, end with the standard input."""

import argparse
import asyncio

from hack.bench.subjects.cached import cached, running
from hack.bench.subjects.passes import Passes
from hack.bench.subjects.subject import Figures, LoopLag, cpu_s, main, standard_input, tell, weight


async def run(flags: argparse.Namespace) -> Figures:
    async with cached(flags) as made:
        passes = Passes(made, flags)
        lag = LoopLag()
        async with running(made.manager):
            await passes.done.wait()
            measuring = asyncio.create_task(lag.run())
            before_s = cpu_s()
            tell({"event": "ready"})
            async for _ in standard_input():
                pass
            measuring.cancel()
            found = weight() | {"cpu_s": cpu_s() - before_s} | lag.figures()
        return found | {"seen": passes.sightings.rows}


main(run)
