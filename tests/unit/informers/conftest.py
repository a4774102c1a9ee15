"""A collection in memory that a reflector can list and watch, and that misbehaves on request."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
import structlog

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import Informer, InformerFactory
from omectl.informers.record import Record, RecordReader
from omectl.informers.reflector import Reflector
from omectl.informers.reflector_state import ReflectorOptions
from omectl.kube.errors import Expired
from omectl.kube.listing import ListOptions, RawPage, WatchOptions
from omectl.kube.resources import CONFIG_MAPS

Line = bytes | list[bytes] | Exception | None


def raw(obj: JsonObject) -> bytes:
    return json.dumps(obj, separators=(",", ":")).encode()


def event(event_type: str, obj: JsonObject) -> bytes:
    return raw({"type": event_type, "object": obj})


def status_event(code: int, reason: str, message: str = "") -> bytes:
    return event("ERROR", {"kind": "Status", "metadata": {}, "code": code, "reason": reason, "message": message})


@dataclass
class FakeCollection:
    """Objects with versions and a history; `requests` has what was asked: ("list"|"stream"|"watch", version).

    A request of a kind in `hold` waits for the event; `failures` are raised in order, one a request.
    """

    streaming_list: bool = True
    served: bool | Exception = True
    namespace: str = "ns"
    marker: bool = True
    prefetch_marker_value: str = "true"
    version: int = 1
    forgotten: int = 0
    objects: dict[str, JsonObject] = field(default_factory=dict)
    history: list[tuple[int, bytes]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    list_options: list[ListOptions] = field(default_factory=list)
    watch_options: list[WatchOptions] = field(default_factory=list)
    failures: dict[str, list[Exception]] = field(default_factory=lambda: {"list": [], "stream": [], "watch": []})
    times: list[float] = field(default_factory=list)
    open: list["asyncio.Queue[Line]"] = field(default_factory=list)
    hold: dict[str, asyncio.Event] = field(default_factory=dict)
    open_lists: int = 0
    on_page: Callable[[RawPage], RawPage] = field(default=lambda page: page)

    # --- what a test does ---

    def put(self, name: str, *, uid: str = "", **data: str) -> str:
        """Add or change an object; open watches hear of it."""
        event_type = "MODIFIED" if name in self.objects else "ADDED"
        self.version += 1
        old_uid = str(self.objects[name]["metadata"]["uid"]) if name in self.objects else f"uid-{name}"
        self.objects[name] = {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "uid": uid or old_uid,
                "resourceVersion": str(self.version),
                "managedFields": [{"manager": "test"}],
            },
            "data": dict(data),
        }
        self._tell(event(event_type, self.objects[name]))
        return str(self.version)

    def delete(self, name: str) -> None:
        self.version += 1
        obj = self.objects.pop(name)
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._tell(event("DELETED", obj))

    def bookmark(self) -> None:
        self.version += 1
        self.send(self.bookmark_line({}))

    def send(self, line: Line) -> None:
        """A line, a batch of lines, an error, or the end (None) to every open watch."""
        for queue in self.open:
            queue.put_nowait(line)

    def drop(self) -> None:
        """End every watch cleanly."""
        self.send(None)
        self.open.clear()

    def mark(self, value: str = "true") -> None:
        """The marker of a streaming list, to every open watch."""
        self.send(self.bookmark_line({"k8s.io/initial-events-end": value}))

    def forget(self) -> None:
        """Answer every older version with 410."""
        self.forgotten = self.version
        self.history.clear()

    def kinds(self) -> list[str]:
        """What was asked, without versions."""
        return [request for request, _ in self.requests]

    def versions(self, request: str) -> list[str]:
        """The versions at which one kind of request was made."""
        return [version for asked, version in self.requests if asked == request]

    # --- what a reflector asks ---

    async def pages(self, options: ListOptions) -> AsyncIterator[RawPage]:
        self.list_options.append(options)
        self.open_lists += 1
        try:
            await self._note("list", options.resource_version)
            async for page in self._pages(options):
                yield self.on_page(page)
                del page
        finally:
            self.open_lists -= 1

    async def _pages(self, options: ListOptions) -> AsyncIterator[RawPage]:
        items = [msgspec.Raw(raw(obj)) for obj in self.objects.values()]
        size = options.page_size or max(len(items), 1)
        version = str(self.version)
        for start in range(0, max(len(items), 1), size):
            more = "more" if start + size < len(items) else ""
            yield RawPage(items[start : start + size], version, more, first=start == 0)
            await asyncio.sleep(0)

    @asynccontextmanager
    async def watch(self, options: WatchOptions) -> AsyncGenerator[AsyncIterator[list[bytes]]]:
        self.watch_options.append(options)
        await self._note("stream" if options.send_initial_events else "watch", options.resource_version)
        queue: asyncio.Queue[Line] = asyncio.Queue()
        if options.send_initial_events:
            for obj in self.objects.values():
                queue.put_nowait(event("ADDED", obj))
            if self.marker:
                queue.put_nowait(self.bookmark_line({"k8s.io/initial-events-end": self.prefetch_marker_value}))
        elif options.resource_version in {"", "0"}:
            for obj in self.objects.values():
                queue.put_nowait(event("ADDED", obj))
        elif int(options.resource_version) < self.forgotten:
            queue.put_nowait(status_event(410, "Expired", "too old resource version"))
            queue.put_nowait(None)
        else:
            for version, line in self.history:
                if version > int(options.resource_version):
                    queue.put_nowait(line)
        self.open.append(queue)
        try:
            yield self._lines(queue)
        finally:
            if queue in self.open:
                self.open.remove(queue)

    async def is_served(self) -> bool:
        if isinstance(self.served, Exception):
            raise self.served
        return self.served

    async def _lines(self, queue: "asyncio.Queue[Line]") -> AsyncIterator[list[bytes]]:
        while (line := await queue.get()) is not None:
            if isinstance(line, Exception):
                raise line
            yield line if isinstance(line, list) else [line]

    async def _note(self, request: str, version: str) -> None:
        self.requests.append((request, version))
        self.times.append(asyncio.get_running_loop().time())
        if request in self.hold:
            await self.hold[request].wait()
        if self.failures[request]:
            raise self.failures[request].pop(0)

    def _tell(self, line: bytes) -> None:
        self.history.append((self.version, line))
        self.send(line)

    def bookmark_line(self, annotations: dict[str, str]) -> bytes:
        metadata: JsonObject = {"resourceVersion": str(self.version), "annotations": dict(annotations)}
        return event("BOOKMARK", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata})


class MemorySink:
    """What a reflector delivered: the content, and a log of the calls."""

    def __init__(self) -> None:
        self.content: dict[ObjectKey, Record] = {}
        self.log: list[str] = []
        self.version = ""

    def replace(self, records: dict[ObjectKey, Record], resource_version: str) -> None:
        self.content = dict(records)
        self.version = resource_version
        self.log.append(f"replace {','.join(sorted(key.name for key in records))}")

    def change(self, event_type: str, record: Record) -> None:
        self.log.append(f"{event_type} {record.key.name}")
        if event_type == "DELETED":
            self.content.pop(record.key, None)
        else:
            self.content[record.key] = record

    def bookmark(self, resource_version: str) -> None:
        self.version = resource_version
        self.log.append("bookmark")

    def absent(self) -> None:
        self.log.append("absent")

    def versions(self) -> dict[str, str]:
        return {key.name: record.header.resource_version for key, record in self.content.items()}


@dataclass
class Running:
    """A reflector at work on a fake collection."""

    source: FakeCollection
    sink: MemorySink
    reflector: Reflector

    def agrees(self) -> bool:
        """The sink holds exactly what the collection holds."""
        wanted = {name: str(obj["metadata"]["resourceVersion"]) for name, obj in self.source.objects.items()}
        return self.sink.versions() == wanted

    async def settle(self, seconds: float = 0.05) -> None:
        """Let virtual time pass."""
        await asyncio.sleep(seconds)


@pytest.fixture
async def source() -> FakeCollection:
    return FakeCollection()


@pytest.fixture(scope="session")
def new_source() -> type[FakeCollection]:
    """Makes a collection for each of many examples within one test."""
    return FakeCollection


Start = Callable[..., Running]


@pytest.fixture
async def start(source: FakeCollection) -> AsyncIterator[Start]:
    """Start a reflector (with options) that ends with the test."""
    tasks: list[asyncio.Task[None]] = []

    def begin(options: ReflectorOptions | None = None, uniform: float = 0.0, name: str = "test") -> Running:
        sink = MemorySink()
        reader = RecordReader(CONFIG_MAPS)
        reflector = Reflector(name, source, reader, sink, options, uniform=lambda: uniform)
        tasks.append(asyncio.create_task(reflector.run()))
        return Running(source, sink, reflector)

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def run() -> AsyncIterator[Callable[..., Awaitable[asyncio.Task[None]]]]:
    """Run an informer or a factory until the test ends, or until the test cancels the task."""
    tasks: list[asyncio.Task[None]] = []

    async def begin(runnable: Informer | InformerFactory) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(runnable.run()))
        await asyncio.sleep(0.05)
        return tasks[-1]

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def expired() -> Expired:
    return Expired(410, "Expired", "too old resource version")


@pytest.fixture
def make_event() -> Callable[[str, JsonObject], bytes]:
    return event


@pytest.fixture
def make_status() -> Callable[..., bytes]:
    return status_event


@pytest.fixture
def all_logs() -> Iterator[list[MutableMapping[str, object]]]:
    """Everything that is logged, at every level."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    with structlog.testing.capture_logs() as logs:
        yield logs
    structlog.configure(**before)
