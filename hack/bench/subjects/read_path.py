"""Read a full cache in the ways that reconciles do; a list is read again and again for the given time."""

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable, Iterable

from hack.bench.subjects.cached import cached, running
from hack.bench.subjects.subject import Figures, main, weight

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import Header, HeaderIndex


def shard(header: Header) -> Iterable[str]:
    """The index: a label's value."""
    return (header.labels["shard"],)


def read_for(seconds: float, read: Callable[[], list[JsonObject]]) -> Figures:
    """Operations per second, and what one object takes while it is held, in blocks and bytes of the allocator."""
    gc.collect()
    blocks = sys.getallocatedblocks()
    kept = read()
    blocks_an_object = (sys.getallocatedblocks() - blocks) / len(kept)
    del kept
    began, operations, objects = time.perf_counter(), 0, 0
    while operations == 0 or time.perf_counter() - began < seconds:
        objects += len(read())
        operations += 1
    took_s = time.perf_counter() - began
    return {
        "per_s": operations / took_s,
        "objects": objects // operations,
        "blocks_an_object": blocks_an_object,
    }


async def run(flags: argparse.Namespace) -> Figures:
    async with cached(flags) as made:
        made.informer.add_indexes({"shard": HeaderIndex(shard)})
        async with running(made.manager):
            await made.wait_settled()
            lister, choose = made.informer.lister, random.Random(1).randrange

            def get() -> list[JsonObject]:
                found = lister.get(ObjectKey(flags.namespace, f"object-{choose(flags.objects):05}"))
                return [found] if found is not None else []

            reads: dict[str, Callable[[], list[JsonObject]]] = {
                "get": get,
                "list_namespace": lambda: lister.list(flags.namespace),
                "list_index": lambda: lister.by_index("shard", "3"),
                "list_label": lambda: lister.list(flags.namespace, {"shard": "3"}),
            }
            found: Figures = {}
            for name, read in reads.items():
                found |= {f"{name}_{figure}": value for figure, value in read_for(flags.seconds, read).items()}
            found |= weight()
        return found


main(run)
