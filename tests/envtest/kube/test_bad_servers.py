"""The client against servers on loopback that misbehave: no answer hangs, no error is unreadable."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from omectl.kube.client import Client, ClientOptions
from omectl.kube.credentials import ClientConfig, Credential
from omectl.kube.errors import (
    ConnectionFailed,
    DeadlineExceeded,
    InternalError,
    InvalidResponse,
    NotFound,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    WatchIdle,
)
from omectl.kube.listing import ListOptions
from omectl.kube.resources import CONFIG_MAPS, NODES
from omectl.kube.transport import TransportOptions
from omectl.metrics import REGISTRY

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CLOSING = web.AppKey("closing", asyncio.Event)
LIMITS = TransportOptions(connect_s=10.0, call_s=10.0, list_s=10.0, watch_idle_s=10.0)
IMPATIENT = TransportOptions(connect_s=1.0, call_s=1.0, list_s=1.0, watch_idle_s=0.3)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """An HTTP server that answers everything by `handler`."""
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app[CLOSING] = asyncio.Event()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        app[CLOSING].set()
        await runner.cleanup()


@asynccontextmanager
async def speaking(first_bytes: bytes, *, hold: bool = False) -> AsyncIterator[str]:
    """A TCP server that says `first_bytes` to any request, then closes or holds the connection."""
    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first_bytes)
        await writer.drain()
        if not hold:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.sleep(0.01)


def client_of(server: str, limits: TransportOptions = LIMITS, **more: object) -> Client:
    return Client(ClientConfig(server=server, **more), ClientOptions(transport=limits))


async def test_a_server_that_never_answers_meets_the_deadline() -> None:
    async with speaking(b"", hold=True) as server, client_of(server, IMPATIENT) as client:
        with pytest.raises(DeadlineExceeded, match=r"get Node n: no answer from .*: nothing within 1 s"):
            await client.get(NODES, "n")


async def test_half_a_document_meets_the_deadline_too() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    async with speaking(answer, hold=True) as server, client_of(server, IMPATIENT) as client:
        with pytest.raises(DeadlineExceeded):
            await client.list(CONFIG_MAPS)


async def test_a_connection_that_is_cut_in_the_middle_is_a_failed_connection() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    async with speaking(answer) as server, client_of(server) as client:
        with pytest.raises(ConnectionFailed, match="not completed"):
            await client.get(NODES, "n")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>hello</html>", "text/html"),
        (b"[1]", "application/json"),
        (b"{", "application/json"),
        (b"", "text/plain"),
    ],
)
async def test_an_answer_that_is_no_object_is_quoted(body: bytes, content_type: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type)

    async with serving(answer) as server, client_of(server) as client:
        with pytest.raises(InvalidResponse, match=f"wanted a JSON object, found {content_type}"):
            await client.get(NODES, "n")


async def test_bytes_that_are_no_http_are_no_api_server() -> None:
    async with speaking(b"SSH-2.0-OpenSSH_9.6\r\n\r\n") as server, client_of(server) as client:
        with pytest.raises(InvalidResponse, match="wanted HTTP, found"):
            await client.get(NODES, "n")


async def test_tls_towards_a_plain_server_is_told_as_tls() -> None:
    async with speaking(b"") as server, client_of(server.replace("http://", "https://"), IMPATIENT) as client:
        with pytest.raises(ConnectionFailed, match="no answer from https"):
            await client.get(NODES, "n")


async def test_a_redirect_is_not_followed_and_the_token_stays_here() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://elsewhere.example.com/"})

    async with serving(answer) as server, client_of(server, token="secret") as client:
        with pytest.raises(InvalidResponse, match="a redirect to https://elsewhere"):
            await client.get(NODES, "n")


def refusing(times: int, status: int, headers: dict[str, str], body: dict[str, object] | None = None) -> Handler:
    """Refuse the first requests, then answer."""
    left = times

    async def answer(_: web.Request) -> web.Response:
        nonlocal left
        if left:
            left -= 1
            return web.json_response({"kind": "Status", "code": status, **(body or {})}, status=status, headers=headers)
        return web.json_response({"metadata": {"name": "n"}})

    return answer


@pytest.mark.parametrize("status", [429, 500, 503, 504])
async def test_a_server_that_asks_for_a_retry_gets_one(status: int) -> None:
    async with serving(refusing(3, status, {"Retry-After": "0"})) as server, client_of(server) as client:
        assert await client.get(NODES, "n") == {"metadata": {"name": "n"}}


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (500, {}, {}, InternalError),
        (503, {}, {}, ServiceUnavailable),
        (404, {"Retry-After": "0"}, {}, NotFound),
        (429, {"Retry-After": "60"}, {}, TooManyRequests),
        (504, {"Retry-After": "0"}, {"details": {"causes": [{"reason": "ResourceVersionTooLarge"}]}}, ServerTimeout),
        (429, {"Retry-After": "0"}, {"details": {"causes": [{"reason": "DisruptionBudget"}]}}, TooManyRequests),
    ],
)
async def test_these_refusals_are_final(
    status: int, headers: dict[str, str], body: dict[str, object], error: type[Exception]
) -> None:
    async with serving(refusing(1, status, headers, body)) as server, client_of(server) as client:
        with pytest.raises(error):
            await client.get(NODES, "n")


async def test_a_server_that_always_asks_for_a_retry_is_left_after_ten() -> None:
    asked = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=429, headers={"Retry-After": "0"})

    async with serving(answer) as server, client_of(server) as client:
        with pytest.raises(TooManyRequests):
            await client.get(NODES, "n")
    assert asked == 11


async def test_a_refused_credential_is_fetched_anew_once() -> None:
    class Plugin:
        number = 0

        async def credential(self, *, rejected: bool) -> Credential:
            self.number += rejected
            return Credential(authorization=f"Bearer {self.number}")

    async def answer(request: web.Request) -> web.Response:
        if request.headers["Authorization"] != "Bearer 1":
            return web.Response(status=401)
        return web.json_response({"metadata": {"name": "n"}})

    async with serving(answer) as server:
        async with client_of(server, plugin=Plugin()) as client:
            assert await client.get(NODES, "n")
        async with client_of(server, token="stale") as client:
            with pytest.raises(Unauthorized, match="check the credentials"):
                await client.get(NODES, "n")


async def test_a_page_that_expired_begins_the_list_again_without_a_limit() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.query_string)
        if "continue" in request.query:
            return web.json_response({"kind": "Status", "code": 410, "reason": "Expired"}, status=410)
        metadata = {"resourceVersion": "5", "continue": "more" if "limit" in request.query else ""}
        names = ["a"] if "limit" in request.query else ["a", "b"]
        items = [{"metadata": {"name": name}} for name in names]
        return web.json_response({"kind": "ConfigMapList", "metadata": metadata, "items": items})

    async with serving(answer) as server, client_of(server) as client:
        listed = await client.list(CONFIG_MAPS, page_size=1)
        assert [item["metadata"]["name"] for item in listed.items] == ["a", "b"]
        pages = client.raw_pages(CONFIG_MAPS, options=ListOptions(page_size=1))
        assert [page.first async for page in pages] == [True, True]
    assert asked[:3] == ["limit=1", "limit=1&continue=more", ""]


async def test_a_table_is_no_list() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Table", "metadata": {"resourceVersion": "1"}, "rows": []})

    async with serving(answer) as server, client_of(server) as client:
        with pytest.raises(InvalidResponse, match="wanted a list of objects, found a Table"):
            await client.list(CONFIG_MAPS)


def streaming(*chunks: bytes, hold: bool = False) -> Handler:
    """Send chunks, then end the stream or leave it open."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0.01)
        if hold:
            await request.app[CLOSING].wait()
        return response

    return answer


