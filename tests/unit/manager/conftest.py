"""An API server, an informer and events, each small enough to see through."""

import asyncio
import copy
import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers import EventType, Handler, Header, ObjectEvent, Owner, ReflectorState
from omectl.informers.record import Record
from omectl.kube.errors import AlreadyExists, Conflict, NotFound
from omectl.kube.resources import CONFIG_MAPS

Fault = Callable[[str, ResourceKind, str], Exception | None]


class FakeApi:
    """Objects in a dictionary, resource versions, and faults on demand.

    `fault(verb, kind, name)` may answer an exception to raise; `late_fault` raises after the write was done.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[ResourceKind, ObjectKey], dict[str, Any]] = {}
        self.calls: list[str] = []
        self.field_managers: list[str] = []
        self.guard: Callable[[str], None] = lambda action: None
        self.fault: Fault = lambda verb, kind, name: None
        self.late_fault: Fault = lambda verb, kind, name: None
        self.latency_s: Callable[[], float] = lambda: 0.0
        self._version = 0

    async def get(self, kind: ResourceKind, name: str, namespace: str = "") -> JsonObject:
        await self._enter("get", kind, name)
        obj = self.objects.get((kind, ObjectKey(namespace, name)))
        if obj is None:
            raise NotFound(404, "NotFound", f"{kind.plural} {name!r} not found", _details(name))
        return copy.deepcopy(obj)

    async def create(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str = "") -> JsonObject:
        metadata: Any = obj["metadata"]
        name = metadata["name"]
        await self._enter("create", kind, name)
        self.field_managers.append(field_manager)
        place = (kind, ObjectKey(metadata.get("namespace", ""), name))
        if place in self.objects:
            raise AlreadyExists(409, "AlreadyExists", f"{kind.plural} {name!r} already exists")
        return await self._store("create", place, obj)

    async def replace(self, kind: ResourceKind, obj: JsonObject, *, field_manager: str = "") -> JsonObject:
        metadata: Any = obj["metadata"]
        name = metadata["name"]
        await self._enter("replace", kind, name)
        self.field_managers.append(field_manager)
        place = (kind, ObjectKey(metadata.get("namespace", ""), name))
        live = self.objects.get(place)
        if live is None:
            raise NotFound(404, "NotFound", f"{kind.plural} {name!r} not found", _details(name))
        if metadata.get("resourceVersion") != live["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", f"Operation cannot be fulfilled on {kind.plural} {name!r}")
        return await self._store("replace", place, obj)

    async def merge_patch(
        self, kind: ResourceKind, name: str, patch: JsonObject, namespace: str = "", *, field_manager: str = ""
    ) -> JsonObject:
        await self._enter("patch", kind, name)
        place = (kind, ObjectKey(namespace, name))
        live = self.objects.get(place)
        if live is None:
            raise NotFound(404, "NotFound", f"{kind.plural} {name!r} not found", _details(name))
        return await self._store("patch", place, {**live, **patch})

    def view(self, *, guard: Callable[[str], None]) -> "FakeApi":
        """The same objects, by a client whose writes ask `guard` first."""
        made = copy.copy(self)
        made.guard = guard
        return made

    def of(self, kind: ResourceKind) -> list[dict[str, Any]]:
        return [obj for (found, _), obj in self.objects.items() if found == kind]

    async def _enter(self, verb: str, kind: ResourceKind, name: str) -> None:
        if verb != "get":
            self.guard(f"{verb} {kind.kind} {name}")
        self.calls.append(f"{verb} {kind.plural}")
        await asyncio.sleep(self.latency_s())
        error = self.fault(verb, kind, name)
        if error is not None:
            raise error

    async def _store(self, verb: str, place: tuple[ResourceKind, ObjectKey], obj: JsonObject) -> JsonObject:
        self._version += 1
        stored: dict[str, Any] = copy.deepcopy(dict(obj))
        stored["metadata"]["resourceVersion"] = str(self._version)
        self.objects[place] = stored
        await asyncio.sleep(self.latency_s())
        error = self.late_fault(verb, place[0], place[1].name)
        if error is not None:
            raise error
        return copy.deepcopy(stored)


def _details(name: str) -> Any:
    from omectl.kube.errors import Details

    return Details(name=name)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def make_api() -> type[FakeApi]:
    return FakeApi


class FakeRegistration:
    """A handler's place at a fake informer."""

    def __init__(self, informer: "FakeInformer", handler: Handler, name: str, coalesce: bool) -> None:
        self.name = name
        self.handler = handler
        self.coalesce = coalesce
        self.removed = False
        self._informer = informer

    async def wait_synced(self) -> None:
        await self._informer.wait_synced()

    def remove(self) -> None:
        self.removed = True


