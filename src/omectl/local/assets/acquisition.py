"""Getting binaries: look-up, then a published download, then `go build`, under one lock for all processes."""

import fcntl
import threading
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from omectl.local.assets import build, download
from omectl.local.assets.binaries import AssetSettings, BinariesMissing, Binary, StagesMissing, look_up
from omectl.local.assets.go import Progress
from omectl.local.errors import LocalError

LOCK_TIMEOUT_S = 3600.0
_LOCK_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Assets:
    """Where each binary is, and the folder with kwok's stage files when kwok is among them."""

    paths: Mapping[Binary, Path]
    kwok_stages: Path | None

    def __getitem__(self, binary: Binary) -> Path:
        return self.paths[binary]


class StoreBusy(LocalError):
    """Another process has filled the store for longer than any build takes."""


def acquire(
    wanted: Iterable[Binary],
    settings: AssetSettings | None = None,
    progress: Progress | None = None,
    *,
    fetch: bool = True,
) -> Assets:
    """The wanted binaries, from the first place that has each: `$TEST_ASSET_*`, `$KUBEBUILDER_ASSETS`, the cache, the
    published archive, `go build`.

    Blocks while building, which takes minutes the first time; what `progress` raises stops it. With `fetch` false only
    what is here already counts. Raises BinariesMissing, BuildFailed.
    """
    settings = settings or AssetSettings.from_environment()
    report = progress or _silent
    needed = frozenset(wanted)
    found, missing = look_up(needed, settings)
    if missing and fetch:
        with _locked(settings.store, report):
            found, missing = look_up(needed, settings)
            refusal = ""
            if missing:
                refusal = download.download(frozenset(missing), settings, report)
                found, missing = look_up(needed, settings)
            if missing and build.go_command() is not None:
                build.build(frozenset(missing), settings.store, report)
                found, missing = look_up(needed, settings)
            if missing:
                raise BinariesMissing(missing, _remedies(refusal))
    if missing:
        raise BinariesMissing(missing, ("Run `omectl cluster binaries` to download or build them.",))
    return Assets(found, _stages(found[Binary.KWOK], settings, report, fetch=fetch) if Binary.KWOK in found else None)


async def acquire_cancellable(wanted: Iterable[Binary], progress: Progress | None = None) -> Assets:
    """As `acquire`, for an event loop: cancelling ends a build or download within about a second."""
    cancelled = threading.Event()

    def report(what: str, elapsed_s: float) -> None:
        if cancelled.is_set():
            raise InterruptedError(what)
        if progress is not None:
            progress(what, elapsed_s)

    try:
        return await anyio.to_thread.run_sync(acquire, frozenset(wanted), None, report, abandon_on_cancel=True)
    finally:
        cancelled.set()


def _remedies(refusal: str) -> tuple[str, ...]:
    return (
        f"a download of the published archive: {refusal}",
        "`go build`: no `go` on the PATH",
        "Install Go 1.26 or newer and try again, or set KUBEBUILDER_ASSETS to a folder that holds the programs.",
    )


def _stages(kwok: Path, settings: AssetSettings, report: Progress, *, fetch: bool) -> Path:
    """The folder of kwok's stage files: beside the program, else in the store."""
    beside = kwok.parent / build.STAGES_FOLDER
    stored = settings.store / build.STAGES_FOLDER
    if beside.is_dir():
        return beside
    if not stored.is_dir():
        if not fetch or build.go_command() is None:
            raise StagesMissing(
                f"wanted kwok's stage files for {kwok}, found none in {beside} nor in {stored}; copy"
                " `kustomize/stage` files of kwok's sources there, or install Go and run `omectl cluster binaries`"
            )
        with _locked(settings.store, report):
            build.fetch_stages(settings.store, report)
    return stored


@contextmanager
def _locked(store: Path, progress: Progress) -> Generator[None]:
    """One process at a time fills the store; the others wait and then find it filled."""
    store.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with (store / ".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - started
                if waited > LOCK_TIMEOUT_S:
                    message = f"another process has held {store / '.lock'} for {waited:.0f} s; stop it and try again"
                    raise StoreBusy(message) from None
                progress("waiting for another process that builds the same binaries", waited)
                time.sleep(_LOCK_POLL_S)
        yield


def _silent(what: str, elapsed_s: float) -> None:
    """Progress for callers that show none."""
