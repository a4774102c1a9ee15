"""The same questions for two API servers: the embedded one and a real one."""

import asyncio
import io
import json
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import AlreadyExists, NotFound
from omectl.kube.identity import Identity
from omectl.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES

WIDGETS = ResourceKind("conformance.example.com", "v1", "Widget", "widgets", namespaced=True)
_READY_S = 20.0


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it came."""

    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> JsonObject:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, JsonObject]]:
        """The events of a watch that has ended."""
        return _events(self.body)

    @property
    def names(self) -> list[str]:
        """The names in a list."""
        return [item["metadata"]["name"] for item in self.json["items"]]


@dataclass(slots=True)
class Api:
    """One of the servers: a client of it, and plain HTTP to it."""

    client: Client
    session: aiohttp.ClientSession
    config: ClientConfig
    identity: Identity
    namespace: str
    real: bool

    @property
    def config_maps(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps"

    @property
    def widgets(self) -> str:
        return f"/apis/{WIDGETS.api_version}/namespaces/{self.namespace}/widgets"

    async def ask(
        self,
        method: str,
        path: str,
        body: JsonValue | bytes = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        encoding: str = "identity",
        limit_s: float = 15.0,
        **query: str,
    ) -> Said:
        url = URL(self.config.server + path).extend_query(query)
        headers = {"Accept": accept, "Content-Type": content_type, "Accept-Encoding": encoding}
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = io.BytesIO(sent) if body is not None else None
        started = asyncio.get_running_loop().time()
        async with (
            asyncio.timeout(limit_s),
            self.session.request(method, url, data=data, headers=headers, ssl=self.identity.tls_context()) as response,
        ):
            found = await response.read()
        took = asyncio.get_running_loop().time() - started
        return Said(response.status, response.content_type, dict(response.headers), found, took)

    async def watch(
        self, path: str, begun: asyncio.Event, *, limit_s: float = 30.0, **query: str
    ) -> list[tuple[str, JsonObject]]:
        """The events of a watch until it ends; `begun` is set when the first have come."""
        url = URL(self.config.server + path).extend_query({"watch": "true", **query})
        found = b""
        async with (
            asyncio.timeout(limit_s),
            self.session.get(url, ssl=self.identity.tls_context()) as response,
        ):
            async for piece in response.content.iter_any():
                found += piece
                begun.set()
        return _events(found)

    async def create(self, *names: str, **labels: str) -> list[JsonObject]:
        """ConfigMaps with these names."""
        return [(await self.ask("POST", self.config_maps, config_map(name, **labels))).json for name in names]


def _events(body: bytes) -> list[tuple[str, JsonObject]]:
    lines = [json.loads(line) for line in body.splitlines()]
    return [(line["type"], line["object"]) for line in lines]


def config_map(name: str, value: str = "1", **labels: str) -> JsonObject:
    metadata: JsonObject = {"name": name}
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}


def widget(name: str, size: int = 1, **metadata: JsonValue) -> JsonObject:
    return {
        "apiVersion": WIDGETS.api_version,
        "kind": "Widget",
        "metadata": {"name": name, **metadata},
        "spec": {"size": size},
    }


def definition() -> JsonObject:
    """The definition of Widget, with any content and a status subresource."""
    schema: JsonObject = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: JsonObject = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{WIDGETS.group}"},
        "spec": {
            "group": WIDGETS.group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [version],
        },
    }


async def served(client: Client) -> None:
    """Define Widget, and wait until it is served and its cache is filled."""
    try:
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition())
    except AlreadyExists:
        return
    async with asyncio.timeout(_READY_S):
        while True:
            try:
                await client.list(WIDGETS, "default", resource_version="0")
            except NotFound:
                await asyncio.sleep(0.05)
            else:
                return


@asynccontextmanager
async def opened(config: ClientConfig, *, real: bool) -> AsyncGenerator[Api]:
    """An `Api` with a fresh namespace, for as long as the context lasts."""
    async with Client(config) as client, aiohttp.ClientSession(auto_decompress=False) as session:
        await served(client)
        name = f"conformance-{secrets.token_hex(4)}"
        await client.create(NAMESPACES, {"metadata": {"name": name}})
        yield Api(client, session, client.config, Identity(client.config), name, real)
