"""A peer on kopf; runs in the peers' own environment, without omectl.

`event`: a raw event handler, and no cache (kopf's index of 10,000 objects took more than four minutes). `update`:
create and update handlers, which write an annotation to each object. With `--hold` it then says `ready` and goes on
until its standard input ends.
"""

import argparse
import asyncio
import logging
import os
import time
from typing import Any

import kopf
from hack.bench.subjects.subject import (
    STAMP,
    STARTED_NS,
    Figures,
    arguments,
    cpu_s,
    seconds_since_start,
    standard_input,
    tell,
    weight,
)

IMPORTED_S = seconds_since_start()
CONFIG_MAPS = ("", "v1", "configmaps")
LOGIN = kopf.login_with_kubeconfig


class Seen:
    """The objects that a handler was told of, and the writer's stamps on them."""

    def __init__(self, expected: int) -> None:
        self.all = asyncio.Event()
        self.rows: list[tuple[int, int, int]] = []
        self._expected = expected
        self._names: set[str] = set()
        self._stamps: set[str] = set()

    async def tell(self, name: str, annotations: Any, **_: Any) -> None:
        now = time.monotonic_ns()
        stamp = annotations.get(STAMP, "")
        if stamp and stamp not in self._stamps and int(stamp) > STARTED_NS:
            self._stamps.add(stamp)
            self.rows.append((int(stamp), now, now))
        self._names.add(name)
        if len(self._names) == self._expected:
            self.all.set()


def registry(seen: Seen, mode: str) -> kopf.OperatorRegistry:
    """The handlers of a mode."""
    made = kopf.OperatorRegistry()
    kopf.on.login(registry=made)(LOGIN)

    @kopf.on.startup(registry=made)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False

    if mode == "event":
        kopf.on.event(*CONFIG_MAPS, registry=made)(seen.tell)
    else:
        kopf.on.create(*CONFIG_MAPS, registry=made)(seen.tell)
        kopf.on.update(*CONFIG_MAPS, registry=made)(seen.tell)
        kopf.on.resume(*CONFIG_MAPS, registry=made)(seen.tell)
    return made


async def run(flags: argparse.Namespace) -> Figures:
    seen, stop = Seen(flags.objects), asyncio.Event()
    operator = kopf.operator(
        registry=registry(seen, flags.mode), standalone=True, namespaces=flags.namespace.split(","), stop_flag=stop
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(operator)
        await seen.all.wait()
        done_s = seconds_since_start()
        found: Figures = {"ready_s": IMPORTED_S, "synced_s": done_s, "first_pass_s": done_s} | weight()
        if flags.hold:
            before_s = cpu_s()
            tell({"event": "ready"})
            async for _ in standard_input():
                pass
            found |= weight() | {"cpu_s": cpu_s() - before_s}
        stop.set()
    return found | {"seen": seen.rows}


def main() -> None:
    flags = arguments(mode="event", hold=0)
    os.environ["KUBECONFIG"] = str(flags.kubeconfig)
    logging.getLogger().setLevel(logging.CRITICAL)
    logging.disable(logging.CRITICAL)
    tell(asyncio.run(run(flags)))


main()
