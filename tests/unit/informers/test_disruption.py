"""What handlers hear of changes in a live watch, behind a dropped one, and behind one whose history is lost."""

import asyncio
from collections.abc import Callable

import pytest
from tests.unit.informers.told import Told

from omectl.informers import Informer
from omectl.kube.errors import Forbidden, NotFound
from omectl.kube.resources import CONFIG_MAPS

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio]


def live(source) -> None:
    """The watch stays."""


def dropped(source) -> None:
    """The watch ends, and its successor goes on where it ended."""
    source.drop()


def reset(source) -> None:
    """The watch ends, and the server has forgotten where: 410."""
    source.drop()


CHANGES: dict[str, tuple[Callable[..., object], list[str], list[str]]] = {
    # what happens -> what is heard from a watch, and what from a relist
    "add": (lambda source: source.put("new"), ["added new"], ["updated a resync", "updated b resync", "added new"]),
    "update": (lambda source: source.put("a", x="1"), ["updated a"], ["updated a", "updated b resync"]),
    "delete": (lambda source: source.delete("a"), ["deleted a"], ["deleted a", "updated b resync"]),
}


@pytest.mark.parametrize("disrupt", [live, dropped, reset])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_reaches_the_store_and_every_handler(
    source, run, change: str, disrupt: Callable[..., None]
) -> None:
    source.put("a")
    source.put("b")
    informer = Informer(CONFIG_MAPS, source)
    handlers = [Told(), Told(), Told()]
    for told in handlers:
        informer.add_handler(told)
    await run(informer)
    act, by_watch, by_list = CHANGES[change]
    disrupt(source)
    act(source)
    if disrupt is reset:
        source.forget()
    await asyncio.sleep(10)
    wanted = by_list if disrupt is reset else by_watch
    for told in handlers:
        assert told.lines() == ["added a initial", "added b initial", *wanted]
        assert [event.tombstone for event in told.events if event.type.value == "deleted"] == (
            [disrupt is reset] if change == "delete" else []
        )
    found = {header.name: header.resource_version for header in informer.lister.headers()}
    assert found == {name: str(obj["metadata"]["resourceVersion"]) for name, obj in source.objects.items()}


async def test_an_object_that_was_made_again_behind_a_lost_watch_is_a_delete_and_an_add(source, run) -> None:
    source.put("a", uid="old")
    informer = Informer(CONFIG_MAPS, source)
    told = Told()
    informer.add_handler(told)
    await run(informer)
    source.drop()
    source.delete("a")
    source.put("a", uid="new")
    source.forget()
    await asyncio.sleep(10)
    assert told.lines() == ["added a initial", "deleted a", "added a"]
    assert [(event.header.uid, event.tombstone) for event in told.events[1:]] == [("old", True), ("new", False)]


async def test_the_last_error_of_a_list_is_kept_until_the_server_answers_well(source, run) -> None:
    forbidden = Forbidden(403, "Forbidden", "no")
    source.failures["stream"] += [forbidden, forbidden]
    source.failures["list"] += [forbidden]
    informer = Informer(CONFIG_MAPS, source)
    await run(informer)
    assert informer.last_error is forbidden
    assert informer.statistics()["last_error"] == str(forbidden)
    await asyncio.sleep(10)
    assert informer.last_error is None
    assert informer.statistics()["last_error"] is None


async def test_the_last_error_of_a_watch_is_kept_until_the_server_answers_well(source, run, make_status) -> None:
    informer = Informer(CONFIG_MAPS, source)
    await run(informer)
    source.send(make_status(500, "InternalError", "etcd is away"))
    await asyncio.sleep(0.01)
    assert "etcd is away" in str(informer.last_error)
    await asyncio.sleep(10)
    assert informer.last_error is None


async def test_a_kind_that_was_gone_and_came_back_is_told_as_new(source, run) -> None:
    source.put("a", uid="old")
    informer = Informer(CONFIG_MAPS, source)
    told = Told()
    informer.add_handler(told)
    await run(informer)
    missing = NotFound(404, "", "404 page not found")
    source.served = False
    source.failures["stream"] += [missing] * 4
    source.failures["watch"] += [missing]
    source.objects.clear()
    source.drop()
    await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        while told.lines() != ["added a initial", "deleted a"]:
            await asyncio.sleep(0.1)
    assert informer.is_absent
    source.served = True
    source.put("a", uid="new")
    async with asyncio.timeout(60):
        while len(told.events) < 3:
            await asyncio.sleep(0.1)
    assert told.lines() == ["added a initial", "deleted a", "added a"]
    assert not informer.is_absent
