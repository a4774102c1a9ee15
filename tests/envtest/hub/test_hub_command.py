"""`omectl hub serve` as users run it."""

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import pytest


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from omectl.cli import main; main()", "hub", "serve", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_it_serves_until_it_is_interrupted(tiny: Path, http: aiohttp.ClientSession) -> None:
    process = await start(str(tiny), "--name", "org/tiny", "--port", "0", "--rate-limit", "100Mi")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
            endpoint = line.removeprefix("export HF_ENDPOINT=").strip()
            async with http.get(f"{endpoint}/org/tiny/resolve/main/model.safetensors") as answer:
                assert len(await answer.read()) == 100_000
            assert process.stderr is not None
            assert (await process.stderr.readline()).decode().startswith("serving org/tiny at commit ")
            process.send_signal(signal.SIGINT)
            _, problems = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert problems == b""
    assert process.returncode in {0, 130}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate-limit", "fast"], "--rate-limit: wanted bytes per second such as 50M or 100Mi, found 'fast'"),
        (["--host", "203.0.113.1"], "wanted to listen at 203.0.113.1:8090"),
    ],
)
async def test_a_wrong_option_ends_with_one_clear_line(tiny: Path, arguments: list[str], message: str) -> None:
    process = await start(str(tiny), *arguments)
    async with asyncio.timeout(30):
        _, problems = await process.communicate()
    assert process.returncode in {1, 2}
    assert message in problems.decode()
    assert "Traceback" not in problems.decode()


async def test_a_directory_without_models_is_named(tmp_path: Path) -> None:
    process = await start(str(tmp_path))
    async with asyncio.timeout(30):
        _, problems = await process.communicate()
    assert process.returncode == 2
    assert str(tmp_path) in problems.decode()
