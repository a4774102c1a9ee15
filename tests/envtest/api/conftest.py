"""The CRDs as shipped, on the shared API server."""

import pytest
from tests.envtest.api.installed import install_once

from omectl.local.control_plane import ControlPlane


@pytest.fixture(scope="session", autouse=True)
def crds(control_plane: ControlPlane) -> None:
    """The eight CRDs, installed from their files."""
    install_once(control_plane)
