"""Getting binaries: look-up, then a published download, then `go build`, under one lock for all processes."""

import fcntl
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from omectl.local.assets import build, download
from omectl.local.assets.binaries import AssetSettings, BinariesMissing, Binary, look_up
from omectl.local.assets.build import Progress

LOCK_TIMEOUT_S = 3600.0
_LOCK_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Assets:
    """Where each binary is, and the folder with kwok's stage files when kwok is among them."""

    paths: Mapping[Binary, Path]
    kwok_stages: Path | None

    def __getitem__(self, binary: Binary) -> Path:
        return self.paths[binary]


def acquire(
    wanted: Iterable[Binary],
    settings: AssetSettings | None = None,
    progress: Progress | None = None,
    *,
    fetch: bool = True,
) -> Assets:
    """The wanted binaries, from the first place that has each: `$TEST_ASSET_*`, `$KUBEBUILDER_ASSETS`, the cache, the
    published archive, `go build`.

    Blocks while building, which takes minutes the first time. With `fetch` false only what is here already counts.
    Raises BinariesMissing, BuildFailed.
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
        raise BinariesMissing(missing, ("run `make binaries` to build them",))
    return Assets(found, _stages(found, settings))


def _remedies(refusal: str) -> tuple[str, ...]:
    return (
        f"a download of the published archive: {refusal}",
        "`go build`: no `go` on the PATH",
        "Install Go 1.26 or newer and try again, or set KUBEBUILDER_ASSETS to a folder that holds the programs.",
    )


def _stages(found: Mapping[Binary, Path], settings: AssetSettings) -> Path | None:
    if Binary.KWOK not in found:
        return None
    beside = found[Binary.KWOK].parent / "kwok-stages"
    return beside if beside.is_dir() else settings.store / "kwok-stages"


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
                    raise TimeoutError(message) from None
                progress("waiting for another process that builds the same binaries", waited)
                time.sleep(_LOCK_POLL_S)
        yield


def _silent(what: str, elapsed_s: float) -> None:
    """Progress for callers that show none."""
