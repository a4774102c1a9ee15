"""The hub's misbehaviour on request."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from omectl.local.hub import Faults, FileFault, HubOptions, HubServer


def serving(tiny: Path, *faults: FileFault, **more: object) -> HubServer:
    return HubServer({"org/tiny": tiny}, HubOptions(faults=Faults(files=faults, **more)))  # type: ignore[arg-type]


def weights(hub: HubServer) -> str:
    return f"{hub.endpoint}/org/tiny/resolve/main/model.safetensors"


async def test_a_connection_is_cut_after_so_many_bytes(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with serving(tiny, FileFault(path="*.safetensors", cut_after_bytes=1000, times=1)) as hub:
        answer = await http.get(weights(hub))
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
        async with http.get(weights(hub)) as answer:
            assert len(await answer.read()) == 100_000
        assert hub.statistics().file("org/tiny", "model.safetensors").ranges == [(0, 1000), (0, 100_000)]


async def test_one_byte_is_wrong_whichever_range_holds_it(tiny: Path, http: aiohttp.ClientSession) -> None:
    right = (tiny / "model.safetensors").read_bytes()
    async with serving(tiny, FileFault(corrupt_at=50_000)) as hub:
        for start, end in ((0, 99_999), (50_000, 50_000), (49_000, 51_000), (50_001, 60_000)):
            async with http.get(weights(hub), headers={"Range": f"bytes={start}-{end}"}) as answer:
                data = await answer.read()
            wrong = [start + i for i, byte in enumerate(data) if byte != right[start + i]]
            assert wrong == ([50_000] if start <= 50_000 <= end else [])


async def test_a_body_stalls_and_the_connection_stays_open(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with serving(tiny, FileFault(stall_after_bytes=10)) as hub, http.get(weights(hub)) as answer:
        assert len(await answer.content.readexactly(10)) == 10
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await answer.content.readany()


async def test_a_file_comes_slowly(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with serving(tiny, FileFault(bytes_per_s=100_000)) as hub:
        start = asyncio.get_running_loop().time()
        async with http.get(weights(hub)) as answer:
            await answer.read()
    assert asyncio.get_running_loop().time() - start > 0.7


async def test_the_first_requests_fail_and_then_it_works(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with serving(tiny, fail_first_requests=2, fail_status=503, fail_retry_after_s=1) as hub:
        statuses: list[tuple[int, str | None]] = []
        for _ in range(3):
            async with http.get(f"{hub.endpoint}/api/models/org/tiny") as answer:
                statuses.append((answer.status, answer.headers.get("Retry-After")))
        assert statuses == [(503, "1"), (503, "1"), (200, None)]
        assert hub.statistics().failed == 2


async def test_one_files_content_fails_so_many_times(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with serving(tiny, FileFault(path="model*", status=500, times=2)) as hub:
        statuses: list[int] = []
        for _ in range(3):
            async with http.get(weights(hub)) as answer:
                statuses.append(answer.status)
        async with http.get(f"{hub.endpoint}/org/tiny/resolve/main/config.json") as answer:
            statuses.append(answer.status)
    assert statuses == [500, 500, 200, 200]


async def test_hostile_names_are_listed_and_not_served(tiny: Path, http: aiohttp.ClientSession) -> None:
    names = ("../outside", "/etc/passwd", "nul\0", "back\\slash", "a/../../b")
    async with serving(tiny, listed_names=names) as hub:
        async with http.get(f"{hub.endpoint}/api/models/org/tiny") as answer:
            assert {s["rfilename"] for s in (await answer.json())["siblings"]} >= set(names)
        async with http.get(f"{hub.endpoint}/api/models/org/tiny/tree/main?recursive=true") as answer:
            assert {entry["path"] for entry in await answer.json()} >= set(names)


async def test_listings_claim_another_size_and_digest(tiny: Path, http: aiohttp.ClientSession) -> None:
    fault = FileFault(path="model.safetensors", listed_size=7, listed_digest="f" * 64)
    async with serving(tiny, fault) as hub:
        async with http.get(f"{hub.endpoint}/api/models/org/tiny/tree/main") as answer:
            entry = next(entry for entry in await answer.json() if entry["path"] == "model.safetensors")
        async with http.head(weights(hub), allow_redirects=False) as head:
            claimed = (head.headers["X-Linked-Size"], head.headers["X-Linked-ETag"])
    assert (entry["size"], entry["lfs"]["oid"], claimed) == (7, "f" * 64, ("7", f'"{"f" * 64}"'))


async def test_a_range_is_ignored_and_a_length_withheld(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with (
        serving(tiny, FileFault(ignore_range=True, no_length=True)) as hub,
        http.get(weights(hub), headers={"Range": "bytes=5-9"}) as answer,
    ):
        assert (answer.status, answer.headers.get("Content-Length")) == (200, None)
        assert len(await answer.read()) == 100_000


async def test_an_etag_changes_between_two_answers(tiny: Path, http: aiohttp.ClientSession) -> None:
    async with serving(tiny, FileFault(path="config.json", etag="first", times=1)) as hub:
        etags: list[str] = []
        for _ in range(2):
            async with http.get(f"{hub.endpoint}/org/tiny/resolve/main/config.json") as answer:
                etags.append(answer.headers["ETag"])
    assert etags[0] == '"first"'
    assert etags[1] != etags[0]