async def test_a_watch_gives_whole_lines_and_drops_the_half_one_at_its_end() -> None:
    chunks = (b'{"a"', b':1}\n{"b":2}\n{"c"')
    async with (
        serving(streaming(*chunks)) as server,
        client_of(server) as client,
        client.watch(CONFIG_MAPS) as batches,
    ):
        lines = [line async for batch in batches for line in batch]
    assert lines == [b'{"a":1}', b'{"b":2}']


async def test_a_watch_that_falls_silent_is_given_up_after_the_idle_limit() -> None:
    async with serving(streaming(b"{}\n", hold=True)) as server, client_of(server, IMPATIENT) as client:
        seen: list[bytes] = []

        async def follow() -> None:
            async with client.watch(CONFIG_MAPS) as batches:
                async for lines in batches:
                    seen.extend(lines)

        with pytest.raises(WatchIdle, match=r"silent for 0\.3 s"):
            await follow()
    assert seen == [b"{}"]


async def test_a_refused_watch_is_an_error_and_no_stream() -> None:
    async with serving(refusing(9, 429, {"Retry-After": "2"})) as server, client_of(server) as client:
        with pytest.raises(TooManyRequests) as refused:
            async with client.watch(CONFIG_MAPS):
                pytest.fail("the watch was opened")
    assert refused.value.retry_after_s == 2


