"""One asynchronous client on raw JSON. Objects go in and come out as plain dictionaries."""

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import msgspec

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube import requests
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import Expired, InvalidResponse
from omectl.kube.lines import LineSplitter, LineTooLong
from omectl.kube.listing import DEFAULT_PAGE_SIZE, Lines, ListBody, ListOptions, ObjectList, RawPage, WatchOptions
from omectl.kube.requests import FieldValidation, Request
from omectl.kube.scope import ForeignNamespace, Scope, WriteGuard, WriteObserver
from omectl.kube.transport import Reply, Transport, TransportOptions
from omectl.kube.writes import Writes

_T = TypeVar("_T")

_decode_object: Callable[[bytes | msgspec.Raw], JsonObject] = msgspec.json.Decoder(dict[str, Any]).decode
_decode_list = msgspec.json.Decoder(ListBody).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Limits of a client; see `TransportOptions` for the units."""

    transport: TransportOptions = field(default_factory=TransportOptions)


class Client(Writes):
    """Talks to one API server; used from one event loop, as an async context manager.

    Every method raises `ApiError` (a refusal, typed by reason), `ConnectionFailed` (no answer; `DeadlineExceeded`
    when it is only late) or `InvalidResponse` (not an API server). A write that ended in `ConnectionFailed` may have
    been done.
    """

    def __init__(self, config: ClientConfig, options: ClientOptions | None = None) -> None:
        self._options = options or ClientOptions()
        self._transport = Transport(config, self._options.transport)
        self._scope = Scope()

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    def view(
        self,
        *,
        namespace: str | None = None,
        dry_run: bool = False,
        field_manager: str | None = None,
        validation: FieldValidation | None = None,
        guard: WriteGuard | None = None,
        observer: WriteObserver | None = None,
    ) -> Self:
        """The same client (connections too), confined: what is given is added to what this client does already.

        `namespace` is the only one whose objects it reads, watches and writes (ForeignNamespace otherwise; kinds of the
        cluster pass, and so does `read`, which knows no kinds). `dry_run` makes every write a dry run. `field_manager`
        and `validation` are what writes use that don't say otherwise. Writes ask `guard` first and tell `observer`
        afterwards; dry runs pass both by. A view is open for as long as the client it was made from.
        """
        old = self._scope
        if namespace and old.namespace and namespace != old.namespace:
            raise ForeignNamespace(old.namespace, namespace)
        made = copy.copy(self)
        made._scope = Scope(
            namespace=namespace or old.namespace,
            dry_run=dry_run or old.dry_run,
            field_manager=old.field_manager if field_manager is None else field_manager,
            validation=validation or old.validation,
            guards=old.guards if guard is None else (*old.guards, guard),
            observers=old.observers if observer is None else (*old.observers, observer),
        )
        return made

    @property
    def config(self) -> ClientConfig:
        """The configuration, as validated."""
        return self._transport.config

    async def get(
        self, kind: ResourceKind, name: str, namespace: str = "", *, resource_version: str = ""
    ) -> JsonObject:
        """The live object; with `resource_version` "0" whatever the server's cache has."""
        key = self._scope.key(kind, name, namespace)
        return await self._object(requests.get(kind, key, resource_version=resource_version))

    async def list(
        self,
        kind: ResourceKind,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        page_size: int = DEFAULT_PAGE_SIZE,
        resource_version: str = "",
    ) -> ObjectList:
        """All objects of a collection, read in pages; items carry `apiVersion` and `kind`."""
        items: list[JsonObject] = []
        found = ""
        options = ListOptions(
            label_selector=label_selector,
            field_selector=field_selector,
            page_size=page_size,
            resource_version=resource_version,
        )
        pages = self.raw_pages(kind, namespace, options)
        async for page in pages:
            if page.first:
                items.clear()
            found = page.resource_version
            type_of_all: JsonObject = {"apiVersion": kind.api_version, "kind": kind.kind}
            items.extend({**type_of_all, **_decode_object(raw)} for raw in page.items)
        return ObjectList(items, found)

    async def raw_pages(
        self, kind: ResourceKind, namespace: str = "", options: ListOptions | None = None
    ) -> AsyncIterator[RawPage]:
        """The pages of a collection as bytes; when a later page has expired, the list begins again without a limit."""
        wanted = options or ListOptions()
        namespace = self._scope.namespace_of(kind, namespace)
        query = wanted.first_query()
        token = ""
        while True:
            try:
                request = requests.collection(kind, namespace, query)
                page = await self._page(request, wanted.accept, first=not token)
            except Expired:
                if not token or not wanted.full_list_if_expired:
                    raise
                query, token = wanted.full_query(), ""
                continue
            token = page.continue_token
            yield page
            del page
            if not token:
                return
            query = wanted.next_query(token)

    async def _page(self, request: Request, accept: str, *, first: bool) -> RawPage:
        reply = await self._transport.call(request, accept=accept, deadline_s=self._options.transport.list_s)
        body = self._decoded(_decode_list, reply, request, "a list")
        if body.kind == "Table":
            raise InvalidResponse(self.config.server, "a list of objects", "a Table", action=request.action)
        return body.page(first=first)

    async def get_subresource(self, kind: ResourceKind, name: str, subresource: str, namespace: str = "") -> JsonObject:
        """What `scale` or another subresource says."""
        key = self._scope.key(kind, name, namespace)
        return await self._object(requests.get(kind, key, subresource=subresource))

    @asynccontextmanager
    async def watch(
        self, kind: ResourceKind, namespace: str = "", options: WatchOptions | None = None
    ) -> AsyncGenerator[AsyncIterator[Lines]]:
        """Open a watch; iterate for batches of events, each event the bytes of one line.

        Ends when the server ends it. Raises as every method does, WatchIdle when nothing came for the idle limit, and
        never retries. A last line without its newline was cut off and is dropped.
        """
        wanted = options or WatchOptions()
        namespace = self._scope.namespace_of(kind, namespace)
        request = requests.collection(kind, namespace, wanted.query(), verb="watch")
        chunks_of = self._transport.stream(request, accept=wanted.accept)
        async with chunks_of as chunks, aclosing(self._batches(chunks, request)) as batches:
            yield batches

    async def _batches(self, chunks: AsyncIterator[bytes], request: Request) -> AsyncGenerator[Lines]:
        splitter = LineSplitter()
        async for chunk in chunks:
            try:
                lines = splitter.feed(chunk)
            except LineTooLong as error:
                raise InvalidResponse(self.config.server, "events", str(error), action=request.action) from error
            if lines:
                yield lines

    async def read(self, path: str, *, accept: str = "application/json", deadline_s: float | None = None) -> bytes:
        """The body of a GET of any path, such as `/readyz` or a pod's log."""
        request = Request(verb="get", method="GET", target=path, action=f"get {path}")
        return (await self._transport.call(request, accept=accept, deadline_s=deadline_s)).body

    async def read_object(self, path: str, *, accept: str = "application/json") -> JsonObject:
        """The JSON object at any path, such as a discovery document."""
        return await self._object(Request(verb="get", method="GET", target=path, action=f"get {path}"), accept)

    async def version(self) -> JsonObject:
        """The server's version: `major`, `minor`, `gitVersion`, ..."""
        return await self.read_object("/version")

    async def openapi(self, path: str = "/openapi/v3") -> JsonObject:
        """The OpenAPI index, or one of the documents that it names."""
        return await self.read_object(path)

    async def _object(self, request: Request, accept: str = "application/json") -> JsonObject:
        reply = await self._transport.call(request, accept=accept)
        return self._decoded(_decode_object, reply, request, "a JSON object")

    def _decoded(self, decode: Callable[[bytes], _T], reply: Reply, request: Request, wanted: str) -> _T:
        try:
            return decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            start = " ".join(reply.body[:80].decode(errors="replace").split())
            found = f"{reply.content_type} that starts {start!r} ({error})"
            raise InvalidResponse(self.config.server, wanted, found, action=request.action) from error
