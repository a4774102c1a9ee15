"""Installing omectl's own manifests on a cluster: rendered by kubectl, applied in an order that works."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import yaml

import omectl
from omectl.api.codec import TYPES
from omectl.api.crds.definitions import custom_resource_definition
from omectl.api.json import JsonObject
from omectl.api.labels import UP_MANAGER
from omectl.api.resource import ResourceKind
from omectl.cli.failure import CliFailure
from omectl.kube.client import Client
from omectl.kube.discovery import Discovery
from omectl.kube.errors import ServerTimeout, ServiceUnavailable
from omectl.local import crds

_RENDER_TIMEOUT_S = 30.0
_APPLY_TIMEOUT_S = 30.0
_DEFINITIONS_TIMEOUT_S = 120.0
_POLL_S = 0.1
_FIRST = ("Namespace", "ServiceAccount", "ClusterRole", "Role")


def manifests_directory() -> Path:
    """The folder of the shipped manifests: inside an installed wheel, else in the source tree."""
    package = Path(omectl.__file__).parent
    installed = package / "manifests"
    return installed if installed.is_dir() else package.parents[1] / "manifests"


async def render(kubectl: Path, directory: Path) -> list[JsonObject]:
    """What `kubectl kustomize` makes of a folder. Raises CliFailure with kubectl's own words."""
    command = (str(kubectl), "kustomize", str(directory))
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_RENDER_TIMEOUT_S):
            printed, complaint = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise CliFailure(f"this command failed: {' '.join(command)}\n{complaint.decode(errors='replace').strip()}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(printed, Loader=loader) if document]


async def install_definitions(client: Client) -> None:
    """Install the definitions of omectl's kinds, as the types make them, and wait until they are served."""
    definitions = [custom_resource_definition(cls) for cls in TYPES.values()]
    await crds.install(client, definitions, timeout_s=_DEFINITIONS_TIMEOUT_S)


async def install_platform(client: Client, kubectl: Path) -> None:
    """Install the rest of what the manager and the agents need when they run as processes beside the cluster."""
    objects = await render(kubectl, manifests_directory() / "overlays" / "processes")
    objects.sort(key=lambda obj: _FIRST.index(str(obj["kind"])) if obj["kind"] in _FIRST else len(_FIRST))
    await apply_all(client, objects)


async def apply_all(client: Client, objects: Iterable[JsonObject], *, field_manager: str = UP_MANAGER) -> None:
    """Apply the objects one after the other; kinds are found by discovery."""
    discovery = Discovery(client)
    for obj in objects:
        group, _, version = str(obj["apiVersion"]).rpartition("/")
        kind = await discovery.find(group, str(obj["kind"]), version)
        if kind is None:
            raise CliFailure(
                f"the cluster serves no {obj['kind']} of {obj['apiVersion']}; install its definition first"
            )
        await _apply(client, kind, obj, field_manager)


async def _apply(client: Client, kind: ResourceKind, obj: JsonObject, field_manager: str) -> None:
    """A server that has just started may not be ready for every kind yet."""
    deadline = time.monotonic() + _APPLY_TIMEOUT_S
    while True:
        try:
            await client.apply(kind, obj, field_manager=field_manager, force=True)
        except (ServerTimeout, ServiceUnavailable):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_POLL_S)
        else:
            return
