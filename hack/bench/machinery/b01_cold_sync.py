"""B1: from the start of the process to a synced cache."""

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Collection, Profile, Stage
from hack.bench.machinery.subjects import (
    GO,
    GO_TYPED,
    KOPF,
    KUBERNETES_ASYNCIO,
    LIGHTKUBE,
    MACHINERIES,
    OMECTL,
)
from hack.bench.program import Answer
from hack.bench.report import Bar

TITLE = "cold sync of a cache"
SETTLE_S = 2.0
OWN_SECRETS = 100
FOREIGN_SECRETS = 8_000
SECRET_BYTES = 3_000
FEW, MANY = "own Secrets alone", f"own Secrets beside {FOREIGN_SECRETS} foreign ones"


def cases(options: Options) -> list[Case]:
    """Sizes, profiles, metadata alone, and Secrets of which a selector wants few."""
    found: list[Case] = []
    for objects in sorted({options.up_to(count) for count in (1_000, 10_000, 50_000)}):
        clients = (LIGHTKUBE, KUBERNETES_ASYNCIO) if objects == options.up_to(10_000) else ()
        kopf = (KOPF,) if objects >= options.up_to(10_000) else ()
        found.append(_case(Profile.MEDIUM, objects, options, (*MACHINERIES, *kopf, *clients)))
        found.append(_case(Profile.MEDIUM, objects, options, (OMECTL, GO), metadata_only=True))
    ten, one = options.up_to(10_000), options.up_to(1_000)
    found += [_case(profile, ten, options, MACHINERIES) for profile in (Profile.SMALL, Profile.POD)]
    found.append(_case(Profile.LARGE, one, options, MACHINERIES))
    for name, foreign in ((FEW, 0), (MANY, options.up_to(FOREIGN_SECRETS))):
        found.append(_secrets(name, foreign, options))
    return found


def _name(profile: Profile, objects: int, *, metadata_only: bool = False) -> str:
    return f"{objects} {profile.name.lower()}{', metadata only' if metadata_only else ''}"


def _case(
    profile: Profile, objects: int, options: Options, subjects: tuple[str, ...], *, metadata_only: bool = False
) -> Case:
    async def measure(stage: Stage, subject: str) -> Answer:
        collection = await stage.collection(profile, objects)
        more = ["--metadata-only"] if metadata_only else []
        if subject in MACHINERIES:
            more.append(f"--settle={SETTLE_S}")
        return await stage.measure(subject, "cold_sync", *collection.flags, *more)

    name = _name(profile, objects, metadata_only=metadata_only)
    return Case(name=name, subjects=subjects, measure=measure, repetitions=options.repeat)


def _secrets(name: str, foreign: int, options: Options) -> Case:
    collection = Collection(f"secrets-{foreign}", OWN_SECRETS, "Secret")

    async def measure(stage: Stage, subject: str) -> Answer:
        if collection not in stage.special:
            await stage.fill(collection, SECRET_BYTES, "--label=own", "--prefix=own-")
            if foreign:
                others = Collection(collection.namespace, foreign, "Secret")
                await stage.fill(others, SECRET_BYTES, "--label=foreign", "--prefix=foreign-")
            stage.special.add(collection)
        selector = ("--selector=owner=own", f"--settle={SETTLE_S}")
        return await stage.measure(subject, "cold_sync", *collection.flags, *selector)

    return Case(name=name, subjects=MACHINERIES, measure=measure, repetitions=options.repeat)


def bars(found: Found, options: Options) -> list[Bar]:
    """At the largest size."""
    case = _name(Profile.MEDIUM, options.up_to(50_000))
    made = [
        *found.ratio("time", case, "synced_s", OMECTL, GO, 0.5),
        *found.ratio("memory", case, "rss_bytes", OMECTL, GO, 0.5),
        *found.ratio("time", case, "synced_s", OMECTL, GO_TYPED, 1.5),
        *found.ratio("memory", case, "rss_bytes", OMECTL, GO_TYPED, 1.0),
        *found.ratio("time", case, "synced_s", OMECTL, KOPF, 0.1),
    ]
    few, many = found.value(FEW, OMECTL, "settled_bytes"), found.value(MANY, OMECTL, "settled_bytes")
    if few is not None and many is not None:
        made.append(Bar(name="memory that foreign Secrets add, MB", value=(many - few) / 1e6, limit=1.0))
    return made
