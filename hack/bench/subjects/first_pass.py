"""Cache the ConfigMaps of a namespace and reconcile each once, on omectl's machinery; print what it took as JSON."""

import argparse
import asyncio
import json
import os
import time
from pathlib import Path

import structlog

STARTED = time.monotonic()


async def run(kubeconfig: Path, namespace: str, expected: int) -> dict[str, float]:
    from hack.bench.process import resident_bytes

    from omectl.api.resource import ObjectKey
    from omectl.kube.client import Client
    from omectl.kube.credentials import load_config
    from omectl.kube.resources import CONFIG_MAPS
    from omectl.manager import Controller, KindSource, Manager, ManagerOptions, Result, enqueue_object

    async with Client(load_config(kubeconfig)) as client:
        manager = Manager(client, ManagerOptions())
        informer = manager.informers.informer(CONFIG_MAPS, namespace=namespace)
        seen: set[ObjectKey] = set()

        async def reconcile(key: ObjectKey) -> Result:
            if informer.lister.get(key) is not None:
                seen.add(key)
                if len(seen) == expected:
                    manager.stop()
            return Result()

        manager.add_controller(Controller("first-pass", reconcile, [KindSource(informer, enqueue_object())]))
        synced = asyncio.create_task(informer.wait_settled())
        running = asyncio.create_task(manager.run())
        await synced
        synced_s = time.monotonic() - STARTED
        await running
        return {
            "synced_s": synced_s,
            "first_pass_s": time.monotonic() - STARTED,
            "rss_bytes": resident_bytes(os.getpid()),
            "peak_bytes": resident_bytes(os.getpid(), "VmHWM"),
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--objects", type=int, required=True)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    print(json.dumps(asyncio.run(run(arguments.kubeconfig, arguments.namespace, arguments.objects))))


main()
