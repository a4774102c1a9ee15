"""The hand-over from what exists to what happens, under load: nothing twice, nothing lost."""

import asyncio
import random
from collections import defaultdict

import pytest
from tests.unit.informers.told import record

from omectl.informers import EventType, Informer, ObjectEvent
from omectl.kube.resources import CONFIG_MAPS

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]

_OBJECTS = 40
_EVENTS = 10_000
_TASKS = 100


class Historian:
    """A handler that holds every object's history against what is possible."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.initial: dict[str, int] = defaultdict(int)
        self.gone: dict[str, int] = {}

    def __call__(self, event: ObjectEvent) -> None:
        name, version = event.key.name, int(event.header.resource_version)
        if event.type is EventType.ADDED:
            assert name not in self.versions, f"{name} was added twice"
            assert version > self.gone.get(name, 0)
            self.versions[name] = version
            self.initial[name] += event.initial
        elif event.type is EventType.UPDATED:
            assert event.old_header is not None
            assert self.versions[name] == int(event.old_header.resource_version), f"{name} lost an update"
            assert version > self.versions[name]
            self.versions[name] = version
        else:
            self.gone[name] = self.versions.pop(name)


@pytest.mark.parametrize("coalesce", [False, True])
async def test_handlers_that_come_and_go_hear_each_object_once_while_events_flow(
    source, run, *, coalesce: bool
) -> None:
    rng = random.Random(7)
    informer = Informer(CONFIG_MAPS, source)
    await run(informer)
    (mirror,) = informer.mirrors
    truth: dict[str, int] = {}
    flowing = True
    places = asyncio.Semaphore(10)  # that many at once; the others wait for a place

    async def flow() -> None:
        nonlocal flowing
        for version in range(10, 10 + _EVENTS):
            name = f"o{rng.randrange(_OBJECTS)}"
            if name in truth and rng.random() < 0.2 and not coalesce:
                del truth[name]
                mirror.change("DELETED", record(name, version))
            else:
                truth[name] = version
                mirror.change("MODIFIED", record(name, version))
            if version % 50 == 0:
                await asyncio.sleep(0)
        flowing = False

    async def come_and_go(number: int) -> int:
        stays = random.Random(number)
        rounds = 0
        while flowing:
            async with places:
                historian = Historian()
                expected = {key.name for key in informer.lister.keys()}  # noqa: SIM118
                registration = informer.add_handler(historian, coalesce=coalesce)
                await registration.wait_synced()
                if not coalesce:
                    assert {name for name, times in historian.initial.items() if times} <= expected
                    assert expected <= set(historian.versions) | set(historian.gone)
                for _ in range(stays.randrange(3)):
                    await asyncio.sleep(0)
                registration.remove()
                rounds += 1
        return rounds

    stayed = Historian()
    registration = informer.add_handler(stayed, coalesce=coalesce)
    async with asyncio.TaskGroup() as group:
        group.create_task(flow())
        visits = [group.create_task(come_and_go(number)) for number in range(_TASKS)]
    await asyncio.sleep(1)
    assert registration.pending == 0
    assert stayed.versions == truth
    assert sum(visit.result() for visit in visits) >= _TASKS
    assert informer.registrations == (registration,)
    last = Historian()
    await informer.add_handler(last).wait_synced()
    assert last.versions == truth
    assert dict(last.initial) == dict.fromkeys(truth, 1)


async def test_handlers_added_while_the_first_list_is_in_flight_hear_everything_once(source, run) -> None:
    for number in range(50):
        source.put(f"o{number}")
    source.streaming_list = False
    gate = asyncio.Event()
    pages = source.pages

    async def slow_pages(options):
        await gate.wait()
        async for page in pages(options):
            yield page

    source.pages = slow_pages
    informer = Informer(CONFIG_MAPS, source)
    handlers = [Historian() for _ in range(30)]
    registrations = [informer.add_handler(historian) for historian in handlers[:10]]
    await run(informer)
    registrations += [informer.add_handler(historian) for historian in handlers[10:20]]
    assert not any(registration.has_synced for registration in registrations)
    gate.set()
    await asyncio.sleep(0)
    registrations += [informer.add_handler(historian) for historian in handlers[20:]]
    for registration in registrations:
        await registration.wait_synced()
    for historian in handlers:
        assert dict(historian.initial) == {f"o{number}": 1 for number in range(50)}


async def test_many_tasks_register_at_once(source, run) -> None:
    source.put("a")
    informer = Informer(CONFIG_MAPS, source)
    handlers = [Historian() for _ in range(20)]

    async def register(historian: Historian) -> None:
        await informer.add_handler(historian).wait_synced()

    async with asyncio.TaskGroup() as group:
        for historian in handlers[:10]:
            group.create_task(register(historian))
        await run(informer)
        for historian in handlers[10:]:
            group.create_task(register(historian))
    assert [dict(historian.initial) for historian in handlers] == [{"a": 1}] * 20
