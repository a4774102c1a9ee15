"""The two servers to ask: the embedded one and a real one."""

from collections.abc import AsyncIterator

import pytest
from tests.envtest.local.conformance.api import Api, opened

from omectl.local.control_plane import ControlPlane
from omectl.local.embedded import EmbeddedServer


@pytest.fixture(params=["embedded", "real"])
def real_control_plane(request: pytest.FixtureRequest) -> ControlPlane | None:
    """The real server, or None for the embedded one."""
    return request.getfixturevalue("control_plane") if request.param == "real" else None


@pytest.fixture
async def api(real_control_plane: ControlPlane | None) -> AsyncIterator[Api]:
    """One server of the two, with a namespace of the test's own."""
    if real_control_plane is not None:
        async with opened(real_control_plane.admin_config, real=True) as found:
            yield found
    else:
        async with EmbeddedServer() as server, opened(server.config, real=False) as found:
            yield found
