"""A model directory and a plain HTTP client for the hub's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model of three files: a small document, a nested one, and 100,000 bytes of weights."""
    root = tmp_path / "tiny"
    (root / "1_Pooling").mkdir(parents=True)
    (root / "config.json").write_text('{"model_type": "llama"}')
    (root / "1_Pooling" / "config.json").write_text("{}")
    (root / "model.safetensors").write_bytes(bytes(range(250)) * 400)
    return root


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A session that follows no redirects by itself unless asked."""
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=30), headers={"Accept-Encoding": "identity"}
    ) as session:
        yield session
