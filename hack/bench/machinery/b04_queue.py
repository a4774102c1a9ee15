"""B4: the work queue by itself, without a server."""

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Stage
from hack.bench.machinery.subjects import GO, OMECTL
from hack.bench.program import Answer
from hack.bench.report import Bar

TITLE = "work queue"
KEYS = 100_000
MODES = ("plain", "duplicates", "delayed", "priorities", "limited")
GO_PRIORITY = f"{GO.split()[0]} priority queue"
GO_PLAIN = "client-go queue"


def cases(options: Options) -> list[Case]:
    """Adds, 90 % duplicates, random delays up to 0.1 s, five priorities, the rate limiter."""
    return [_case(mode, options) for mode in MODES]


def _name(mode: str, options: Options) -> str:
    return f"{mode}, {KEYS if not options.quick else KEYS // 10} keys"


def _case(mode: str, options: Options) -> Case:
    async def measure(stage: Stage, subject: str) -> Answer:
        keys = KEYS // 10 if options.quick else KEYS
        how = [f"--mode={mode}", f"--objects={keys}"]
        if subject != OMECTL:
            how += ["--priority"] if subject == GO_PRIORITY else []
            return await stage.measure(GO, "queue", *how)
        return await stage.measure(OMECTL, "work_queue", *how)

    subjects = (OMECTL, GO_PRIORITY) if mode == "priorities" else (OMECTL, GO_PRIORITY, GO_PLAIN)
    return Case(name=_name(mode, options), subjects=subjects, measure=measure, repetitions=options.repeat)


def bars(found: Found, options: Options) -> list[Bar]:
    """Add, get and done of one key."""
    return [
        *found.limit("ns for add, get and done", _name("plain", options), "whole_ns", OMECTL, 2_000),
        *found.limit("ns for add, get and done", _name("priorities", options), "whole_ns", OMECTL, 4_000),
    ]
