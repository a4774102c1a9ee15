"""The metrics server that a manager's options describe, and a manager that runs it."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.certificates import CertificateAuthority, KeyPair
from omectl.clock import FakeClock, SystemClock
from omectl.kube.resources import TOKEN_REVIEWS
from omectl.manager import CertificateUnavailable, Manager, ManagerOptions
from omectl.manager.metrics_server import metrics_server


class Reviews:
    """Knows the token `good`, whose user may read `/metrics` and `/extra` only."""

    async def create(self, kind: ResourceKind, obj: JsonObject) -> JsonObject:
        spec: Any = obj["spec"]
        if kind is TOKEN_REVIEWS:
            return {"status": {"authenticated": spec["token"] == "good", "user": {"username": "ann"}}}
        attributes = spec["nonResourceAttributes"]
        return {"status": {"allowed": attributes["path"] in ("/metrics", "/extra") and attributes["verb"] == "get"}}


def secure(**options: Any) -> ManagerOptions:
    return ManagerOptions(metrics_address="127.0.0.1:0", metrics_secure=True, loop_stall_s=0.0, **options)


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[str]:
    task = asyncio.ensure_future(manager.run())
    async with asyncio.timeout(5.0):
        while not manager.metrics_url and not task.done():
            await asyncio.sleep(0)
    try:
        yield manager.metrics_url
    finally:
        manager.stop()
        await task


async def ask(url: str, token: str = "", context: ssl.SSLContext | bool = False) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers, ssl=context) as response:
        return response.status, await response.text()


def test_metrics_are_plain_and_open_by_default() -> None:
    server = metrics_server(ManagerOptions(metrics_address="127.0.0.1:0"), Reviews(), SystemClock())
    assert server.certificate is None
    options = ManagerOptions()
    assert (options.metrics_secure, options.metrics_cert_dir) == (False, "")
    assert (options.metrics_cert_name, options.metrics_cert_key) == ("tls.crt", "tls.key")


async def test_plain_metrics_ask_nobody(make_factory: Any) -> None:
    options = ManagerOptions(metrics_address="127.0.0.1:0", loop_stall_s=0.0)
    async with running(Manager(None, options, informers=make_factory())) as url:  # type: ignore[arg-type]
        assert url.startswith("http://")
        assert (await ask(url + "/metrics"))[0] == 200
        assert (await ask(url + "/debug/statistics"))[0] == 200


async def test_secure_metrics_fall_back_to_a_certificate_of_their_own(make_factory: Any) -> None:
    manager = Manager(Reviews(), secure(), informers=make_factory())  # type: ignore[arg-type]
    async with running(manager) as url:
        assert url.startswith("https://")
        status, text = await ask(url + "/metrics", "good")
        assert status == 200
        assert "certwatcher_read_certificate_total" in text
        assert "certificate/metrics" in manager.statistics().runnables["servers"]


async def test_everything_on_the_secure_server_is_protected(make_factory: Any) -> None:
    async def extra(request: web.Request) -> web.Response:
        return web.Response(text="extra")

    manager = Manager(Reviews(), secure(), informers=make_factory())  # type: ignore[arg-type]
    manager.add_metrics_handler("/extra", extra)
    async with running(manager) as url:
        for path in ("/metrics", "/debug/statistics", "/extra"):
            assert (await ask(url + path))[0] == 401
            assert (await ask(url + path, "bad"))[0] == 401
        assert await ask(url + "/extra", "good") == (200, "extra")
        assert (await ask(url + "/debug/statistics", "good"))[0] == 403


async def test_a_manager_without_metrics_runs_no_certificate(make_factory: Any) -> None:
    options = ManagerOptions(metrics_secure=True, loop_stall_s=0.0, probe_address="127.0.0.1:0")
    manager = Manager(Reviews(), options, informers=make_factory())  # type: ignore[arg-type]
    task = asyncio.ensure_future(manager.run())
    while not manager.probe_url:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert manager.statistics().runnables["servers"] == []
    manager.stop()
    await task


async def test_certificate_files_are_served_and_followed(tmp_path: Path) -> None:
    authority = CertificateAuthority.made()

    def write(pair: KeyPair) -> bytes:
        (tmp_path / "c.pem").write_bytes(pair.certificate)
        (tmp_path / "k.pem").write_bytes(pair.key)
        return ssl.PEM_cert_to_DER_cert(pair.certificate.decode())

    options = secure(metrics_cert_dir=str(tmp_path), metrics_cert_name="c.pem", metrics_cert_key="k.pem")
    write(authority.server(["127.0.0.1"]))
    server = metrics_server(options, Reviews(), SystemClock())
    server.serve_metrics()
    await server.start()
    assert server.certificate is not None
    try:
        trusting = ssl.create_default_context(cadata=authority.certificate.decode())
        assert (await ask(server.url + "/metrics", "good", trusting))[0] == 200
        write(authority.server(["another.host"]))
        assert await server.certificate.check()
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(server.url + "/metrics", "good", trusting)
    finally:
        await server.stop()


async def test_a_folder_without_a_certificate_stops_the_manager_before_anything_runs(
    tmp_path: Path, make_factory: Any
) -> None:
    manager = Manager(Reviews(), secure(metrics_cert_dir=str(tmp_path)), informers=make_factory())  # type: ignore[arg-type]
    with pytest.raises(CertificateUnavailable, match=str(tmp_path)):
        await manager.run()


async def test_the_certificate_of_its_own_follows_the_managers_clock() -> None:
    clock = FakeClock()
    server = metrics_server(secure(), Reviews(), clock)
    assert server.certificate is not None
    await server.certificate.require()
    first = server.certificate.pair
    clock.advance(datetime.timedelta(days=300).total_seconds())
    assert await server.certificate.check()
    assert server.certificate.pair != first
