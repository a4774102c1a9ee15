"""The main job on a whole cluster."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omectl.cli.up.demo import choose_model
from omectl.cli.up.session import Session, SessionOptions
from omectl.testing.demo import Demo


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    """The demo at its Ready service, with an audit log; everything is stopped afterwards."""
    options = SessionOptions(model=choose_model(None), nodes=3, directory=tmp_path, audit=True)
    async with Session(options) as session:
        running = Demo(session)
        await running.until_ready()
        yield running
