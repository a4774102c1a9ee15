"""An operator that lives long: a controller over a namespace, metrics on; a sample of itself every few seconds."""

import argparse
import asyncio

import aiohttp
from hack.bench.subjects.cached import cached, running
from hack.bench.subjects.mirror import Mirror
from hack.bench.subjects.subject import Figures, main, seconds_since_start, standard_input, tell, weight

from omectl.api.resource import ObjectKey
from omectl.manager import Controller, KindSource, ManagerOptions, Result, enqueue_object


async def run(flags: argparse.Namespace) -> Figures:
    async with cached(flags, ManagerOptions(metrics_address="127.0.0.1:0")) as made:
        mirror, reconciles = Mirror(), 0
        informer, manager = made.informer, made.manager
        informer.add_handler(mirror.handle)

        async def reconcile(key: ObjectKey) -> Result:
            nonlocal reconciles
            informer.lister.get(key)
            reconciles += 1
            return Result()

        controller = Controller("soak", reconcile, [KindSource(informer, enqueue_object())], workers=4)
        manager.add_controller(controller)

        async def sample() -> None:
            async with aiohttp.ClientSession() as session:
                while True:
                    async with session.get(f"{manager.metrics_url}/metrics") as answer:
                        scraped = len(await answer.read())
                    found = {"at_s": seconds_since_start(), "tasks": len(asyncio.all_tasks()), "scraped": scraped}
                    found |= {"objects": len(informer.lister), "queued": len(controller.queue)}
                    found |= {"reconciles": reconciles, "tracked": controller.queue.statistics().tracked}
                    tell({"event": "sample"} | found | weight())
                    await asyncio.sleep(flags.interval)

        async with running(manager):
            await made.wait_settled()
            tell({"event": "ready"})
            sampling = asyncio.create_task(sample())
            async for _ in standard_input():
                pass
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
            found = weight() | {"reconciles": reconciles, "informer": informer.statistics()}
        return found | {"versions": mirror.objects, "stored": len(informer.lister)}


main(run, interval=5.0)
