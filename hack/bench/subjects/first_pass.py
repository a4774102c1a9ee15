"""Reconcile every object once."""

import argparse

from hack.bench.subjects.cached import cached, running
from hack.bench.subjects.passes import Passes
from hack.bench.subjects.subject import Figures, main, seconds_since_start, weight


async def run(flags: argparse.Namespace) -> Figures:
    async with cached(flags) as made:
        passes = Passes(made, flags)
        async with running(made.manager):
            await made.wait_settled()
            found: Figures = {"synced_s": seconds_since_start()}
            await passes.done.wait()
            found |= {"first_pass_s": seconds_since_start()} | weight()
        return found | {"seen": passes.sightings.rows}


main(run)
