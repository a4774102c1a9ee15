"""The pytest plugin: control planes, clients, namespaces, and the check for leaks."""

import asyncio
import inspect
import os
import secrets
from collections.abc import AsyncIterator, Generator, Iterator

import pytest

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.resources import NAMESPACES
from omectl.local.assets import BinariesMissing, BuildFailed
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions, Profile
from omectl.testing.leaks import Residents, leaked_tasks

_RESIDENTS = pytest.StashKey[Residents]()


def running_control_plane(options: ControlPlaneOptions, residents: Residents | None = None) -> Iterator[ControlPlane]:
    """A started control plane for a fixture of any scope; skips without binaries, or fails where `CI` is `true`."""
    control_plane = ControlPlane(options)
    try:
        asyncio.run(_enter(control_plane))
    except (BinariesMissing, BuildFailed) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    if residents is not None:
        residents.processes |= {child.pid for child in control_plane.children}
    try:
        yield control_plane
    finally:
        asyncio.run(control_plane.stop())


async def _enter(control_plane: ControlPlane) -> None:
    await control_plane.__aenter__()


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A real API server, profile `fast`: no RBAC, no service-account admission. Shared by the session."""
    yield from running_control_plane(ControlPlaneOptions(), request.config.stash[_RESIDENTS])


@pytest.fixture(scope="session")
def full_control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A real API server as clusters have it: RBAC, all default admission, an audit log. Shared by the session."""
    options = ControlPlaneOptions(profile=Profile.FULL, audit=True)
    yield from running_control_plane(options, request.config.stash[_RESIDENTS])


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A whole cluster: the full API server, kube-controller-manager, kube-scheduler, kwok. Shared by the session."""
    options = ControlPlaneOptions(profile=Profile.FULL, audit=True, controllers=True, scheduler=True, kwok=True)
    yield from running_control_plane(options, request.config.stash[_RESIDENTS])


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    """An admin's client of `control_plane`."""
    async with Client(control_plane.admin_config) as opened:
        yield opened


@pytest.fixture
async def namespace(client: Client) -> str:
    """A fresh namespace on `control_plane`."""
    name = f"test-{secrets.token_hex(4)}"
    obj: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await client.create(NAMESPACES, obj)
    return name


@pytest.fixture
async def no_leaked_tasks() -> AsyncIterator[None]:
    """Fails the test when a task outlives it; every asynchronous test has it."""
    yield
    await asyncio.sleep(0)
    if leaked := leaked_tasks():
        pytest.fail("these outlived the test: " + "; ".join(leaked), pytrace=False)


@pytest.fixture(autouse=True)
def _leak_check(request: pytest.FixtureRequest) -> None:
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("no_leaked_tasks")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RESIDENTS] = Residents()
    # Otherwise pytest-asyncio's first look at "the current loop" makes one that nobody closes.
    asyncio.set_event_loop(None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    residents = item.config.stash[_RESIDENTS]
    if not residents.threads:
        residents.settle()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    result = yield
    residents = item.config.stash[_RESIDENTS]
    if strangers := residents.strangers():
        residents.settle()
        pytest.fail("these outlived the test: " + "; ".join(strangers), pytrace=False)
    return result
