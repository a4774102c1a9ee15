"""B9: one informer, 20 handlers; and what a slow one among them does to the others."""

import asyncio

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.figures import latencies
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Profile, Stage
from hack.bench.machinery.subjects import MACHINERIES
from hack.bench.program import Answer
from hack.bench.report import Bar

TITLE = "fan-out"
OBJECTS = 1_000
RATE = 50
LONGEST_S = 10.0
SLOW_MS = (0, 10)
MOST_REPETITIONS = 3


def cases(options: Options) -> list[Case]:
    """All quick, and one of 10 ms an event; the initial set, then 50 updates a second."""
    return [_case(slow_ms, options) for slow_ms in SLOW_MS]


def _case(slow_ms: int, options: Options) -> Case:
    objects, seconds = options.up_to(OBJECTS), min(options.seconds, LONGEST_S)

    async def measure(stage: Stage, subject: str) -> Answer:
        collection = await stage.collection(Profile.MEDIUM, objects)
        async with stage.program(subject, "fan_out", *collection.flags, f"--slow-ms={slow_ms}") as program:
            await program.event("ready")
            wrote = await stage.write(collection, RATE, seconds)
            await asyncio.sleep(1.0)
            found = await program.finish()
        return found | latencies(wrote["rows"], found.pop("seen"))

    name = f"{objects} objects, 20 handlers{f', one of {slow_ms} ms' if slow_ms else ''}"
    repetitions = options.repetitions(MOST_REPETITIONS)
    return Case(name=name, subjects=MACHINERIES, measure=measure, repetitions=repetitions)


def bars(found: Found, options: Options) -> list[Bar]:
    """None was promised: here a handler is quick by contract."""
    return []
