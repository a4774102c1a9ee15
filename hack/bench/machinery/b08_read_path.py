"""B8: reads of a full cache."""

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Profile, Stage
from hack.bench.machinery.subjects import MACHINERIES
from hack.bench.program import Answer
from hack.bench.report import Bar

TITLE = "read path"
OBJECTS = 50_000
LONGEST_S = 5.0
MOST_REPETITIONS = 3


def cases(options: Options) -> list[Case]:
    """By key, by namespace, by index, by label; every object that is handed out is the caller's own."""
    objects, seconds = options.up_to(OBJECTS), min(options.seconds, LONGEST_S)

    async def measure(stage: Stage, subject: str) -> Answer:
        collection = await stage.collection(Profile.MEDIUM, objects)
        return await stage.measure(subject, "read_path", *collection.flags, f"--seconds={seconds}")

    repetitions = options.repetitions(MOST_REPETITIONS)
    return [Case(name=f"{objects} objects", subjects=MACHINERIES, measure=measure, repetitions=repetitions)]


def bars(found: Found, options: Options) -> list[Bar]:
    """None was promised."""
    return []