class FakeInformer:
    """An informer that the test syncs and feeds."""

    def __init__(self, kind: ResourceKind = CONFIG_MAPS) -> None:
        self.kind = kind
        self.name = kind.plural
        self.state = ReflectorState.LISTING
        self.last_error: Exception | None = None
        self.registrations: list[FakeRegistration] = []
        self._synced = asyncio.Event()
        self._settled = asyncio.Event()

    @property
    def has_synced(self) -> bool:
        return self._synced.is_set()

    @property
    def is_settled(self) -> bool:
        return self._settled.is_set()

    @property
    def is_absent(self) -> bool:
        return self.state is ReflectorState.ABSENT

    def describe(self) -> str:
        return f"{self.name} ({self.state.value}{f': {self.last_error}' if self.last_error is not None else ''})"

    async def wait_synced(self) -> None:
        await self._synced.wait()

    async def wait_settled(self) -> None:
        await self._settled.wait()

    def add_handler(self, handler: Handler, *, name: str = "", coalesce: bool = False) -> FakeRegistration:
        registration = FakeRegistration(self, handler, name, coalesce)
        self.registrations.append(registration)
        return registration

    def sync(self) -> None:
        self.state = ReflectorState.WATCHING
        self.last_error = None
        self._synced.set()
        self._settled.set()

    def be_absent(self) -> None:
        self.state = ReflectorState.ABSENT
        self._settled.set()

    def emit(self, *events: ObjectEvent) -> None:
        for event in events:
            for registration in self.registrations:
                if not registration.removed:
                    registration.handler(event)


class FakeFactory:
    """The informers that a test made; `run` waits until it is cancelled."""

    def __init__(self, *informers: FakeInformer) -> None:
        self.informers = informers

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()

    def statistics(self) -> list[JsonObject]:
        return [{"name": informer.name, "state": informer.state.value} for informer in self.informers]


@pytest.fixture
def make_informer() -> type[FakeInformer]:
    return FakeInformer


@pytest.fixture
def informer() -> FakeInformer:
    return FakeInformer()


@pytest.fixture
def make_factory() -> type[FakeFactory]:
    return FakeFactory


class Told:
    """Makes events. An object is its name and whatever of its header matters."""

    def added(self, name: str = "a", *, initial: bool = False, **header: Any) -> ObjectEvent:
        return ObjectEvent(EventType.ADDED, record(name, **header), initial=initial)

    def updated(self, old: Record, new: Record, *, resync: bool = False) -> ObjectEvent:
        return ObjectEvent(EventType.UPDATED, new, old, resync=resync)

    def deleted(self, name: str = "a", **header: Any) -> ObjectEvent:
        return ObjectEvent(EventType.DELETED, record(name, **header))

    def record(self, name: str = "a", **header: Any) -> Record:
        return record(name, **header)


def record(
    name: str,
    *,
    namespace: str = "ns",
    version: str = "1",
    generation: int = 1,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    owners: tuple[Owner, ...] = (),
    deleting: bool = False,
    body: str = "{}",
) -> Record:
    import msgspec

    header = Header(namespace, name, f"uid-{name}", version, generation, labels or {}, owners, deleting)
    obj = {"metadata": {"name": name, "annotations": annotations or {}}, "spec": msgspec.json.decode(body)}
    return Record(ObjectKey(namespace, name), header, msgspec.json.encode(obj))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def told_logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged from now on, informational entries too."""
    with _logs_from(logging.INFO) as logs:
        yield logs


@pytest.fixture
def debug_logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """Everything that is logged from now on."""
    with _logs_from(logging.DEBUG) as logs:
        yield logs


@contextmanager
def _logs_from(level: int) -> Iterator[list[MutableMapping[str, Any]]]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    with capture_logs() as logs:
        yield logs
    structlog.configure(**before)