async def test_many_open_watches_do_not_starve_a_call() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await streaming(b"{}\n", hold=True)(request)
        return web.json_response({"metadata": {}})

    limits = TransportOptions(call_s=5.0, connections=1)
    async with (
        serving(answer) as server,
        client_of(server, limits) as client,
        client.watch(CONFIG_MAPS),
        client.watch(CONFIG_MAPS),
    ):
        assert await client.get(NODES, "n")


async def test_requests_are_counted_under_the_fields_names() -> None:
    async with serving(refusing(1, 503, {"Retry-After": "0"})) as server, client_of(server) as client:
        await client.get(NODES, "n")
        host = server.removeprefix("http://")
        for code in ("200", "503"):
            labels = {"code": code, "method": "GET", "host": host}
            assert REGISTRY.get_sample_value("rest_client_requests_total", labels) == 1
        retries = {"code": "503", "verb": "get", "host": host}
        assert REGISTRY.get_sample_value("rest_client_request_retries_total", retries) == 1


async def test_a_warning_of_the_server_is_logged_once_per_text_whichever_view_met_it() -> None:
    async def answer(request: web.Request) -> web.Response:
        warnings = [("Warning", '299 - "v1 is old"'), ("Warning", f'299 - "unknown \\"{request.path[-1]}\\""')]
        return web.json_response({"metadata": {}}, headers=warnings)

    async with serving(answer) as server, client_of(server) as client:
        with capture_logs() as logs:
            await client.get(NODES, "n")
            await client.get(NODES, "n")
            await client.view(field_manager="other").get(NODES, "m")
    warned = [line["text"] for line in logs if line["event"] == "api_server_warning"]
    assert warned == ["v1 is old", 'unknown "n"', 'unknown "m"']


async def test_a_warning_beside_a_refusal_is_logged_too() -> None:
    body = {"kind": "Status", "reason": "NotFound", "code": 404}
    refuse = refusing(1, 404, {"Warning": '299 - "v1 is old"'}, body)
    async with serving(refuse) as server, client_of(server) as client:
        with capture_logs() as logs, pytest.raises(NotFound):
            await client.get(NODES, "n")
    assert [line["text"] for line in logs] == ["v1 is old"]


async def test_bodies_are_asked_for_uncompressed() -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Accept-Encoding"])
        return web.json_response({"kind": "NodeList", "metadata": {"resourceVersion": "1"}, "items": []})

    async with serving(answer) as server, client_of(server) as client:
        await client.list(NODES)
        async with client.watch(NODES):
            pass
    assert seen == ["identity", "identity"]


async def test_a_body_that_comes_compressed_all_the_same_is_read() -> None:
    async def answer(_: web.Request) -> web.Response:
        body = gzip.compress(b'{"metadata":{"name":"n"}}')
        return web.Response(body=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})

    async with serving(answer) as server, client_of(server) as client:
        assert await client.get(NODES, "n") == {"metadata": {"name": "n"}}


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(streaming(b"{}")) as server, client_of(server) as client:
        assert await client.get(NODES, "n") == {}


async def test_a_burst_of_requests_is_not_slowed_down_by_the_client() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({})

    async with serving(answer) as server, client_of(server, TransportOptions(call_s=10.0)) as client:
        async with asyncio.timeout(10):
            await asyncio.gather(*(client.get(NODES, f"n{number}") for number in range(300)))


async def test_a_watch_is_not_tried_again_by_the_transport() -> None:
    asked = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=429, headers={"Retry-After": "0"})

    async with serving(answer) as server, client_of(server) as client:
        with pytest.raises(TooManyRequests) as refused:
            async with client.watch(NODES):
                raise AssertionError("no stream was opened")
    assert (asked, refused.value.retry_after_s) == (1, 0.0)


async def test_a_rotated_token_file_is_used_by_the_next_request(tmp_path: Path) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({})

    token = tmp_path / "token"
    token.write_text("one")
    async with serving(answer) as server, client_of(server, token_file=token) as client:
        await client.get(NODES, "n")
        token.write_text("three")
        await client.get(NODES, "n")
    assert seen == ["Bearer one", "Bearer three"]


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with Client"):
        await client_of("http://127.0.0.1:9").get(NODES, "n")
