"""A control plane for one module alone, whose tests change what it serves: import `shipped` in the place of all's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.envtest.conftest import Shipped, ship

from omectl.local.control_plane import ControlPlaneOptions, Profile
from omectl.testing.plugin import running_control_plane

__all__ = ["shipped"]


@pytest.fixture(scope="module")
def shipped() -> Iterator[Shipped]:
    """A control plane of its own, with the shipped manifests."""
    for control_plane in running_control_plane(ControlPlaneOptions(profile=Profile.FULL, audit=True)):
        yield ship(control_plane)
