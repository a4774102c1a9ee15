"""The hub's protocol, byte by byte, with a plain HTTP client."""

import asyncio
import gc
import hashlib
import socket
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from omectl.clock import FakeClock
from omectl.local.hub import HubOptions, HubServer, RequestLimit

_WEIGHTS = "org/tiny/resolve/main/model.safetensors"


async def test_a_large_file_is_reached_by_a_signed_link(tiny: Path, http: aiohttp.ClientSession) -> None:
    sha256 = hashlib.sha256((tiny / "model.safetensors").read_bytes()).hexdigest()
    async with HubServer({"org/tiny": tiny}, HubOptions(token="t")) as hub:
        url = f"{hub.endpoint}/{_WEIGHTS}"
        authorization = {"Authorization": "Bearer t"}
        async with http.head(url, headers=authorization, allow_redirects=False) as head:
            assert head.status == 302
            assert head.headers["X-Linked-Size"] == "100000"
            assert head.headers["X-Linked-ETag"] == f'"{sha256}"'
            assert head.headers["X-Repo-Commit"] == await hub.commit("org/tiny")
            link = head.headers["Location"]
        async with http.get(link) as answer:
            assert hashlib.sha256(await answer.read()).hexdigest() == sha256
            assert answer.headers["ETag"] == f'"{sha256}"'
        async with http.get(link[:-1] + ("0" if link[-1] != "0" else "1")) as answer:
            assert answer.status == 403


async def test_a_link_expires(tiny: Path, http: aiohttp.ClientSession) -> None:
    clock = FakeClock()
    async with HubServer({"org/tiny": tiny}, HubOptions(clock=clock, link_lifetime_s=60)) as hub:
        async with http.head(f"{hub.endpoint}/{_WEIGHTS}", allow_redirects=False) as head:
            link = head.headers["Location"]
        clock.advance(61)
        async with http.get(link) as answer:
            assert answer.status == 403


