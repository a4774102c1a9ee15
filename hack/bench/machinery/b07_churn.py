"""B7: a bad line between subject and server: a proxy ends watches, refuses, drips, or goes silent."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.fault_proxy import FaultProxy
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Collection, Profile, Stage
from hack.bench.machinery.subjects import GO, OMECTL
from hack.bench.program import Answer, Program
from hack.bench.report import Bar

TITLE = "disconnect churn"
OBJECTS = 1_000
LONGEST_S = 60.0
RATE = 20
DRIP_BYTES_PER_S = 1_000
MOST_REPETITIONS = 3
RECOVERY_DEADLINE_S = 300.0
SILENCE = "every open watch goes silent"
DROPS, BURSTS, DRIPS = "a clean end of every watch each second", "429 for a second in three", "1 kB/s"

Trouble = Callable[[FaultProxy, float], Awaitable[None]]


def cases(options: Options) -> list[Case]:
    """Trouble while 20 updates a second come; then one more object: it is seen so long after the trouble's end."""
    found = [_case(DROPS, _drop, options), _case(BURSTS, _refuse, options), _case(DRIPS, _drip, options)]
    if not options.quick:
        # Over HTTP/1.1, which the proxy speaks, Go would wait until its watch's time is over.
        found.append(_case(SILENCE, _silence, options, subjects=(OMECTL,)))
    return found


async def _silence(proxy: FaultProxy, seconds: float) -> None:
    del seconds
    proxy.silence_watches()
    await asyncio.sleep(1.0)


async def _drop(proxy: FaultProxy, seconds: float) -> None:
    for _ in range(max(1, round(seconds))):
        await asyncio.sleep(1.0)
        proxy.end_watches()


async def _refuse(proxy: FaultProxy, seconds: float) -> None:
    for _ in range(max(1, round(seconds / 3))):
        proxy.refusing = True
        proxy.end_watches()
        await asyncio.sleep(1.0)
        proxy.refusing = False
        await asyncio.sleep(2.0)


async def _drip(proxy: FaultProxy, seconds: float) -> None:
    proxy.bytes_per_s = DRIP_BYTES_PER_S
    await asyncio.sleep(seconds)
    proxy.bytes_per_s = None


def _name(trouble: str, options: Options) -> str:
    return f"{trouble}, {min(options.seconds, LONGEST_S):g} s, {options.up_to(OBJECTS)} objects"


def _case(what: str, trouble: Trouble, options: Options, *, subjects: tuple[str, ...] = (OMECTL, GO)) -> Case:
    objects, seconds = options.up_to(OBJECTS), min(options.seconds, LONGEST_S)

    async def measure(stage: Stage, subject: str) -> Answer:
        collection = Collection(stage.new_name("churn"), objects)
        await stage.fill(collection, Profile.MEDIUM.size)
        async with FaultProxy(stage.control_plane) as proxy:
            command = stage.programs.command(subject, "storm", *collection.flags, kubeconfig=proxy.kubeconfig)
            async with Program(command) as program:
                await program.event("ready")
                before = proxy.counts.copy()
                async with stage.writing(collection, RATE) as wrote:
                    await trouble(proxy, seconds)
                    over = time.monotonic_ns()
                await stage.fill(Collection(collection.namespace, 1), Profile.MEDIUM.size, "--prefix=last-")
                program.send({"objects": objects + 1, "deadline_s": RECOVERY_DEADLINE_S})
                reached = await program.event("reached")
                counts = proxy.counts - before
                await asyncio.sleep(1.0)
                versions = await stage.versions([collection.namespace])
                found = await program.finish()
        return {
            "relists": counts["list"] + counts["streaming_list"],
            "watches": counts["watch"],
            "refused": counts["refused"],
            "recovered_s": (reached["at_ns"] - over) / 1e9,
            "duplicates": reached["duplicates"],
            "missing": objects + 1 - reached["objects"],
            "differences": len(set(versions.items()) ^ set(found["versions"].items())),
            "writes": len(wrote["rows"]),
            "cpu_s": reached["cpu_s"],
            "rss_bytes": reached["rss_bytes"],
        }

    repetitions = 1 if what is SILENCE else options.repetitions(MOST_REPETITIONS)
    return Case(name=_name(what, options), subjects=subjects, measure=measure, repetitions=repetitions)


def bars(found: Found, options: Options) -> list[Bar]:
    """A clean end of a watch costs no list, and nothing is missing after any trouble."""
    made = found.limit("relists", _name(DROPS, options), "relists", OMECTL, 0.0)
    for what in (DROPS, BURSTS, DRIPS):
        made += found.limit("objects that differ from the server's", _name(what, options), "differences", OMECTL, 0.0)
    return made
