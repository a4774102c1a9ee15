"""Addresses and the HTTP servers, on this machine's loopback."""

import asyncio
import errno
import gc
import os
import socket
import ssl
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from omectl import metrics
from omectl.certificates import CertificateAuthority, KeyPair
from omectl.manager import (
    AccessFilter,
    AddressUnavailable,
    BadAddress,
    CertificateUnavailable,
    Checks,
    HttpServer,
    Refusal,
    ServingCertificate,
)
from omectl.manager.server import parse_address


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        (":8080", (None, 8080)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:9", ("localhost", 9)),
        ("[::1]:8080", ("::1", 8080)),
        ("0", None),
        ("", None),
    ],
)
def test_addresses_are_read(address: str, parsed: tuple[str | None, int] | None) -> None:
    assert parse_address(address, "--flag") == parsed


@pytest.mark.parametrize("address", ["8080", "host:", "host:http", ":99999", ":-1", "::1:80", ":８０"])
def test_what_is_no_address_is_refused_by_flag(address: str) -> None:
    with pytest.raises(BadAddress, match=r"--metrics-bind-address: wanted host:port"):
        HttpServer("metrics", address, "--metrics-bind-address")


async def get(url: str) -> tuple[int, str, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text(), dict(response.headers)


async def test_probes_metrics_and_json_are_served() -> None:
    problem: str | None = "waiting for pods"
    checks = Checks("readyz")
    checks.add("caches", lambda: problem)
    metrics.counter("test_served_total", "Served.").inc()
    server = HttpServer("test", "127.0.0.1:0", "--flag")
    server.serve_probe("/readyz", checks)
    server.serve_metrics()
    server.serve_json("/debug/statistics", lambda: {"state": "running"})
    assert server.url == ""
    await server.start()
    try:
        status, text, headers = await get(server.url + "/readyz")
        assert status == 500
        assert "[-]caches failed: waiting for pods" in text
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert headers["X-Content-Type-Options"] == "nosniff"
        problem = None
        assert (await get(server.url + "/readyz"))[:2] == (200, "ok")
        assert (await get(server.url + "/readyz/"))[:2] == (200, "ok")
        assert (await get(server.url + "/readyz/caches"))[:2] == (200, "ok")
        assert (await get(server.url + "/readyz/nothing"))[0] == 404
        assert (await get(server.url + "/elsewhere"))[0] == 404
        assert "[+]caches excluded" in (await get(server.url + "/readyz?verbose&exclude=caches"))[1]
        status, text, headers = await get(server.url + "/metrics")
        assert status == 200
        assert "test_served_total 1.0" in text
        assert headers["Content-Type"].startswith("text/plain; version=")
        assert (await get(server.url + "/debug/statistics"))[1] == '{\n  "state": "running"\n}'
    finally:
        url = server.url
        await server.stop()
    assert server.url == ""
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(url)


async def test_a_port_in_use_is_named_with_its_flag() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = HttpServer("metrics", address, "--metrics-bind-address")
        with pytest.raises(AddressUnavailable) as caught:
            await server.start()
    assert str(caught.value) == (
        f"wanted to listen on {address} (--metrics-bind-address), found that another process listens there already; "
        "stop it or choose another address with --metrics-bind-address"
    )


def test_a_port_that_this_user_may_not_have_is_named() -> None:
    error = AddressUnavailable(":80", "--flag", PermissionError(errno.EACCES, "Permission denied"))
    assert str(error) == (
        "wanted to listen on :80 (--flag), found that this user may not listen there; "
        "choose a port above 1023 with --flag"
    )
    assert (error.address, error.flag, error.errno) == (":80", "--flag", errno.EACCES)


async def test_an_address_of_another_machine_is_named() -> None:
    server = HttpServer("metrics", "192.0.2.1:0", "--flag")
    with pytest.raises(AddressUnavailable, match="choose an address of this machine with --flag"):
        await server.start()


async def test_a_server_that_is_off_listens_nowhere() -> None:
    server = HttpServer("metrics", "0", "--flag")
    await server.start()
    assert server.is_off
    assert server.address is None
    await server.stop()


async def test_an_open_connection_does_not_hold_up_the_stop() -> None:
    server = HttpServer("test", "127.0.0.1:0", "--flag")
    server.serve_metrics()
    await server.start()
    assert server.address is not None
    _, writer = await asyncio.open_connection(*server.address)
    async with asyncio.timeout(5.0):
        await server.stop()
    writer.close()


class Given:
    """A source of one pair."""

    def __init__(self, pair: KeyPair) -> None:
        self.pair = pair

    async def read(self) -> KeyPair:
        return self.pair


class Guard(AccessFilter):
    """Lets nobody in, or those who ask for `/open`; writes down who came."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.status = 401

    async def refusal(self, authorization: str, verb: str, path: str) -> Refusal | None:
        self.asked.append((authorization, verb, path))
        return None if path.startswith("/open") else Refusal(self.status, "stay out\n")


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello by {request.method}")


async def test_a_server_with_a_certificate_speaks_tls_and_follows_its_changes() -> None:
    authority = CertificateAuthority.made()
    first, second = authority.server(["127.0.0.1"]), authority.server(["127.0.0.1"])
    source = Given(first)
    certificate = ServingCertificate("test", source)
    server = HttpServer("test", "127.0.0.1:0", "--flag", certificate=certificate)
    server.serve("/hello", hello)
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert server.address is not None
        return await asyncio.open_connection(*server.address, ssl=trusting)

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert (await reader.readuntil(b"hello by GET")).endswith(b"hello by GET")
        return bytes(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))

    await server.start()
    assert server.url.startswith("https://127.0.0.1:")
    kept = await connect()
    assert await met(*kept) == ssl.PEM_cert_to_DER_cert(first.certificate.decode())
    source.pair = second
    await certificate.check()
    # An open connection stays as it is; a new one meets the new certificate.
    assert await met(*kept) == ssl.PEM_cert_to_DER_cert(first.certificate.decode())
    fresh = await connect()
    assert await met(*fresh) == ssl.PEM_cert_to_DER_cert(second.certificate.decode())
    for _, writer in (kept, fresh):
        writer.close()
        await writer.wait_closed()
    await server.stop()


async def test_a_peer_that_does_not_answer_a_tls_farewell_is_left() -> None:
    authority = CertificateAuthority.made()
    certificate = ServingCertificate("test", Given(authority.server(["127.0.0.1"])))
    server = HttpServer("test", "127.0.0.1:0", "--flag", certificate=certificate)
    server.serve("/hello", hello)
    await server.start()
    assert server.address is not None
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    plain = await asyncio.to_thread(socket.create_connection, server.address, 5)
    # Closed by nobody here: a process that hangs keeps its connections, too.
    with await asyncio.to_thread(trusting.wrap_socket, plain, server_hostname="127.0.0.1") as silent:
        silent.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await asyncio.to_thread(silent.recv, 15)) == b"HTTP/1.1 200 OK"
        await server.stop()
        with socket.socket(fileno=os.dup(silent.fileno())) as beneath, suppress(ConnectionResetError):
            beneath.settimeout(5)
            while await asyncio.to_thread(beneath.recv, 1000):
                pass


async def test_a_server_without_a_usable_certificate_does_not_start() -> None:
    certificate = ServingCertificate("test", Given(KeyPair(b"", b"")))
    server = HttpServer("test", "127.0.0.1:0", "--flag", certificate=certificate)
    with pytest.raises(CertificateUnavailable, match="wanted a certificate in PEM"):
        await server.start()
    assert server.address is None


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_guard_protects_every_path_also_one_that_is_not_there(status: int) -> None:
    guard = Guard()
    guard.status = status
    server = HttpServer("test", "127.0.0.1:0", "--flag", guard=guard)
    server.serve_metrics()
    server.serve("/extra", hello)
    server.serve("/open", hello)
    await server.start()
    try:
        for path in ("/metrics", "/extra", "/nothing"):
            found, text, headers = await get(server.url + path)
            assert (found, text) == (status, "stay out\n")
            assert headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
        assert (await get(server.url + "/open"))[:2] == (200, "hello by GET")
        assert (await get(server.url + "/open/nothing"))[0] == 404
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer x"}) as session:
            await session.head(server.url + "/open")
    finally:
        await server.stop()
    assert guard.asked == [
        ("", "get", "/metrics"),
        ("", "get", "/extra"),
        ("", "get", "/nothing"),
        ("", "get", "/open"),
        ("", "get", "/open/nothing"),
        ("Bearer x", "head", "/open"),
    ]


async def test_a_path_is_served_by_its_method_only() -> None:
    server = HttpServer("test", "127.0.0.1:0", "--flag")
    server.serve("/hello", hello)
    server.serve("/post", hello, method="POST")
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            assert (await session.head(server.url + "/hello")).status == 200
            assert (await session.post(server.url + "/hello")).status == 405
            assert (await session.get(server.url + "/post")).status == 405
            async with session.post(server.url + "/post") as response:
                assert await response.text() == "hello by POST"
    finally:
        await server.stop()


def test_a_path_is_served_once() -> None:
    server = HttpServer("test", "127.0.0.1:0", "--flag")
    server.serve("/hello", hello)
    server.serve("/hello", hello, method="POST")
    with pytest.raises(ValueError, match="test: wanted a path that nothing serves yet, found GET /hello twice"):
        server.serve("/hello", hello)


async def test_a_running_request_is_answered_within_the_shutdown_time() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        begun.set()
        await go_on.wait()
        return web.Response(text="done")

    server = HttpServer("test", "127.0.0.1:0", "--flag", shutdown_s=10.0)
    server.serve("/slow", slow)
    await server.start()
    asked = asyncio.ensure_future(get(server.url + "/slow"))
    await begun.wait()
    stopped = asyncio.ensure_future(server.stop())
    await asyncio.sleep(0)
    go_on.set()
    assert (await asked)[:2] == (200, "done")
    await stopped


async def test_a_request_that_takes_longer_than_the_shutdown_time_is_cut_off() -> None:
    begun = asyncio.Event()

    async def endless(request: web.Request) -> web.Response:
        begun.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    server = HttpServer("test", "127.0.0.1:0", "--flag", shutdown_s=0.05)
    server.serve("/endless", endless)
    await server.start()
    asked = asyncio.ensure_future(get(server.url + "/endless"))
    await begun.wait()
    async with asyncio.timeout(5.0):
        await server.stop()
    with pytest.raises(aiohttp.ClientError):
        await asked


@pytest.mark.parametrize("sent", [b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /hello HT", b""])
async def test_a_connection_on_which_no_whole_request_comes_is_closed_when_the_idle_time_is_over(sent: bytes) -> None:
    server = HttpServer("test", "127.0.0.1:0", "--flag", idle_s=0.05)
    server.serve("/hello", hello)
    await server.start()
    assert server.address is not None
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        writer.write(sent)
        async with asyncio.timeout(5.0):
            rest = await reader.read()
        assert rest.startswith(b"HTTP/1.1 200" if sent.endswith(b"\r\n\r\n") else b"")
    finally:
        writer.close()
        await server.stop()


def test_the_times_of_a_server_are_bounded_unless_told_otherwise() -> None:
    server: Any = HttpServer("test", "127.0.0.1:0", "--flag")
    assert (server._idle_s, server._shutdown_s) == (90.0, 2.0)


@pytest.mark.parametrize("turns", range(6))
async def test_what_was_accepted_at_the_last_moment_is_closed_too(turns: int) -> None:
    server = HttpServer("late", "127.0.0.1:0", "--late")
    await server.start()
    assert server.address is not None
    clients = [socket.create_connection(server.address, timeout=5) for _ in range(5)]
    for _ in range(turns):
        await asyncio.sleep(0)
    await server.stop()
    for client in clients:
        with client, suppress(ConnectionResetError):
            assert client.recv(1) == b""
    gc.collect()
