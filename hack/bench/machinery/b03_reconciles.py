"""B3: how many reconciles a second, with 10,000 keys that come back at once for ever."""

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Profile, Stage
from hack.bench.machinery.subjects import MACHINERIES, OMECTL
from hack.bench.program import Answer
from hack.bench.report import Bar

TITLE = "sustained reconciles"
WORKS = (("none", 1), ("none", 4), ("none", 16), ("wait", 16), ("patch", 16))
MOST_REPETITIONS = 3
LONGEST_S = 10.0
LEAST_PER_S = 8_000


def cases(options: Options) -> list[Case]:
    """A read of the cache alone; and with a wait of 5 ms or a merge patch after it."""
    return [_case(work, workers, options) for work, workers in WORKS]


def _name(work: str, workers: int, options: Options) -> str:
    return f"{work}, {workers} workers, {options.up_to(10_000)} keys, {min(options.seconds, LONGEST_S):g} s"


def _case(work: str, workers: int, options: Options) -> Case:
    async def measure(stage: Stage, subject: str) -> Answer:
        collection = await stage.collection(Profile.MEDIUM, options.up_to(10_000))
        how = (f"--work={work}", f"--workers={workers}", f"--seconds={min(options.seconds, LONGEST_S)}")
        found = await stage.measure(subject, "reconciles", *collection.flags, *how)
        return found | ({"most_to_least": found["most"] / found["least"]} if found["least"] else {})

    repetitions = options.repetitions(MOST_REPETITIONS)
    return Case(name=_name(work, workers, options), subjects=MACHINERIES, measure=measure, repetitions=repetitions)


def bars(found: Found, options: Options) -> list[Bar]:
    """Of reads of the cache by one worker."""
    case = _name("none", 1, options)
    return found.at_least("reconciles a second", case, "reconciles_per_s", OMECTL, LEAST_PER_S)
