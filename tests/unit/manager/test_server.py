"""Addresses and the HTTP servers, on this machine's loopback."""

import asyncio
import socket

import aiohttp
import pytest

from omectl import metrics
from omectl.manager import AddressUnavailable, BadAddress, Checks, HttpServer
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
