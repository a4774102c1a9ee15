"""Lists in pages and watches as lines, over a transport that is told what to answer."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from omectl.kube.client import Client, ClientOptions
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import Expired, InternalError, InvalidResponse
from omectl.kube.lines import LineSplitter
from omectl.kube.listing import ListOptions, WatchOptions
from omectl.kube.requests import Request
from omectl.kube.resources import CONFIG_MAPS
from omectl.kube.transport import Reply, Transport, TransportOptions

EXPIRED = Expired(410, "Expired", "the token is too old")
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"


def page(version: str, token: str = "", *names: str, kind: str = "ConfigMapList") -> bytes:
    items = [{"metadata": {"name": name}} for name in names]
    return msgspec.json.encode(
        {"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": version, "continue": token}, "items": items}
    )


@dataclass
class Server:
    """Answers in order; `asked` has the parameters of each request that say which part of the collection it wants."""

    answers: list[bytes | Exception] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)

    async def call(
        self, request: Request, *, deadline_s: float | None = None, accept: str = "application/json"
    ) -> Reply:
        self._note(request, accept)
        self.deadlines.append(deadline_s)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(200, "application/json", answer)

    @asynccontextmanager
    async def stream(self, request: Request, *, accept: str) -> AsyncGenerator[AsyncIterator[bytes]]:
        self._note(request, accept)

        async def chunks() -> AsyncGenerator[bytes]:
            for chunk in self.chunks:
                yield chunk

        yield chunks()

    def _note(self, request: Request, accept: str) -> None:
        self.accepted.append(accept)
        query = parse_qs(urlsplit(request.target).query)
        self.asked.append({name: values[0] for name, values in query.items()})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(Transport, "call", lambda _, request, **more: made.call(request, **more))
    monkeypatch.setattr(Transport, "stream", lambda _, request, **more: made.stream(request, **more))
    return made


@pytest.fixture
def client(server: Server) -> Client:
    options = ClientOptions(transport=TransportOptions(list_s=77.0))
    return Client(ClientConfig(server="https://server.example"), options)


async def names(client: Client, options: ListOptions | None = None) -> list[tuple[list[str], str, bool]]:
    found: list[tuple[list[str], str, bool]] = []
    async for one in client.raw_pages(CONFIG_MAPS, "ns", options):
        listed = [msgspec.json.decode(raw)["metadata"]["name"] for raw in one.items]
        found.append((listed, one.resource_version, one.first))
    return found


async def test_one_page_is_one_request_within_the_lists_deadline(client: Client, server: Server) -> None:
    server.answers = [page("7", "", "a", "b")]
    assert await names(client) == [(["a", "b"], "7", True)]
    assert server.asked == [{"limit": "500"}]
    assert server.deadlines == [77.0]
    assert server.accepted == ["application/json"]


async def test_no_page_at_all_is_an_empty_page(client: Client, server: Server) -> None:
    server.answers = [page("7")]
    assert await names(client) == [([], "7", True)]


async def test_later_pages_ask_by_token_and_no_longer_by_version(client: Client, server: Server) -> None:
    server.answers = [page("7", "t1", "a"), page("7", "t2", "b"), page("7", "", "c")]
    options = ListOptions(resource_version="5", resource_version_match="NotOlderThan", page_size=1)
    assert await names(client, options) == [(["a"], "7", True), (["b"], "7", False), (["c"], "7", False)]
    assert server.asked == [
        {"resourceVersion": "5", "resourceVersionMatch": "NotOlderThan", "limit": "1"},
        {"limit": "1", "continue": "t1"},
        {"limit": "1", "continue": "t2"},
    ]


async def test_a_later_page_that_expired_begins_one_full_list_at_the_first_version(
    client: Client, server: Server
) -> None:
    server.answers = [page("10", "t1", "a"), EXPIRED, page("12", "", "a", "b")]
    assert await names(client, ListOptions(resource_version="10", page_size=1)) == [
        (["a"], "10", True),
        (["a", "b"], "12", True),
    ]
    assert server.asked == [
        {"resourceVersion": "10", "limit": "1"},
        {"limit": "1", "continue": "t1"},
        {"resourceVersion": "10"},
    ]


async def test_a_full_list_that_expires_too_is_an_error(client: Client, server: Server) -> None:
    server.answers = [page("10", "t1", "a"), EXPIRED, EXPIRED]
    with pytest.raises(Expired):
        await names(client, ListOptions(page_size=1))
    assert len(server.asked) == 3


async def test_a_later_page_that_expired_is_an_error_where_no_full_list_is_wanted(
    client: Client, server: Server
) -> None:
    server.answers = [page("10", "t1", "a"), EXPIRED]
    with pytest.raises(Expired):
        await names(client, ListOptions(page_size=1, full_list_if_expired=False))
    assert len(server.asked) == 2


async def test_a_first_page_that_expired_is_an_error(client: Client, server: Server) -> None:
    server.answers = [EXPIRED]
    with pytest.raises(Expired):
        await names(client)
    assert len(server.asked) == 1


async def test_any_other_refusal_half_way_ends_the_list(client: Client, server: Server) -> None:
    server.answers = [page("10", "t1", "a"), InternalError(500, "InternalError", "")]
    with pytest.raises(InternalError):
        await names(client)
    assert len(server.asked) == 2


async def test_a_list_that_is_left_half_way_asks_for_no_further_page(client: Client, server: Server) -> None:
    server.answers = [page("10", "t1", "a"), page("10", "", "b")]
    pages = client.raw_pages(CONFIG_MAPS, "ns")
    assert (await anext(pages)).first
    await pages.aclose()
    assert len(server.asked) == 1


async def test_a_table_is_refused(client: Client, server: Server) -> None:
    server.answers = [page("7", kind="Table")]
    with pytest.raises(InvalidResponse, match=r"list configmaps in ns: .*wanted a list of objects, found a Table"):
        await names(client)


async def test_what_is_no_list_is_refused_and_quoted(client: Client, server: Server) -> None:
    server.answers = [b"<html>\n  502</html>"]
    with pytest.raises(InvalidResponse, match=r"wanted a list, found application/json that starts '<html> 502</html>'"):
        await names(client)


async def test_metadata_is_asked_for_by_its_media_type(client: Client, server: Server) -> None:
    server.answers = [page("7", "t", kind="PartialObjectMetadataList"), page("7", kind="PartialObjectMetadataList")]
    await names(client, ListOptions(metadata_only=True))
    async with client.watch(CONFIG_MAPS, "ns", WatchOptions(metadata_only=True)):
        pass
    assert server.accepted == [METADATA_LIST, METADATA_LIST, METADATA]


async def test_a_whole_list_is_what_its_last_beginning_brought(client: Client, server: Server) -> None:
    server.answers = [page("10", "t1", "gone"), EXPIRED, page("12", "", "a", "b")]
    listed = await client.list(CONFIG_MAPS, "ns", page_size=1)
    assert [obj["metadata"]["name"] for obj in listed.items] == ["a", "b"]
    assert listed.resource_version == "12"
    assert listed.items[0] == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


async def test_a_watch_gives_whole_lines_however_the_stream_is_cut(client: Client, server: Server) -> None:
    text = '{"a":"é"}\n{"b":1}\n{"c"'.encode()
    server.chunks = [bytes([byte]) for byte in text] + [b":2}\n{", b"}\n{}\n", b"cut off"]
    async with client.watch(CONFIG_MAPS, "ns", WatchOptions(resource_version="5", timeout_s=9)) as batches:
        found = [batch async for batch in batches]
    assert found == [['{"a":"é"}'.encode()], [b'{"b":1}'], [b'{"c":2}'], [b"{}", b"{}"]]
    assert server.asked == [
        {"watch": "true", "resourceVersion": "5", "allowWatchBookmarks": "true", "timeoutSeconds": "9"}
    ]


async def test_a_line_that_never_ends_is_refused(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omectl.kube.client.LineSplitter", lambda: LineSplitter(8))
    server.chunks = [b"{}\n12345678", b"9"]
    async with client.watch(CONFIG_MAPS, "ns") as batches:
        assert await anext(batches) == [b"{}"]
        with pytest.raises(InvalidResponse, match="wanted events, found 9 bytes without a newline, the limit is 8"):
            await anext(batches)
