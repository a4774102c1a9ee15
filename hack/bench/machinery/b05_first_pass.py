"""B5: from the start of the process until every object was reconciled once, while users change 20 a second."""

import asyncio

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.figures import latencies
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Profile, Stage
from hack.bench.machinery.subjects import GO, GO_TYPED, KOPF, KOPF_UPDATE, MACHINERIES, OMECTL
from hack.bench.program import Answer
from hack.bench.program import measure as run_program
from hack.bench.report import Bar

TITLE = "first pass"
USER_RATE = 20
WRITER_AHEAD_S = 0.5


def cases(options: Options) -> list[Case]:
    """10,000 and 50,000 objects; kopf's create/update handlers once, on objects of their own, which they rewrite."""
    sizes = sorted({options.up_to(10_000), options.up_to(50_000)})
    return [*(_case(objects, options) for objects in sizes), _update_case(options)]


def _name(objects: int) -> str:
    return f"{objects} objects, {USER_RATE} user updates/s"


def _case(objects: int, options: Options) -> Case:
    async def measure(stage: Stage, subject: str) -> Answer:
        collection = await stage.collection(Profile.MEDIUM, objects)
        async with stage.writing(collection, USER_RATE) as wrote:
            await asyncio.sleep(WRITER_AHEAD_S)
            found = await stage.measure(subject, "first_pass", *collection.flags)
        seen = found.pop("seen")
        # A write that the subject was still to see when it ended is neither late nor lost.
        stamps = {row[0] for row in seen}
        user = latencies([row for row in wrote["rows"] if row[0] in stamps], seen)
        return found | {f"user_{name}": value for name, value in user.items() if name.startswith(("reconcile", "wri"))}

    subjects = (*MACHINERIES, KOPF)
    return Case(name=_name(objects), subjects=subjects, measure=measure, repetitions=options.repeat)


def _update_case(options: Options) -> Case:
    objects = options.up_to(10_000)

    async def measure(stage: Stage, subject: str) -> Answer:
        name = stage.new_name("kopf-update")
        flags = (f"--namespace={name}", f"--objects={objects}")
        await run_program(stage.programs.tool("fill", *flags, f"--bytes={Profile.MEDIUM.size}"))
        found = await stage.measure(subject, "first_pass", *flags)
        found.pop("seen")
        return found

    return Case(name=f"{objects} objects that get annotations", subjects=(KOPF_UPDATE,), measure=measure, repetitions=1)


def bars(found: Found, options: Options) -> list[Bar]:
    """At 10,000 objects; against kopf at the largest size as well."""
    case, largest = _name(options.up_to(10_000)), _name(options.up_to(50_000))
    return [
        *found.ratio("time", case, "first_pass_s", OMECTL, GO, 1.0),
        *found.ratio("time", case, "first_pass_s", OMECTL, GO_TYPED, 1.0),
        *found.ratio("time", case, "first_pass_s", OMECTL, KOPF, 0.1),
        *(found.ratio("time", largest, "first_pass_s", OMECTL, GO, 1.0) if largest != case else []),
        *(found.ratio("time", largest, "first_pass_s", OMECTL, KOPF, 0.1) if largest != case else []),
    ]
