"""The work queue by itself, with metrics on: add every key, then empty it."""

import argparse
import random
import time
from collections.abc import Callable

from hack.bench.subjects.subject import Figures, main, resident_bytes

from omectl.api.resource import ObjectKey
from omectl.workqueue import PriorityQueue

Add = Callable[[ObjectKey, int], None]


def adding(queue: PriorityQueue[ObjectKey], mode: str) -> tuple[Add, int]:
    """How a case queues one key, and how many times over."""
    draw = random.Random(1).random

    def delayed(key: ObjectKey, _number: int) -> None:
        queue.add(key, after_s=draw() / 10)

    def limited(key: ObjectKey, _number: int) -> None:
        queue.add(key, rate_limited=True)

    def prioritised(key: ObjectKey, number: int) -> None:
        queue.add(key, priority=number % 5)

    def plain(key: ObjectKey, _number: int) -> None:
        queue.add(key)

    modes: dict[str, tuple[Add, int]] = {
        "plain": (plain, 1),
        "duplicates": (plain, 10),
        "delayed": (delayed, 1),
        "priorities": (prioritised, 1),
        "limited": (limited, 1),
    }
    return modes[mode]


async def run(flags: argparse.Namespace) -> Figures:
    keys = [ObjectKey("bench", f"object-{number:05}") for number in range(flags.objects)]
    queue: PriorityQueue[ObjectKey] = PriorityQueue("bench")
    add, repeat = adding(queue, flags.mode)
    before = resident_bytes()
    began = time.perf_counter_ns()
    for number, key in enumerate(keys):
        for _ in range(repeat):
            add(key, number)
    added = time.perf_counter_ns()
    memory = resident_bytes() - before
    for _ in keys:
        key, _priority = await queue.get()
        queue.forget(key)
        queue.done(key)
    ended = time.perf_counter_ns()
    queue.shut_down()
    return {
        "add_ns": (added - began) / (len(keys) * repeat),
        "get_done_ns": (ended - added) / len(keys),
        "whole_ns": (ended - began) / len(keys),
        "bytes_per_key": memory / len(keys),
    }


main(run, mode="plain")
