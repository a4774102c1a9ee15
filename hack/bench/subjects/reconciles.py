"""Keep every key coming back at once, and count reconciles."""

import argparse
import asyncio
import time
from collections import Counter

from hack.bench.subjects.cached import cached, running
from hack.bench.subjects.subject import Figures, LoopLag, cpu_s, main, weight

from omectl.api.resource import ObjectKey
from omectl.manager import Controller, Result
from omectl.workqueue import PriorityQueue


class QueueSource:
    """Gives the controller's queue away."""

    name = "queue"

    def __init__(self) -> None:
        self.queue: asyncio.Future[PriorityQueue[ObjectKey]] = asyncio.get_running_loop().create_future()

    async def run(self, queue: PriorityQueue[ObjectKey], synced: asyncio.Event) -> None:
        self.queue.set_result(queue)
        synced.set()
        await asyncio.get_running_loop().create_future()

    def waiting_for(self) -> str:
        return self.name


async def run(flags: argparse.Namespace) -> Figures:
    async with cached(flags) as made:
        informer, client = made.informer, made.client
        counts: Counter[ObjectKey] = Counter()
        source = QueueSource()

        async def reconcile(key: ObjectKey) -> Result:
            if informer.lister.get(key) is None:
                return Result()
            counts[key] += 1
            if flags.work == "wait":
                await asyncio.sleep(0.005)
            elif flags.work == "patch":
                patch = {"metadata": {"annotations": {"bench.omectl.io/pass": str(counts[key])}}}
                await client.merge_patch(informer.kind, key.name, patch, key.namespace)
            source.queue.result().add(key)
            return Result()

        made.manager.add_controller(Controller("reconciles", reconcile, [source], workers=flags.workers))
        lag = LoopLag()
        async with running(made.manager):
            await made.wait_settled()
            queue = await source.queue
            for header in informer.lister.headers():
                queue.add(header.key)
            await asyncio.sleep(1.0)
            measuring = asyncio.create_task(lag.run())
            before, before_s, began = counts.total(), cpu_s(), time.monotonic()
            await asyncio.sleep(flags.seconds)
            done, took_s = counts.total() - before, time.monotonic() - began
            measuring.cancel()
            least = min(counts.values()) if len(counts) == flags.objects else 0
            found: Figures = {"reconciles_per_s": done / took_s, "most": max(counts.values()), "least": least}
            found |= weight() | {"cpu_s": cpu_s() - before_s} | lag.figures()
        return found


main(run, work="none")
