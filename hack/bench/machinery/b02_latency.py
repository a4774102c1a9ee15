"""B2: from a write to the reconcile that sees it, with 10,000 objects in the cache."""

import asyncio

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.figures import latencies
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Profile, Stage
from hack.bench.machinery.subjects import GO, GO_TYPED, KOPF, MACHINERIES, OMECTL
from hack.bench.program import Answer
from hack.bench.report import Bar

TITLE = "write to reconcile"
RATES = (50, 200, 500, 1000)
BAR_RATE = 200
DRAIN_S = 2.0


def cases(options: Options) -> list[Case]:
    """The rate of the bars with every repetition, the others once; one case with a single hot object."""
    objects = options.up_to(10_000)
    found = [_case(rate, objects, options, hot=False) for rate in RATES]
    return [*found, _case(BAR_RATE, objects, options, hot=True)]


def _name(rate: int, objects: int, options: Options, *, hot: bool) -> str:
    return f"{rate}/s for {options.seconds:g} s, {f'one of {objects}' if hot else f'{objects} objects'}"


def _case(rate: int, objects: int, options: Options, *, hot: bool) -> Case:
    async def measure(stage: Stage, subject: str) -> Answer:
        collection = await stage.collection(Profile.MEDIUM, objects)
        async with stage.program(subject, "latency", *collection.flags) as program:
            await program.event("ready")
            wrote = await stage.write(collection, rate, options.seconds, *(["--hot"] if hot else []))
            await asyncio.sleep(DRAIN_S)
            found = await program.finish()
        late = {"write_errors": wrote["errors"], "writer_late_ms": wrote["latest_s"] * 1e3}
        return latencies(wrote["rows"], found.pop("seen")) | found | late

    name = _name(rate, objects, options, hot=hot)
    repetitions = options.repeat if rate == BAR_RATE and not hot else 1
    return Case(name=name, subjects=(*MACHINERIES, KOPF), measure=measure, repetitions=repetitions)


def bars(found: Found, options: Options) -> list[Bar]:
    """Of the middle at 200/s; the 99th percentile is a stretch, its spread stands in the table."""
    case = _name(BAR_RATE, options.up_to(10_000), options, hot=False)
    return [
        *found.ratio("p50", case, "reconcile_p50_ms", OMECTL, GO, 1.0),
        *found.ratio("p50", case, "reconcile_p50_ms", OMECTL, GO_TYPED, 1.0),
        *found.ratio("p99 (stretch)", case, "reconcile_p99_ms", OMECTL, GO, 1.5),
        *found.ratio("p99 (stretch)", case, "reconcile_p99_ms", OMECTL, GO_TYPED, 1.5),
        *found.limit("loop lag p99, ms", case, "stall_p99_ms", OMECTL, 20.0),
        *found.limit("lost writes", case, "lost", OMECTL, 0.0),
    ]
