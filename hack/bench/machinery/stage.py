"""The API server that every benchmark shares, what it holds, and the hands on it."""

import asyncio
import base64
import json
import re
import signal
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hack.bench.machinery.options import Options
from hack.bench.machinery.subjects import Programs
from hack.bench.program import Answer, Program, measure

from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.listing import ListOptions
from omectl.kube.resources import CONFIG_MAPS
from omectl.local.control_plane import ControlPlane

_MEDIUM_BYTES = 2_900
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ([0-9.e+-]+|NaN)$")

_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Profile(Enum):
    """What an object looks like: its kind and its size as JSON."""

    SMALL = ("ConfigMap", 800)
    MEDIUM = ("ConfigMap", _MEDIUM_BYTES)
    LARGE = ("ConfigMap", 60_000)
    POD = ("Pod", 3_500)

    @property
    def kind(self) -> str:
        return self.value[0]

    @property
    def size(self) -> int:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Collection:
    """Objects of one namespace; `flags` names them to a subject."""

    namespace: str
    objects: int
    kind: str = "ConfigMap"

    @property
    def flags(self) -> tuple[str, ...]:
        return (f"--namespace={self.namespace}", f"--objects={self.objects}", f"--kind={self.kind}")


class Stage:
    """One control plane; collections are filled at their first use and then shared by all subjects.

    `special` are those that a benchmark has filled in its own way.
    """

    def __init__(self, control_plane: ControlPlane, programs: Programs, options: Options) -> None:
        self.control_plane = control_plane
        self.programs = programs
        self.options = options
        self.special: set[Collection] = set()
        self._filled: set[Collection] = set()
        self._numbers = 0

    def new_name(self, prefix: str) -> str:
        """A name that this run has not used."""
        self._numbers += 1
        return f"{prefix}-{self._numbers}"

    # --- content ---

    async def collection(self, profile: Profile, objects: int) -> Collection:
        """The collection of that profile and size."""
        made = Collection(f"{profile.name.lower()}-{objects}", objects, profile.kind)
        await self.fill(made, profile.size)
        return made

    async def fill(self, collection: Collection, size: int, *flags: str) -> None:
        """Make what is missing of a collection; only once, unless `flags` ask for something special."""
        if collection in self._filled and not flags:
            return
        await measure(self.programs.tool("fill", *collection.flags, f"--bytes={size}", *flags))
        self._filled.add(collection)

    async def versions(self, namespaces: Sequence[str], kind: ResourceKind = CONFIG_MAPS) -> dict[str, str]:
        """What the server has: resource versions by namespace/name."""
        found: dict[str, str] = {}
        async with Client(self.control_plane.admin_config) as client:
            for namespace in namespaces:
                async for page in client.raw_pages(kind, namespace, ListOptions()):
                    for raw in page.items:
                        metadata = json.loads(bytes(raw))["metadata"]
                        found[f"{namespace}/{metadata['name']}"] = metadata["resourceVersion"]
        return found

    # --- subjects ---

    async def measure(self, subject: str, job: str, *flags: str) -> Answer:
        """A subject's figures of a job that ends by itself."""
        return await measure(self.programs.command(subject, job, *flags))

    def program(self, subject: str, job: str, *flags: str) -> Program:
        """A subject at a job that is ended from outside."""
        return Program(self.programs.command(subject, job, *flags))

    async def write(self, collection: Collection, rate: float, seconds: float, *flags: str) -> Answer:
        """What the writer did."""
        async with self.writer(collection, rate, seconds, *flags) as program:
            return await program.finish()

    def writer(self, collection: Collection, rate: float, seconds: float, *flags: str) -> Program:
        """The writer, a process that is the same for all subjects."""
        pace = (f"--rate={rate}", f"--seconds={seconds}")
        return Program(self.programs.tool("write", *collection.flags, *pace, *flags))

    @asynccontextmanager
    async def writing(self, collection: Collection, rate: float, *flags: str) -> AsyncIterator[Answer]:
        """The writer works while inside; what it did is in the answer afterwards."""
        did: Answer = {}
        async with self.writer(collection, rate, 3600, *flags) as program:
            yield did
            program.signal(signal.SIGTERM)
            did |= await program.finish()

    # --- the server ---

    async def metrics(self) -> "ServerMetrics":
        """The API server's counters since it started."""
        async with Client(self.control_plane.admin_config) as client:
            return ServerMetrics((await client.read("/metrics", accept="text/plain")).decode())

    async def compact(self) -> None:
        """Let etcd forget every revision but the latest; watches that are behind expire."""
        revision = (await self._etcd("kv/range", {"key": _encoded("a"), "limit": 1}))["header"]["revision"]
        await self._etcd("kv/compaction", {"revision": revision})

    async def delete_behind_the_server(self, namespace: str, name: str) -> None:
        """Delete a ConfigMap in etcd: while the server is down, nobody can see it happen."""
        await self._etcd("kv/deleterange", {"key": _encoded(f"/registry/configmaps/{namespace}/{name}")})

    async def _etcd(self, call: str, body: dict[str, Any]) -> dict[str, Any]:
        flag = "--advertise-client-urls="
        (address,) = [
            part.removeprefix(flag)
            for child in self.control_plane.children
            for part in child.command
            if part.startswith(flag)
        ]

        def ask() -> dict[str, Any]:
            request = urllib.request.Request(f"{address}/v3/{call}", data=json.dumps(body).encode(), method="POST")
            with urllib.request.urlopen(request, timeout=30.0) as answer:
                return json.load(answer)

        return await asyncio.to_thread(ask)

    async def restart_apiserver(self) -> tuple[int, int]:
        """Kill and start it on the same port; when it was gone and when it was ready (monotonic nanoseconds)."""
        await self.control_plane.stop_apiserver()
        gone = time.monotonic_ns()
        await self.control_plane.start_apiserver()
        return gone, time.monotonic_ns()


class ServerMetrics:
    """Samples of a Prometheus exposition."""

    def __init__(self, text: str) -> None:
        self._samples = [found.groups() for line in text.splitlines() if (found := _SAMPLE.match(line))]

    def total(self, name: str, **labels: str) -> float:
        """The sum over the series of that name that have these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(value)
            for found, with_labels, value in self._samples
            if found == name and all(part in (with_labels or "").split(",") for part in wanted)
        )

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The sums over the series of that name, by their values of these labels."""
        found: dict[tuple[str, ...], float] = {}
        for each, with_labels, value in self._samples:
            if each == name:
                told = dict(_LABEL.findall(with_labels or ""))
                key = tuple(told.get(label, "") for label in labels)
                found[key] = found.get(key, 0.0) + float(value)
        return found


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()
