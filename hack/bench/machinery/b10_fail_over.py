"""B10: a clean end under load, and a leader that is killed."""

import asyncio
import signal
import time

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Profile, Stage
from hack.bench.machinery.subjects import GO, GO_TYPED, OMECTL
from hack.bench.program import Answer, Program
from hack.bench.report import Bar

TITLE = "shutdown and fail-over"
OBJECTS = 1_000
WORKERS = 16
CANDIDATE_S = 3.0
MOST_REPETITIONS = 3
SUBJECTS = (OMECTL, GO, GO_TYPED)


def cases(options: Options) -> list[Case]:
    """16 workers with reconciles of 50 ms and more keys than they manage; another candidate waits."""
    return [_case(number, options) for number in (signal.SIGTERM, signal.SIGKILL)]


def _name(number: signal.Signals) -> str:
    return f"{number.name} to the leader"


def _case(number: signal.Signals, options: Options) -> Case:
    async def measure(stage: Stage, subject: str) -> Answer:
        collection = await stage.collection(Profile.MEDIUM, options.up_to(OBJECTS))
        lease = stage.new_name(f"lease-{time.monotonic_ns()}")
        flags = (*collection.flags, f"--lease={lease}", f"--workers={WORKERS}")
        async with stage.program(subject, "leader", *flags) as leader:
            await leader.event("working")
            async with stage.program(subject, "leader", *flags) as candidate:
                await asyncio.sleep(CANDIDATE_S)
                sent = time.monotonic_ns()
                leader.signal(number)
                found: Answer = {}
                if number is signal.SIGTERM:
                    waiting = asyncio.create_task(_ending(leader))
                    leading = await candidate.event("leading")
                    found, ended = await waiting
                    found["exit_s"] = (ended - sent) / 1e9
                else:
                    leading = await candidate.event("leading")
                working = await candidate.event("working")
        return found | {
            "new_leader_s": (leading["at_ns"] - sent) / 1e9,
            "working_again_s": (working["at_ns"] - sent) / 1e9,
        }

    repetitions = options.repetitions(MOST_REPETITIONS)
    return Case(name=_name(number), subjects=SUBJECTS, measure=measure, repetitions=repetitions)


async def _ending(leader: Program) -> tuple[Answer, int]:
    last = await leader.finish()
    return {"unfinished": last["unfinished"], "reconciles": last["began"]}, time.monotonic_ns()


def bars(found: Found, options: Options) -> list[Bar]:
    """No reconcile is cut off at a clean end."""
    return found.limit("unfinished reconciles", _name(signal.SIGTERM), "unfinished", OMECTL, 0.0)
