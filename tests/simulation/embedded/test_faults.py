"""What each scripted fault looks like on the wire."""

import asyncio
import time

import aiohttp
import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client, ClientOptions
from omectl.kube.errors import (
    ConnectionFailed,
    DeadlineExceeded,
    InvalidResponse,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    WatchIdle,
)
from omectl.kube.listing import WatchOptions
from omectl.kube.resources import CONFIG_MAPS, NAMESPACES
from omectl.kube.transport import TransportOptions
from omectl.local.embedded import (
    Delay,
    EmbeddedOptions,
    EmbeddedServer,
    HalfOpen,
    RecordedRequest,
    Refuse,
    Reset,
    Say,
    ServedKind,
    Stream,
)

WIDGETS = ResourceKind("example.com", "v1", "Widget", "widgets", namespaced=True)
_STREAMING = WatchOptions(send_initial_events=True, timeout_s=1)


@pytest.fixture
def embedded_kinds() -> tuple[ResourceKind | ServedKind, ...]:
    return (WIDGETS,)


def widget(name: str, namespace: str = "default") -> JsonObject:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"size": 1},
    }


async def lines_of(client: Client, options: WatchOptions = _STREAMING) -> list[bytes]:
    """Everything that a watch says until it ends."""
    found: list[bytes] = []
    await collect(client, options, found)
    return found


async def collect(client: Client, options: WatchOptions, found: list[bytes]) -> None:
    """Add to `found` what a watch says, also when it fails."""
    async with asyncio.timeout(10), client.watch(WIDGETS, "default", options) as batches:
        async for lines in batches:
            found += lines


async def until(server: EmbeddedServer, watches: int) -> None:
    async with asyncio.timeout(5):
        while server.watches() != watches:
            await asyncio.sleep(0.005)


