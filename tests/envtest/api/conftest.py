"""The CRDs as shipped, on the shared API server."""

import asyncio
from pathlib import Path

import pytest

from omectl.local.control_plane import ControlPlane

CRDS = Path(__file__).parents[3] / "manifests" / "crds"


@pytest.fixture(scope="session", autouse=True)
def crds(control_plane: ControlPlane) -> list[str]:
    """The eight CRDs, installed by server-side apply; their names."""
    return asyncio.run(control_plane.install_crds([CRDS], timeout_s=90))
