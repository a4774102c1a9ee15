"""The shipped CRDs on a shared control plane, installed once however many folders ask for them."""

import asyncio
from pathlib import Path

from omectl.api.kinds import ALL_KINDS, GROUP
from omectl.api.resource import key_of
from omectl.kube.client import Client
from omectl.kube.resources import CUSTOM_RESOURCE_DEFINITIONS
from omectl.local.control_plane import ControlPlane

CRDS = Path(__file__).parents[3] / "manifests" / "crds"
INSTALL_S = 90
"""A busy machine with two cores needs most of a minute for schemas of this size."""


def install_once(control_plane: ControlPlane) -> None:
    """Install the eight CRDs unless they are there."""
    asyncio.run(_install(control_plane))


async def _install(control_plane: ControlPlane) -> None:
    async with Client(control_plane.admin_config) as client:
        found = await client.list(CUSTOM_RESOURCE_DEFINITIONS)
    names = {key_of(item).name for item in found.items}
    if not names >= {f"{kind.plural}.{GROUP}" for kind in ALL_KINDS}:
        await control_plane.install_crds([CRDS], timeout_s=INSTALL_S)
