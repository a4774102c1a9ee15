"""The engine against a hub that misbehaves: what arrives is right, what was fetched is kept, what is wrong is said."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from omectl.clock import FakeClock
from omectl.local.hub import Faults, FileFault, HubOptions, HubServer
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.rooted import RootedDirectory
from omectl.modelagent.storage.http import SmallReadOptions, SmallReads
from omectl.modelagent.storage.hub import HubBackend, HubSource
from omectl.modelagent.transfer.engine import TransferEngine
from omectl.modelagent.transfer.job import TransferPaths
from omectl.modelagent.transfer.journal import Journal
from omectl.modelagent.transfer.options import TransferOptions
from omectl.modelagent.transfer.state import Progress

KIB = 1 << 10
WEIGHTS = 512 * KIB
PATHS = TransferPaths(journal=("journals", "j"), partial=("partial", "p"), artifact=("artifacts", "a"))
OPTIONS = TransferOptions(
    connections=3, range_bytes=64 * KIB, buffer_bytes=16 * KIB, hash_buffer_bytes=32 * KIB, attempts=3,
    backoff_base_s=0.01, backoff_max_s=0.02, stall_timeout_s=1.0, disk_headroom_bytes=0,
)  # fmt: skip
IMPATIENT = replace(OPTIONS, stall_timeout_s=0.3)

PART_ONLY = (
    FileFault(path="*.safetensors", cut_after_bytes=32 * KIB, times=3),
    FileFault(path="*.safetensors", status=401),
)
"""A hub that sends a few pieces of the weights and then refuses the rest."""


@dataclass
class Bench:
    """A repository, a hub that serves it, and a disk."""

    hub: HubServer
    root: RootedDirectory
    reads: SmallReads
    folder: Path

    async def source(self) -> HubSource:
        return await HubBackend(self.hub.endpoint, self.reads).resolve("org/model", "main", {}, None)

    async def fetch(
        self,
        *,
        options: TransferOptions = OPTIONS,
        on_progress: Callable[[Progress], None] = lambda _: None,
        good: frozenset[str] = frozenset(),
    ) -> None:
        engine = TransferEngine(self.root, options, transfers=1)
        await engine.transfer(await self.source(), PATHS, "uid", on_progress, good=good)

    @property
    def artifact(self) -> Path:
        return self.root.path.joinpath(*PATHS.artifact)

    def is_complete(self) -> bool:
        names = ["config.json", "model.safetensors"]
        return all((self.artifact / name).read_bytes() == (self.folder / name).read_bytes() for name in names)


@asynccontextmanager
async def bench(tmp_path: Path, *faults: FileFault, **options: object) -> AsyncIterator[Bench]:
    folder = tmp_path / "hub" / "org" / "model"
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "config.json").write_text('{"model_type": "llama"}')
        (folder / "model.safetensors").write_bytes(os.urandom(WEIGHTS))
    root = RootedDirectory(tmp_path / "disk")
    hub = HubServer(tmp_path / "hub", HubOptions(faults=Faults(files=faults), **options))  # type: ignore[arg-type]
    try:
        async with hub, SmallReads(SmallReadOptions(attempts=1)) as reads:
            yield Bench(hub, root, reads, folder)
    finally:
        root.close()


async def test_files_arrive_verified_and_each_byte_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as site:
        seen: list[Progress] = []
        await site.fetch(on_progress=seen.append)
        assert site.is_complete()
        weights = site.hub.statistics().file("org/model", "model.safetensors")
        assert weights.bytes_sent == WEIGHTS
        assert weights.repeated_bytes == 0
        assert seen[-1].completed_files == 2
        assert seen[-1].completed_bytes == seen[-1].total_bytes


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(FileFault(path="*.safetensors", cut_after_bytes=40 * KIB), id="cut"),
        pytest.param(FileFault(path="*.safetensors", cut_after_bytes=0, times=2), id="cut at once"),
        pytest.param(FileFault(path="*.safetensors", stall_after_bytes=40 * KIB, times=1), id="stall"),
        pytest.param(FileFault(path="*.safetensors", status=503, times=2), id="503"),
        pytest.param(FileFault(path="*.safetensors", status=429, retry_after_s=0, times=2), id="429"),
        pytest.param(FileFault(path="*.safetensors", no_length=True), id="chunked"),
    ],
)
async def test_a_passing_fault_is_overcome_without_fetching_anything_twice(tmp_path: Path, fault: FileFault) -> None:
    async with bench(tmp_path, fault) as site:
        await site.fetch(
            options=replace(OPTIONS, stall_timeout_s=0.4) if fault.stall_after_bytes is not None else OPTIONS
        )
        assert site.is_complete()
        assert site.hub.statistics().file("org/model", "model.safetensors").distinct_bytes == WEIGHTS


async def test_wrong_bytes_are_noticed_removed_and_fetched_again_while_others_stay(tmp_path: Path) -> None:
    fault = FileFault(path="*.safetensors", corrupt_at=200 * KIB, times=8)
    async with bench(tmp_path, fault) as site:
        with pytest.raises(ModelError) as caught:
            await site.fetch()
        assert caught.value.reason is Reason.DIGEST_MISMATCH
        assert "model.safetensors" in caught.value.message
        assert [path.name for path in site.artifact.iterdir()] == ["config.json"]
        assert not list(site.root.path.joinpath(*PATHS.partial).glob("*1.part"))
        before = site.hub.statistics().file("org/model", "config.json").requests
        await site.fetch()
        assert site.is_complete()
        assert site.hub.statistics().file("org/model", "config.json").requests == before


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (FileFault(path="*.safetensors", status=401), Reason.ACCESS_DENIED),
        (FileFault(path="*.safetensors", status=403), Reason.ACCESS_DENIED),
        (FileFault(path="*.safetensors", status=404), Reason.MODEL_NOT_FOUND),
        (FileFault(path="*.safetensors", status=500), Reason.HUB_UNREACHABLE),
        (FileFault(path="*.safetensors", ignore_range=True), Reason.RESPONSE_INVALID),
        (FileFault(path="*.safetensors", listed_size=WEIGHTS + 5), Reason.RESPONSE_INVALID),
        (FileFault(path="*.safetensors", stall_after_bytes=0), Reason.TRANSFER_INTERRUPTED),
    ],
    ids=lambda value: str(value.status or "fault") if isinstance(value, FileFault) else str(value),
)
async def test_a_lasting_fault_is_said_plainly(tmp_path: Path, fault: FileFault, reason: Reason) -> None:
    async with bench(tmp_path, fault) as site:
        with pytest.raises(ModelError) as caught:
            await site.fetch(options=OPTIONS if fault.stall_after_bytes is None else IMPATIENT)
        assert caught.value.reason in {reason, Reason.TRANSFER_INTERRUPTED}
        assert caught.value.next_step


async def test_cancellation_ends_a_blocked_read_at_once_and_keeps_what_was_fetched(tmp_path: Path) -> None:
    fault = FileFault(path="*.safetensors", stall_after_bytes=20 * KIB)
    options = TransferOptions(connections=3, range_bytes=64 * KIB, stall_timeout_s=600, disk_headroom_bytes=0)
    async with bench(tmp_path, fault) as site:
        received = asyncio.Event()

        def watch(progress: Progress) -> None:
            if progress.completed_bytes > 20 * KIB:
                received.set()

        task = asyncio.create_task(site.fetch(options=options, on_progress=watch))
        async with asyncio.timeout(10):
            await received.wait()
        task.cancel()
        async with asyncio.timeout(2):
            with suppress(asyncio.CancelledError):
                await task
        assert task.cancelled()
        assert b'"written"' in (tmp_path / "disk" / "journals" / "j").read_bytes()


async def test_a_second_attempt_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    async with bench(tmp_path, *PART_ONLY) as site:
        with pytest.raises(ModelError):
            await site.fetch()
        first = site.hub.statistics().file("org/model", "model.safetensors")
        assert first.bytes_sent
    async with bench(tmp_path) as site:
        await site.fetch()
        second = site.hub.statistics().file("org/model", "model.safetensors")
        assert site.is_complete()
        assert second.bytes_sent <= WEIGHTS - 16 * KIB
        overlaps = [
            (low, high)
            for low, high in second.ranges
            for start, end in first.ranges
            if max(low, start) < min(high, end)
        ]
        assert not overlaps


async def test_a_journalled_range_that_is_damaged_on_disk_is_fetched_again(tmp_path: Path) -> None:
    async with bench(tmp_path, *PART_ONLY) as site:
        with pytest.raises(ModelError):
            await site.fetch()
    part = next((tmp_path / "disk" / "partial" / "p").glob("*1.part"))
    with part.open("r+b") as stream:
        stream.write(b"damage!")
    async with bench(tmp_path) as site:
        await site.fetch()
        assert site.is_complete()


async def test_too_little_space_is_noticed_before_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as site:
        with monkeypatch.context() as patched:
            patched.setattr(RootedDirectory, "free_bytes", lambda _: 100 * KIB)
            with pytest.raises(ModelError) as caught:
                await site.fetch()
        assert caught.value.reason is Reason.DISK_FULL
        assert "512 KiB" in caught.value.message
        assert "100 KiB" in caught.value.message
        assert site.hub.statistics().bytes_sent == 0
        await site.fetch()
        assert site.is_complete()


async def test_a_disk_that_fills_up_on_the_way_is_said_and_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.pwrite, iter(range(1000))

    def full(descriptor: int, data: memoryview, position: int) -> int:
        if next(calls) > 5:
            raise OSError(28, "No space left on device")
        return real(descriptor, data, position)

    async with bench(tmp_path) as site:
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", full)
            with pytest.raises(ModelError) as caught:
                await site.fetch()
        assert caught.value.reason is Reason.DISK_FULL
        await site.fetch()
        assert site.is_complete()


async def test_files_known_to_be_good_are_not_fetched(tmp_path: Path) -> None:
    async with bench(tmp_path) as site:
        await site.fetch()
        (site.artifact / "config.json").unlink()
        (tmp_path / "disk" / "journals" / "j").unlink()
        sent = site.hub.statistics().file("org/model", "model.safetensors").bytes_sent
        await site.fetch(good=frozenset({"model.safetensors"}))
        assert site.is_complete()
        assert site.hub.statistics().file("org/model", "model.safetensors").bytes_sent == sent


async def test_a_link_planted_among_the_partial_files_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    async with bench(tmp_path, FileFault(path="*.safetensors", status=401)) as site:
        with suppress(ModelError):
            await site.fetch()
    part = tmp_path / "disk" / "partial" / "p" / "000001.part"
    part.unlink()
    part.symlink_to(victim)
    async with bench(tmp_path) as site:
        with pytest.raises(ModelError) as caught:
            await site.fetch()
        assert caught.value.reason is Reason.DISK_FAULT
        assert victim.read_text() == "precious"


async def test_an_expired_signed_address_is_asked_for_again(tmp_path: Path) -> None:
    clock = FakeClock()
    async with bench(tmp_path, link_lifetime_s=60, clock=clock, rate_limit=1024 * KIB) as site:
        options = replace(OPTIONS, connections=1)
        await site.fetch(options=options, on_progress=lambda _: clock.advance(40) and None)
        assert site.is_complete()


async def test_a_token_is_not_sent_to_the_storage_behind_the_hub(tmp_path: Path) -> None:
    async with bench(tmp_path, token="hf_secret", links_on_other_host=True) as site:
        source = await HubBackend(site.hub.endpoint, site.reads).resolve("org/model", "main", {}, "hf_secret")
        await TransferEngine(site.root, OPTIONS, transfers=1).transfer(source, PATHS, "uid")
        assert site.is_complete()
        assert site.hub.statistics().tokens_at_links == 0
        assert "hf_secret" not in repr(source)


async def test_a_disk_that_fills_up_behind_reserved_files_asks_for_no_more_than_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(Journal, "written", refuse)
    async with bench(tmp_path) as site:
        with pytest.raises(ModelError) as caught:
            await site.fetch()
    assert caught.value.reason is Reason.DISK_FULL
    assert caught.value.wanted_bytes is not None
    assert caught.value.wanted_bytes <= 64 * KIB


async def test_threads_end_before_their_files_are_closed_when_a_report_fails(tmp_path: Path) -> None:
    def fail(_: Progress) -> None:
        raise RuntimeError("the report failed")

    async with bench(tmp_path, FileFault(path="*.safetensors", stall_after_bytes=32 * KIB, times=9)) as site:
        with pytest.raises(RuntimeError):
            await site.fetch(on_progress=fail)
        assert not [thread for thread in threading.enumerate() if _is_transferring(thread)]


def _is_transferring(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code.co_name in {"fetch_ranges", "hash_files"}:
            return True
        frame = frame.f_back
    return False