async def test_a_small_file_is_answered_directly(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with HubServer({"org/tiny": tiny}) as hub:
        url = f"{hub.endpoint}/org/tiny/resolve/main/1_Pooling/config.json"
        async with http.get(url) as answer:
            assert (answer.status, await answer.read()) == (200, b"{}")
            etag = answer.headers["ETag"]
        async with http.head(url) as head:
            assert (head.status, head.headers["Content-Length"], head.headers["ETag"]) == (200, "2", etag)
        async with http.get(url, headers={"If-None-Match": f'"other", {etag}'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")


@pytest.mark.parametrize(
    ("header", "status", "start", "end", "content_range"),
    [
        ("bytes=0-9", 206, 0, 10, "bytes 0-9/100000"),
        ("bytes=99990-", 206, 99_990, 100_000, "bytes 99990-99999/100000"),
        ("bytes=-5", 206, 99_995, 100_000, "bytes 99995-99999/100000"),
        ("bytes=99999-200000", 206, 99_999, 100_000, "bytes 99999-99999/100000"),
        ("bytes=100000-", 416, 0, 0, "bytes */100000"),
        ("bytes=0-1,3-4", 200, 0, 100_000, None),
    ],
)
async def test_ranges(
    tiny: Path,
    http: aiohttp.ClientSession,
    header: str,
    status: int,
    start: int,
    end: int,
    content_range: str | None,
) -> None:
    async with HubServer({"org/tiny": tiny}) as hub:
        async with http.get(f"{hub.endpoint}/{_WEIGHTS}", headers={"Range": header}) as answer:
            data = await answer.read()
            assert (answer.status, answer.headers.get("Content-Range")) == (status, content_range)
        counted = hub.statistics().file("org/tiny", "model.safetensors")
    assert data == (tiny / "model.safetensors").read_bytes()[start:end]
    assert counted.ranges == ([(start, end)] if status != 416 else [])


async def test_a_range_of_another_version_gets_the_whole_file(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with (
        HubServer({"org/tiny": tiny}) as hub,
        http.get(f"{hub.endpoint}/{_WEIGHTS}", headers={"Range": "bytes=0-9", "If-Range": '"other"'}) as answer,
    ):
        assert (answer.status, len(await answer.read())) == (200, 100_000)


@pytest.mark.parametrize(
    "path",
    [
        "../secret", "..%2Fsecret", "%2e%2e/secret", "a/../../secret", "%2Fetc%2Fpasswd", "/etc/passwd", "link",
        "folder/secret", "..%5Csecret", "config.json%00", "./config.json", "1_Pooling/../config.json", "",
    ],
)  # fmt: skip
async def test_nothing_outside_the_directory_can_be_reached(tiny: Path, http: aiohttp.ClientSession, path: str) -> None:
    (tiny.parent / "secret").write_text("secret")
    (tiny / "link").symlink_to(tiny.parent / "secret")
    (tiny / "folder").symlink_to(tiny.parent)
    async with HubServer({"org/tiny": tiny}) as hub:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(f"GET /org/tiny/resolve/main/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert b"secret" not in answer
    assert answer.split(b" ", 2)[1] in {b"400", b"404"}


async def test_a_changed_file_makes_a_new_commit_and_the_old_one_is_gone(
    tiny: Path, http: aiohttp.ClientSession
) -> None:
    async with HubServer({"org/tiny": tiny}) as hub:
        old = await hub.commit("org/tiny")
        (tiny / "config.json").write_text("changed")
        async with http.get(f"{hub.endpoint}/org/tiny/resolve/main/config.json") as answer:
            new = answer.headers["X-Repo-Commit"]
            assert (await answer.read(), new) == (b"changed", await hub.commit("org/tiny"))
        assert new != old
        async with http.get(f"{hub.endpoint}/org/tiny/resolve/{old}/config.json") as answer:
            assert (answer.status, answer.headers["X-Error-Code"]) == (404, "RevisionNotFound")
        async with http.get(f"{hub.endpoint}/org/tiny/resolve/{new}/config.json") as answer:
            assert await answer.read() == b"changed"


async def test_digests_are_taken_once(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with HubServer({"org/tiny": tiny}) as hub:
        for _ in range(3):
            async with http.get(f"{hub.endpoint}/api/models/org/tiny?blobs=true") as answer:
                siblings = (await answer.json())["siblings"]
            async with http.get(f"{hub.endpoint}/{_WEIGHTS}") as answer:
                await answer.read()
        assert hub.digests_computed == 3
    assert {sibling["rfilename"]: sibling["size"] for sibling in siblings} == {
        "1_Pooling/config.json": 2,
        "config.json": 23,
        "model.safetensors": 100_000,
    }


async def test_a_tree_comes_in_pages(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with HubServer({"org/tiny": tiny}, HubOptions(page_size=3)) as hub:
        url: str | None = f"{hub.endpoint}/api/models/org/tiny/tree/main?recursive=true"
        pages: list[list[str]] = []
        while url is not None:
            async with http.get(url) as answer:
                pages.append([entry["path"] for entry in await answer.json()])
                following = answer.links.get("next")
                url = str(following["url"]) if following else None
        async with http.get(f"{hub.endpoint}/api/models/org/tiny/tree/main/1_Pooling") as answer:
            folder = [entry["path"] for entry in await answer.json()]
        async with http.get(f"{hub.endpoint}/api/models/org/tiny/tree/main/missing") as answer:
            assert (answer.status, answer.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert pages == [["1_Pooling", "1_Pooling/config.json", "config.json"], ["model.safetensors"]]
    assert folder == ["1_Pooling/config.json"]


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        ("api/models/org/tiny", None, 401, "RepoNotFound"),
        ("api/models/org/tiny", "wrong", 401, None),
        ("api/models/org/tiny", "right", 200, None),
        ("api/models/org/missing", "right", 404, "RepoNotFound"),
        ("api/models/org/tiny/revision/missing", "right", 404, "RevisionNotFound"),
        ("org/tiny/resolve/main/missing", "right", 404, "EntryNotFound"),
        ("org/gated/resolve/main/config.json", "known", 403, "GatedRepo"),
        ("nowhere", "right", 404, None),
    ],
)
async def test_refusals_have_the_hubs_codes(
    tiny: Path, http: aiohttp.ClientSession, path: str, token: str | None, status: int, code: str | None
) -> None:
    options = HubOptions(token="right", gated=frozenset({"org/gated"}), refused_tokens=frozenset({"known"}))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with HubServer({"org/tiny": tiny, "org/gated": tiny}, options) as hub:
        async with http.get(f"{hub.endpoint}/{path}", headers=headers) as answer:
            assert (answer.status, answer.headers.get("X-Error-Code")) == (status, code)
        assert hub.statistics().refused == (status in {401, 403})


async def test_nothing_can_be_written(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with HubServer({"org/tiny": tiny}) as hub:
        for method in ("PUT", "POST", "DELETE", "PATCH"):
            async with http.request(method, f"{hub.endpoint}/org/tiny/resolve/main/config.json", data=b"x") as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_too_many_requests_are_told_when_to_come_back(tiny: Path, http: aiohttp.ClientSession) -> None:
    options = HubOptions(request_limit=RequestLimit(requests=2, window_s=60))
    async with HubServer({"org/tiny": tiny}, options) as hub:
        statuses: list[int] = []
        for _ in range(3):
            async with http.get(f"{hub.endpoint}/api/models/org/tiny") as answer:
                statuses.append(answer.status)
                after = answer.headers.get("Retry-After")
    assert statuses == [200, 200, 429]
    assert after is not None
    assert 1 <= int(after) <= 60


async def test_all_connections_share_the_rate_limit(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with HubServer({"org/tiny": tiny}, HubOptions(rate_limit=200_000)) as hub:

        async def fetch() -> None:
            async with http.get(f"{hub.endpoint}/{_WEIGHTS}") as answer:
                await answer.read()

        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(fetch())
        elapsed = time.monotonic() - start
        assert hub.statistics().most_connections == 3
    assert elapsed > 1.3


async def test_revisions_lie_beside_the_repository(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    for name, text in (("m", "main"), ("m@v1", "one")):
        (tmp_path / "org" / name).mkdir(parents=True)
        (tmp_path / "org" / name / "config.json").write_text(text)
    async with HubServer(tmp_path) as hub:
        assert hub.repositories == ("org/m",)
        for revision, text in (("main", "main"), ("v1", "one"), (await hub.commit("org/m", "v1"), "one")):
            async with http.get(f"{hub.endpoint}/org/m/resolve/{revision}/config.json") as answer:
                assert await answer.text() == text


async def test_the_server_closes_while_a_client_is_slow(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with HubServer({"org/tiny": tiny}, HubOptions(rate_limit=1000)) as hub:
        answer = await http.get(f"{hub.endpoint}/{_WEIGHTS}")
        await answer.content.readany()
    with pytest.raises(aiohttp.ClientError):
        await answer.read()


@pytest.mark.parametrize("turns", range(6))
async def test_what_was_accepted_at_the_last_moment_is_closed_too(tiny: Path, turns: int) -> None:
    async with HubServer({"org/tiny": tiny}) as hub:
        clients = [socket.create_connection(("127.0.0.1", hub.port), timeout=5) for _ in range(5)]
        for _ in range(turns):
            await asyncio.sleep(0)
    for client in clients:
        with client, suppress(ConnectionResetError):
            assert client.recv(1) == b""
    gc.collect()
