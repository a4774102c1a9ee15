"""What both servers answer after a restart, and when the past was compacted away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import psutil
import pytest
from tests.envtest.local.conformance.api import Api, config_map, opened

from omectl.api.json import JsonObject
from omectl.local.assets import Assets
from omectl.local.control_plane import ControlPlane
from omectl.local.embedded import EmbeddedServer


@dataclass(frozen=True, slots=True)
class Mortal:
    """A server that the test may restart, and whose history it may cut off."""

    api: Api
    restart: Callable[[], Awaitable[None]]
    compact: Callable[[], Awaitable[None]]


@pytest.fixture(params=["embedded", "real"])
def programs(request: pytest.FixtureRequest) -> Assets | None:
    """The real server's programs; None for the embedded one."""
    return request.getfixturevalue("binaries") if request.param == "real" else None


@pytest.fixture
async def mortal(programs: Assets | None) -> AsyncIterator[Mortal]:
    if programs is None:
        async with EmbeddedServer() as server, opened(server.config, real=False) as api:

            async def forget() -> None:
                server.compact()

            yield Mortal(api, server.restart, forget)
        return
    async with ControlPlane() as control_plane, opened(control_plane.admin_config, real=True) as api:

        async def compact() -> None:
            version = int((await api.ask("GET", api.config_maps)).json["metadata"]["resourceVersion"])
            etcd = _etcd(control_plane)
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"{etcd}/v3/kv/compaction", json={"revision": version, "physical": True}) as answer,
            ):
                assert answer.status == 200

        yield Mortal(api, control_plane.restart_apiserver, compact)


def _etcd(control_plane: ControlPlane) -> str:
    """The address at which this control plane's etcd listens."""
    (child,) = (child for child in control_plane.children if child.name == "etcd")
    flag = "--listen-client-urls="
    return next(part for part in psutil.Process(child.pid).cmdline() if part.startswith(flag)).removeprefix(flag)


async def test_a_version_from_before_the_restart_is_expired_within_the_stream(mortal: Mortal) -> None:
    api = mortal.api
    (first, _) = await api.create("a", "b")
    old = str(first["metadata"]["resourceVersion"])
    await mortal.restart()
    said = await api.ask("GET", api.config_maps, watch="true", resourceVersion=old, timeoutSeconds="14")
    assert said.status == 200
    ((kind, status),) = said.events
    newest = int(str(status["message"]).rpartition("(")[2].rstrip(")"))
    assert newest > int(old)
    expected: JsonObject = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"too old resource version: {old} ({newest})",
        "reason": "Expired",
        "code": 410,
    }
    assert (kind, status) == ("ERROR", expected)
    assert said.seconds < 13.0


async def test_objects_outlive_a_restart_and_open_watches_do_not(mortal: Mortal) -> None:
    api = mortal.api
    (made,) = await api.create("a")
    begun = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_ending(api, begun))
        await begun.wait()
        await mortal.restart()
    assert (await api.ask("GET", f"{api.config_maps}/a")).json == made


async def _ending(api: Api, begun: asyncio.Event) -> None:
    """A watch that somebody ends, in whatever way."""
    try:
        await api.watch(api.config_maps, begun, timeoutSeconds="60")
    except aiohttp.ClientError:
        return


async def test_pages_and_exact_lists_of_a_compacted_past_are_expired(mortal: Mortal) -> None:
    api = mortal.api
    await api.create("a", "b", "c")
    first = await api.ask("GET", api.config_maps, limit="1")
    token, version = first.json["metadata"]["continue"], first.json["metadata"]["resourceVersion"]
    await api.ask("PUT", f"{api.config_maps}/a", config_map("a", "2"))
    await mortal.restart()
    await mortal.compact()
    exact = await api.ask("GET", api.config_maps, resourceVersion=version, resourceVersionMatch="Exact")
    assert (exact.status, exact.json["reason"], exact.json["code"]) == (410, "Expired", 410)
    assert exact.json["message"] == "The resourceVersion for the provided list is too old."
    page = await api.ask("GET", api.config_maps, limit="1", **{"continue": token})
    assert (page.status, page.json["reason"]) == (410, "Expired")
    assert str(page.json["message"]).startswith(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list"
    )
    rest = await api.ask("GET", api.config_maps, **{"continue": page.json["metadata"]["continue"]})
    assert rest.names == ["b", "c"]
