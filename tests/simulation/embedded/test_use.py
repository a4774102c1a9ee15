"""How tests use the embedded server: each of these shows one thing that another room's test can do with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers import Informer, ReflectorOptions
from omectl.informers.backoff import BackoffOptions
from omectl.informers.lister_watcher import ClientListerWatcher
from omectl.kube.client import Client
from omectl.kube.errors import ConnectionFailed, TooManyRequests
from omectl.kube.listing import WatchOptions
from omectl.local.embedded import DoThenReset, EmbeddedServer, Refuse, Reset, ServedKind, Stream

WIDGETS = ResourceKind("example.com", "v1", "Widget", "widgets", namespaced=True)
_QUICK = ReflectorOptions(backoff=BackoffOptions(first_s=0.01, cap_s=0.05, jitter=0.0))


@pytest.fixture
def embedded_kinds() -> tuple[ResourceKind | ServedKind, ...]:
    return (WIDGETS,)


def widget(name: str, size: int = 1) -> JsonObject:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"size": size},
    }


@asynccontextmanager
async def running(client: Client) -> AsyncIterator[Informer]:
    source = ClientListerWatcher(client, WIDGETS, "", "", "")
    informer = Informer(WIDGETS, source, options=_QUICK)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(informer.run())
        yield informer
        task.cancel()


def lists(server: EmbeddedServer) -> list[bool]:
    """Of every request for widgets whether it asked for all of them."""
    return [request.query.get("sendInitialEvents") == "true" for request in server.requests_for(WIDGETS)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_an_informer_mirrors_what_is_put_and_deleted(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.put(widget("a"))
    async with running(embedded_client) as informer:
        await until(lambda: informer.has_synced)
        embedded_server.put(widget("b"))
        await until(lambda: len(informer.lister.keys()) == 2)
        embedded_server.delete(WIDGETS, "a", "default")
        await until(lambda: informer.lister.keys() == [ObjectKey("default", "b")])
    (opened,) = embedded_server.requests_for(WIDGETS)
    assert opened.verb == "watch"
    assert opened.query["sendInitialEvents"] == "true"


async def test_a_change_that_no_watch_saw_is_found_when_the_watch_is_resumed(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    async with running(embedded_client) as informer:
        await until(lambda: embedded_server.watches(WIDGETS) == 1 and informer.has_synced)
        assert embedded_server.drop_watches(reset=True) == 1
        embedded_server.put(widget("unseen"))
        await until(lambda: informer.lister.keys() == [ObjectKey("default", "unseen")])


async def test_a_forgotten_history_costs_a_relist_and_no_event(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.put(widget("a"))
    told: list[tuple[str, bool]] = []
    async with running(embedded_client) as informer:
        informer.add_handler(lambda event: told.append((event.type.value, event.tombstone)))
        await until(lambda: embedded_server.watches(WIDGETS) == 1 and informer.has_synced)
        embedded_server.drop_watches()
        embedded_server.delete(WIDGETS, "a", "default")
        embedded_server.forget_history()
        await until(lambda: len(told) == 2)
        assert informer.lister.keys() == []
    assert told == [("added", False), ("deleted", True)]
    assert lists(embedded_server) == [True, False, True]


async def test_the_next_requests_of_a_kind_and_verb_can_be_refused(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    fault = embedded_server.faults.next(Refuse(429, "TooManyRequests"), times=2, verb="get", kind=WIDGETS)
    embedded_server.put(widget("a"))
    for _ in range(2):
        with pytest.raises(TooManyRequests):
            await embedded_client.get(WIDGETS, "a", "default")
    await embedded_client.get(WIDGETS, "a", "default")
    assert fault.hits == 2
    assert embedded_server.faults.pending == 0


async def test_a_write_may_be_done_although_no_answer_came(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.faults.next(DoThenReset(), verb="create")
    with pytest.raises(ConnectionFailed):
        await embedded_client.create(WIDGETS, widget("a"))
    assert embedded_server.get(WIDGETS, "a", "default") is not None


async def test_a_reset_before_the_answer_does_nothing(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.faults.next(Reset(), verb="create")
    with pytest.raises(ConnectionFailed):
        await embedded_client.create(WIDGETS, widget("a"))
    assert embedded_server.get(WIDGETS, "a", "default") is None


async def test_garbage_in_a_stream_and_a_marker_that_never_comes_do_not_keep_a_cache_from_being_right(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.put(widget("a"))
    embedded_server.faults.next(Stream(inject=(b"{garbage\n",)), verb="watch", kind=WIDGETS)
    embedded_server.faults.next(Stream(marker=None, end_after=1), verb="watch", kind=WIDGETS)
    embedded_server.faults.next(Stream(chunk_bytes=1), verb="watch", kind=WIDGETS)
    async with running(embedded_client) as informer:
        await until(lambda: informer.lister.keys() == [ObjectKey("default", "a")])


async def test_a_server_that_is_down_refuses_connections_and_comes_back_on_its_port(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    async with embedded_server.down():
        with pytest.raises(ConnectionFailed) as failed:
            await embedded_client.version()
        assert failed.value.refused
    await embedded_client.version()


async def test_a_restarted_server_puts_requests_off_and_expires_every_version(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    async with running(embedded_client) as informer:
        await until(lambda: embedded_server.watches(WIDGETS) == 1 and informer.has_synced)
        await embedded_server.restart(initializing_s=0.2)
        embedded_server.put(widget("later"))
        await until(lambda: informer.lister.keys() == [ObjectKey("default", "later")])
    first, *between, last = lists(embedded_server)
    assert (first, set(between), last) == (True, {False}, True)  # the resumed watch was refused before the new list


async def test_bookmarks_come_at_the_cadence_of_the_options(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    options = WatchOptions(resource_version=embedded_server.resource_version)
    async with asyncio.timeout(5), embedded_client.watch(WIDGETS, "", options) as batches:
        (line,) = await anext(batches)
    assert line.startswith(b'{"type":"BOOKMARK"')
    await until(lambda: embedded_server.watches() == 0)