async def test_a_refusal_carries_status_reason_and_advice(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    action = Refuse(503, "ServiceUnavailable", "not today", details={"name": "x"})
    embedded_server.faults.next(action, kind=WIDGETS)
    with pytest.raises(ServiceUnavailable) as refused:
        await embedded_client.list(WIDGETS)
    assert (refused.value.status, refused.value.message, refused.value.retry_after_s) == (503, "not today", None)
    assert refused.value.details.name == "x"


async def test_the_advice_of_a_refusal_is_honoured_by_the_client(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.faults.next(Refuse(429, "TooManyRequests", retry_after_s=1), verb="list")
    started = time.monotonic()
    await embedded_client.list(WIDGETS)
    assert time.monotonic() - started >= 1.0
    assert [request.verb for request in embedded_server.requests] == ["list", "list"]


async def test_a_fault_is_for_the_requests_that_match_it_in_every_part(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.put(widget("a"))
    embedded_server.faults.next(Refuse(403, "Forbidden"), verb="create", times=None)
    embedded_server.faults.next(Refuse(403, "Forbidden"), kind=CONFIG_MAPS, times=None)
    embedded_server.faults.next(Refuse(403, "Forbidden"), verb="get", namespace="elsewhere", times=None)
    embedded_server.faults.next(Refuse(403, "Forbidden"), verb="get", name="b", times=None)
    embedded_server.faults.next(Refuse(403, "Forbidden"), verb="get", query={"resourceVersion": "0"}, times=None)

    def by_body(request: RecordedRequest) -> bool:
        return request.json.get("spec") == {"size": 2}

    fault = embedded_server.faults.next(Refuse(503), where=by_body)
    await embedded_client.get(WIDGETS, "a", "default")
    await embedded_client.merge_patch(WIDGETS, "a", {"spec": {"size": 3}}, "default")
    assert fault.hits == 0
    with pytest.raises(ServiceUnavailable):
        await embedded_client.merge_patch(WIDGETS, "a", {"spec": {"size": 2}}, "default")
    assert fault.hits == 1


async def test_an_empty_value_in_a_query_means_absent(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.faults.next(Refuse(503), verb="list", query={"resourceVersion": ""})
    await embedded_client.list(WIDGETS, resource_version="0")
    with pytest.raises(ServiceUnavailable):
        await embedded_client.list(WIDGETS)


async def test_the_first_fault_that_matches_is_taken_and_counted_down(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    first = embedded_server.faults.next(Refuse(429), verb="list", times=2)
    second = embedded_server.faults.next(Refuse(503), verb="list")
    for error in (TooManyRequests, TooManyRequests, ServiceUnavailable):
        with pytest.raises(error):
            await embedded_client.list(WIDGETS)
    await embedded_client.list(WIDGETS)
    assert (first.hits, second.hits, embedded_server.faults.pending) == (2, 1, 0)


async def test_faults_can_be_forgotten(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.faults.next(Refuse(503), times=None)
    assert embedded_server.faults.pending == 1
    embedded_server.faults.clear()
    await embedded_client.list(WIDGETS)


def test_a_fault_for_no_request_is_a_mistake(embedded_server: EmbeddedServer) -> None:
    with pytest.raises(ValueError, match="times=0"):
        embedded_server.faults.next(Reset(), times=0)


async def test_a_page_of_a_proxy_is_no_status(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.faults.next(Say(b"<html>502</html>", 502), verb="list")
    with pytest.raises(ServiceUnavailable, match="<html>502</html>"):
        await embedded_client.list(WIDGETS)
    embedded_server.faults.next(Say(b'{"kind":"Widge'), verb="list")
    with pytest.raises(InvalidResponse):
        await embedded_client.list(WIDGETS)


async def test_a_delayed_answer_is_the_right_one(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.put(widget("a"))
    embedded_server.faults.next(Delay(0.3), verb="get")
    started = time.monotonic()
    await embedded_client.get(WIDGETS, "a", "default")
    assert time.monotonic() - started >= 0.3


async def test_a_reset_instead_of_an_answer_is_a_failed_connection(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.faults.next(Reset(), times=None, verb="list")
    with pytest.raises(ConnectionFailed):
        await embedded_client.list(WIDGETS)


async def test_a_half_open_connection_says_nothing_at_all(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    fault = embedded_server.faults.next(HalfOpen(), verb="GET")
    with pytest.raises(DeadlineExceeded):
        await embedded_client.read("/version", deadline_s=0.2)
    assert fault.hits == 1


async def test_a_half_open_watch_begins_and_stays_silent(embedded_server: EmbeddedServer) -> None:
    embedded_server.put(widget("a"))
    embedded_server.faults.next(HalfOpen(after_head=True), verb="watch")
    options = ClientOptions(transport=TransportOptions(watch_idle_s=0.2))
    async with Client(embedded_server.config, options) as client:
        with pytest.raises(WatchIdle):
            await lines_of(client)


async def test_injected_lines_come_first(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.put(widget("a"))
    embedded_server.faults.next(Stream(inject=(b"garbage\n", b'{"type":"ODD","object":{}}\n')), verb="watch")
    lines = await lines_of(embedded_client)
    assert lines[:2] == [b"garbage", b'{"type":"ODD","object":{}}']
    assert lines[2].startswith(b'{"type":"ADDED"')


@pytest.mark.parametrize(("marker", "said"), [("true", b'"k8s.io/initial-events-end":"true"'), ("false", b':"false"')])
async def test_a_marker_has_the_value_that_was_asked_for(
    embedded_server: EmbeddedServer, embedded_client: Client, marker: str, said: bytes
) -> None:
    embedded_server.faults.next(Stream(marker=marker), verb="watch")
    assert said in (await lines_of(embedded_client))[0]


async def test_a_marker_never_comes(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.put(widget("a"))
    embedded_server.faults.next(Stream(marker=None), verb="watch")
    assert not any(b"initial-events-end" in line for line in await lines_of(embedded_client))


async def test_single_bytes_make_the_same_lines(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.put({**widget("a"), "spec": {"text": "ä€𝄞"}})
    whole = await lines_of(embedded_client)
    embedded_server.faults.next(Stream(chunk_bytes=1), verb="watch")
    cut = await lines_of(embedded_client)
    assert cut[0] == whole[0]
    assert "ä€𝄞".encode() in cut[0]


async def test_a_slow_stream_takes_its_time(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.put({**widget("a"), "spec": {"text": "x" * 1000}})
    embedded_server.faults.next(Stream(bytes_per_s=4000), verb="watch")
    started = time.monotonic()
    async with embedded_client.watch(WIDGETS, "default", _STREAMING) as batches:
        assert b"x" * 1000 in (await anext(batches))[0]
    assert time.monotonic() - started >= 0.25


async def test_a_stream_ends_after_so_many_lines(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    for name in "abc":
        embedded_server.put(widget(name))
    embedded_server.faults.next(Stream(end_after=2), verb="watch")
    started = time.monotonic()
    assert len(await lines_of(embedded_client, WatchOptions(timeout_s=60))) == 2
    assert time.monotonic() - started < 5.0


async def test_a_cut_chunk_is_a_failed_connection_after_whole_lines(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    for name in "ab":
        embedded_server.put(widget(name))
    embedded_server.faults.next(Stream(end_after=1, cut=True), verb="watch")
    seen: list[bytes] = []
    with pytest.raises(ConnectionFailed):
        await collect(embedded_client, WatchOptions(timeout_s=60), seen)
    assert len(seen) == 1


async def test_a_stream_is_reset_after_so_many_lines(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    embedded_server.put(widget("a"))
    embedded_server.faults.next(Stream(end_after=1, reset=True), verb="watch")
    with pytest.raises(ConnectionFailed):
        await lines_of(embedded_client, WatchOptions(timeout_s=60))


async def test_open_watches_are_ended_by_a_clean_close_or_a_reset(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    for reset in (False, True):
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_ended_by_reset(embedded_client))
            await until(embedded_server, 1)
            assert embedded_server.drop_watches(CONFIG_MAPS) == 0
            assert embedded_server.drop_watches(WIDGETS, reset=reset) == 1
            assert embedded_server.watches() == 0
        assert watching.result() is reset


async def _ended_by_reset(client: Client) -> bool:
    try:
        await lines_of(client, WatchOptions(timeout_s=60))
    except ConnectionFailed:
        return True
    return False


async def test_an_error_event_ends_open_watches(embedded_server: EmbeddedServer, embedded_client: Client) -> None:
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(lines_of(embedded_client, WatchOptions(timeout_s=60)))
        await until(embedded_server, 1)
        embedded_server.fail_watches(Refuse(500, "InternalError", "broken"), WIDGETS)
    (line,) = watching.result()
    assert line.startswith(b'{"type":"ERROR","object":{"kind":"Status"')
    assert b'"message":"broken","reason":"InternalError","code":500' in line


async def test_an_end_comes_after_what_was_said_while_a_slow_stream_was_busy(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.faults.next(Stream(bytes_per_s=4000), verb="watch")
    async with asyncio.TaskGroup() as group:
        options = WatchOptions(resource_version=embedded_server.resource_version, timeout_s=60)
        watching = group.create_task(lines_of(embedded_client, options))
        await until(embedded_server, 1)
        embedded_server.put({**widget("a"), "spec": {"text": "x" * 1000}})
        (watcher,) = embedded_server._handler.watchers
        async with asyncio.timeout(5):
            while watcher._lines:  # until the stream has taken what it now sends
                await asyncio.sleep(0)
        embedded_server.put(widget("b"))
        embedded_server.fail_watches(Refuse(410, "Expired"))
    assert [line[:16] for line in watching.result()] == [b'{"type":"ADDED",'] * 2 + [b'{"type":"ERROR",']


async def test_a_bookmark_that_is_due_comes_before_the_end_also_when_the_server_was_held_up() -> None:
    options = EmbeddedOptions(bookmark_interval_s=0.3, bookmark_before_timeout_s=0.4)
    async with (
        EmbeddedServer([WIDGETS], options) as server,
        Client(server.config) as client,
        asyncio.TaskGroup() as group,
    ):
        watch = WatchOptions(resource_version=server.resource_version, timeout_s=1)
        watching = group.create_task(lines_of(client, watch))
        await until(server, 1)
        server.put(widget("a"))
        await asyncio.sleep(0.05)
        time.sleep(1.1)  # the loop stands still
    types = [line.split(b'"')[3] for line in watching.result()]
    assert types == [b"ADDED", b"BOOKMARK", b"BOOKMARK"]


async def test_bookmarks_and_any_bytes_can_be_sent_at_will(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    options = WatchOptions(bookmarks=False, timeout_s=60)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(lines_of(embedded_client, options))
        await until(embedded_server, 1)
        embedded_server.send_bookmarks(WIDGETS)
        embedded_server.send_line(b"half a ", WIDGETS)
        embedded_server.send_line(b"line\n", WIDGETS)
        embedded_server.send_line(b"not for widgets\n", CONFIG_MAPS)
        embedded_server.drop_watches()
    bookmark, garbage = watching.result()
    assert f'"resourceVersion":"{embedded_server.resource_version}"'.encode() in bookmark
    assert garbage == b"half a line"


async def test_a_forgotten_history_expires_the_newest_version_and_keeps_open_watches(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    version = embedded_server.resource_version
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(lines_of(embedded_client, WatchOptions(timeout_s=60)))
        await until(embedded_server, 1)
        embedded_server.forget_history()
        resumed = await lines_of(embedded_client, WatchOptions(resource_version=version, timeout_s=60))
        embedded_server.put(widget("a"))
        embedded_server.drop_watches()
    assert len(watching.result()) == 1
    newest = int(version) + 1
    assert f'"message":"too old resource version: {version} ({newest})"'.encode() in resumed[0]
    assert await lines_of(embedded_client, WatchOptions(resource_version=str(newest), timeout_s=1))


async def test_a_bounded_history_forgets_its_oldest_changes() -> None:
    async with EmbeddedServer([WIDGETS], EmbeddedOptions(history_length=2)) as server, Client(server.config) as client:
        versions = [str(server.put(widget(name))["metadata"]["resourceVersion"]) for name in "abc"]
        one_step, expired = [
            await lines_of(client, WatchOptions(resource_version=version, timeout_s=1))
            for version in (versions[0], str(int(versions[0]) - 1))
        ]
    assert [line[:15] for line in one_step] == [b'{"type":"ADDED"'] * 2
    assert [line[:15] for line in expired] == [b'{"type":"ERROR"']


async def test_requests_are_put_off_while_a_restarted_server_fills_its_caches(embedded_server: EmbeddedServer) -> None:
    await embedded_server.restart(initializing_s=60.0)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{embedded_server.address}/api/v1/configmaps") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
            assert await answer.json() == {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": "storage is (re)initializing",
                "reason": "TooManyRequests",
                "details": {"retryAfterSeconds": 1},
                "code": 429,
            }
        await embedded_server.restart(initializing_s=0.2)
        async with asyncio.timeout(10):
            while (await _status(session, embedded_server)) != 200:
                await asyncio.sleep(0.05)


async def _status(session: aiohttp.ClientSession, server: EmbeddedServer) -> int:
    async with session.get(f"{server.address}/api/v1/configmaps") as answer:
        return answer.status


async def test_a_server_without_streaming_lists_says_so(embedded_server: EmbeddedServer) -> None:
    async with EmbeddedServer([WIDGETS], EmbeddedOptions(streaming_lists=False)) as server:
        query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{server.address}/apis/example.com/v1/widgets?{query}") as answer,
        ):
            status = await answer.json()
    (cause,) = status["details"]["causes"]
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert (cause["reason"], cause["field"]) == ("FieldValueForbidden", "sendInitialEvents")


async def test_a_server_without_a_watch_cache_gives_pages_at_version_zero() -> None:
    async with EmbeddedServer([WIDGETS], EmbeddedOptions(watch_cache=False)) as server, Client(server.config) as client:
        for name in "abc":
            server.put(widget(name))
        await client.list(WIDGETS, resource_version="0", page_size=2)
        assert [request.query.get("continue") is None for request in server.requests] == [True, False]


async def test_a_version_that_comes_while_a_read_waits_is_enough(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    async with EmbeddedServer([WIDGETS]) as server, Client(server.config) as client, asyncio.TaskGroup() as group:
        soon = str(int(server.resource_version) + 1)
        reading = group.create_task(client.list(WIDGETS, resource_version=soon, page_size=0))
        streaming = group.create_task(
            lines_of(client, WatchOptions(send_initial_events=True, resource_version=soon, timeout_s=1))
        )
        while len(server.requests) < 2:
            await asyncio.sleep(0.005)
        server.put(widget("a"))
    assert len(reading.result().items) == 1
    assert [line[:18] for line in streaming.result()] == [b'{"type":"ADDED","o', b'{"type":"BOOKMARK"']


async def test_every_request_is_recorded_with_what_it_said(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    await embedded_client.create(WIDGETS, widget("a"), field_manager="me")
    await embedded_client.merge_patch(WIDGETS, "a", {"status": {"x": 1}}, "default", subresource="status")
    await embedded_client.list(WIDGETS, "default", label_selector="a=b")
    await embedded_client.version()
    create, patch, listed, version = embedded_server.requests
    assert (create.verb, create.kind, create.namespace, create.name) == ("create", WIDGETS, "default", "")
    assert (create.query["fieldManager"], create.json["spec"]) == ("me", {"size": 1})
    assert (patch.verb, patch.name, patch.subresource, patch.json) == ("patch", "a", "status", {"status": {"x": 1}})
    assert patch.header("Content-Type") == "application/merge-patch+json"
    assert (listed.verb, dict(listed.query)) == ("list", {"labelSelector": "a=b", "limit": "500"})
    assert (version.verb, version.kind, version.path) == ("GET", None, "/version")
    assert embedded_server.requests_for(WIDGETS) == [create, patch, listed]
    assert embedded_server.requests_for(WIDGETS, "list") == [listed]
    assert embedded_server.requests_for(NAMESPACES) == []


async def test_a_kind_can_be_withdrawn_and_served_again(
    embedded_server: EmbeddedServer, embedded_client: Client
) -> None:
    embedded_server.put(widget("a"))
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(lines_of(embedded_client, WatchOptions(timeout_s=60)))
        await until(embedded_server, 1)
        embedded_server.withdraw(WIDGETS)
    assert len(watching.result()) == 1
    with pytest.raises(NotFound) as missing:
        await embedded_client.list(WIDGETS)
    assert missing.value.kind_is_missing
    embedded_server.serve(WIDGETS)
    assert len((await embedded_client.list(WIDGETS)).items) == 1
