"""Say `leading` when leading and `working` at the first reconcile; reconciles take a while and never run dry."""

import argparse
import asyncio
import time

from hack.bench.subjects.cached import cached
from hack.bench.subjects.subject import Figures, main, tell, weight

from omectl.api.resource import ObjectKey
from omectl.manager import Controller, KindSource, ManagerOptions, Result, enqueue_object


class Announcer:
    """Says when the elected runnables start."""

    name = "announcer"
    needs_leader = True

    async def run(self) -> None:
        tell({"event": "leading", "at_ns": time.monotonic_ns()})


async def run(flags: argparse.Namespace) -> Figures:
    options = ManagerOptions(leader_election=True, lease_name=flags.lease, namespace=flags.namespace)
    async with cached(flags, options) as made:
        began = ended = 0

        async def reconcile(key: ObjectKey) -> Result:
            nonlocal began, ended
            began += 1
            if began == 1:
                tell({"event": "working", "at_ns": time.monotonic_ns()})
            await asyncio.sleep(flags.reconcile_ms / 1e3)
            controller.queue.add(key)
            ended += 1
            return Result()

        source = KindSource(made.informer, enqueue_object())
        controller = made.manager.add_controller(Controller("leader", reconcile, [source], workers=flags.workers))
        made.manager.add(Announcer())
        await made.manager.run_until_signal()
        return {"began": began, "unfinished": began - ended} | weight()


main(run, lease="bench", reconcile_ms=50.0)
