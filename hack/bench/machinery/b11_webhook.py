"""B11: reviews by a webhook server, while its certificate is changed as a mounted Secret changes it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Stage
from hack.bench.machinery.subjects import GO, OMECTL
from hack.bench.program import Answer, Program
from hack.bench.report import Bar

from omectl.certificates import KeyPair
from omectl.local.ports import free_port

TITLE = "webhook"
PARALLEL = 100
SIZES = (3_000, 1_000_000)
RENEW = {3_000: 100, 1_000_000: 5}  # reviews on one connection
LEAST_S = 15.0  # both servers look for a new certificate every ten seconds
CHANGE_AFTER_S = 1.0
LISTENS_WITHIN_S = 30.0
MOST_REPETITIONS = 3
PEER = GO.split()[0]


def cases(options: Options) -> list[Case]:
    """100 reviews at once, of 3 kB and of 1 MB."""
    return [_case(size, options) for size in SIZES]


def _name(size: int, options: Options) -> str:
    return f"{PARALLEL} reviews at once of {size / 1000:g} kB, {max(options.seconds, LEAST_S):g} s"


def _case(size: int, options: Options) -> Case:
    seconds = max(options.seconds, LEAST_S)

    async def measure(stage: Stage, subject: str) -> Answer:
        with TemporaryDirectory(prefix="omectl-bench-") as folder:
            mounted = Path(folder)
            _change(mounted, "first", stage.control_plane.serving_certificate())
            port = free_port()
            flags = (f"--port={port}", f"--certificates={mounted}")
            async with stage.program(OMECTL if subject == OMECTL else GO, "webhook", *flags) as server:
                await _until_listening(port)
                async with _load(stage, port, size, seconds) as load:
                    await asyncio.sleep(CHANGE_AFTER_S)
                    _change(mounted, "second", stage.control_plane.serving_certificate())
                    found = await load.finish()
                server.signal(signal.SIGTERM)
                return found | await server.finish()

    repetitions = options.repetitions(MOST_REPETITIONS)
    return Case(name=_name(size, options), subjects=(OMECTL, PEER), measure=measure, repetitions=repetitions)


@asynccontextmanager
async def _load(stage: Stage, port: int, size: int, seconds: float) -> AsyncIterator[Program]:
    flags = (f"--url=https://127.0.0.1:{port}/validate", f"--parallel={PARALLEL}", f"--bytes={size}")
    command = stage.programs.tool("load", *flags, f"--seconds={seconds}", f"--renew={RENEW[size]}")
    async with Program(command) as load:
        yield load


def _change(mounted: Path, version: str, pair: KeyPair) -> None:
    """Put a pair in place in one step: the files are links through a folder that is a link itself."""
    folder = mounted / f"..{version}"
    folder.mkdir()
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)
    link = mounted / "..new"
    link.symlink_to(folder.name)
    link.replace(mounted / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (mounted / name).is_symlink():
            (mounted / name).symlink_to(f"..data/{name}")


async def _until_listening(port: int) -> None:
    async with asyncio.timeout(LISTENS_WITHIN_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def bars(found: Found, options: Options) -> list[Bar]:
    """No review fails."""
    return [bar for size in SIZES for bar in found.limit("failed reviews", _name(size, options), "errors", OMECTL, 0.0)]
