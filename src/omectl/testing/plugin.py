"""The pytest plugin: control planes, the embedded server, clients, namespaces, and the check for leaks."""

import asyncio
import inspect
import os
import secrets
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypedDict, Unpack

import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.resources import NAMESPACES
from omectl.local.assets import CONTROL_PLANE, Assets, BinariesMissing, Binary, StagesMissing, acquire
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions, Profile
from omectl.local.control_plane.commands import needed
from omectl.local.embedded import EmbeddedOptions, EmbeddedServer, ServedKind
from omectl.local.leader_worker_sets import LeaderWorkerSets
from omectl.testing.clock import LoopClock
from omectl.testing.leaks import Residents, leaked_tasks

_RESIDENTS = pytest.StashKey[Residents]()
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class _Chosen(TypedDict, total=False):
    profile: Profile
    audit: bool
    controllers: bool
    scheduler: bool
    kwok: bool


def running_control_plane(options: ControlPlaneOptions, residents: Residents | None = None) -> Generator[ControlPlane]:
    """A started control plane for a fixture of any scope; skips without binaries, or fails where `CI` is `true`.

    `residents` are told of its processes, which a test may replace by restarting the API server.
    """
    find_binaries(needed(controllers=options.controllers, scheduler=options.scheduler, kwok=options.kwok))
    control_plane = ControlPlane(options)
    if residents is not None:
        residents.keepers.append(lambda: [child.pid for child in control_plane.children])
    asyncio.run(_enter(control_plane))
    try:
        yield control_plane
    finally:
        asyncio.run(control_plane.stop())


def find_binaries(wanted: Iterable[Binary]) -> Assets:
    """The binaries that are here; skips the test when one is not, or fails it where `CI` is `true`. Never builds."""
    try:
        return acquire(wanted, fetch=False)
    except (BinariesMissing, StagesMissing) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


async def _enter(started: ControlPlane | LeaderWorkerSets) -> None:
    await started.__aenter__()


@pytest.fixture(scope="session")
def binaries() -> Assets:
    """All programs of the control plane, for tests that start their own; skips without them, or fails in CI."""
    return find_binaries(CONTROL_PLANE)


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A real API server, profile `fast`: no RBAC, no service-account admission. Shared by the session."""
    yield from running_control_plane(_options(), request.config.stash[_RESIDENTS])


@pytest.fixture(scope="session")
def full_control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A real API server as clusters have it: RBAC, all default admission, an audit log. Shared by the session."""
    options = _options(profile=Profile.FULL, audit=True)
    yield from running_control_plane(options, request.config.stash[_RESIDENTS])


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A whole cluster: the full API server, kube-controller-manager, kube-scheduler, kwok. Shared by the session."""
    options = _options(profile=Profile.FULL, audit=True, controllers=True, scheduler=True, kwok=True)
    yield from running_control_plane(options, request.config.stash[_RESIDENTS])


@pytest.fixture(scope="session")
def groups_cluster(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A whole cluster of its own with the real LeaderWorkerSet controller, which makes groups of pods."""
    find_binaries([Binary.LWS_CONTROLLER])
    options = _options(profile=Profile.FULL, audit=True, controllers=True, scheduler=True, kwok=True)
    residents = request.config.stash[_RESIDENTS]
    with contextmanager(running_control_plane)(options, residents) as control_plane:
        groups = LeaderWorkerSets(control_plane)
        asyncio.run(_enter(groups))
        residents.keepers.append(lambda: [groups.child.pid])
        try:
            yield control_plane
        finally:
            asyncio.run(groups.stop())


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
def embedded_kinds() -> tuple[ResourceKind | ServedKind, ...]:
    """The kinds that `embedded_server` serves beside the built-in ones; override it where a test needs some."""
    return ()


@pytest.fixture
def embedded_options() -> EmbeddedOptions:
    """Those of `embedded_server`: bookmarks every 0.2 s, no wait of more than that; override them as you like."""
    return EmbeddedOptions(bookmark_interval_s=0.2, bookmark_before_timeout_s=0.1, future_version_wait_s=0.1)


@pytest.fixture
async def embedded_server(
    embedded_kinds: tuple[ResourceKind | ServedKind, ...], embedded_options: EmbeddedOptions
) -> AsyncIterator[EmbeddedServer]:
    """An API server in this process, one for each test, that can misbehave."""
    async with EmbeddedServer(embedded_kinds, embedded_options) as server:
        yield server


@pytest.fixture
async def embedded_client(embedded_server: EmbeddedServer) -> AsyncIterator[Client]:
    """A client of `embedded_server`."""
    async with Client(embedded_server.config) as opened:
        yield opened


@pytest.fixture
def virtual_clock() -> LoopClock:
    """A wall clock that goes with the loop's time: under `@pytest.mark.looptime` it jumps as the loop does."""
    return LoopClock()


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


def _options(**chosen: Unpack[_Chosen]) -> ControlPlaneOptions:
    """Options with the start timeout that the environment may set, under the name that envtest gives it."""
    text = os.environ.get("KUBEBUILDER_CONTROLPLANE_START_TIMEOUT")
    if text is None:
        return ControlPlaneOptions(**chosen)
    return ControlPlaneOptions(**chosen, start_timeout_s=parse_duration(text))


def parse_duration(text: str) -> float:
    """Seconds of a Go duration of one unit, such as `90s` or `2m`. Raises ValueError."""
    unit = _UNITS_S.get(text.lstrip("0123456789."))
    if unit is None:
        raise ValueError(f"KUBEBUILDER_CONTROLPLANE_START_TIMEOUT: wanted a time such as 90s or 2m, found {text!r}")
    return float(text.rstrip("hms")) * unit


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RESIDENTS] = Residents()
    # Otherwise pytest-asyncio's first look at "the current loop" makes one that nobody closes.
    asyncio.set_event_loop(None)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """What a fixture of a wider scope starts may outlive the test that happens to need it first."""
    if fixturedef.scope == "function":
        return (yield)
    with request.config.stash[_RESIDENTS].admitted():
        return (yield)


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
