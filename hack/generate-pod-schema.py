"""Write the pod part of the CRD schemas from a real API server's OpenAPI documents.

Usage: python hack/generate-pod-schema.py            (starts a control plane, asks it, writes the data file)
       python hack/generate-pod-schema.py DIRECTORY  (reads Kubernetes' api/openapi-spec/v3 instead)

The result has no descriptions, enums or client-side merge keys, and no field newer than OME's API level (v0.33).
"""

import asyncio
import json
import sys
from pathlib import Path

from omectl.api.crds.pod_source import DATA_FILE, pod_schema
from omectl.api.json import JsonObject

DOCUMENTS = ("api/v1", "apis/apps/v1")


async def ask_a_server() -> list[JsonObject]:
    """The OpenAPI documents of a control plane that this process starts and stops."""
    from omectl.kube.client import Client
    from omectl.local.control_plane import ControlPlane, ControlPlaneOptions

    async with ControlPlane(ControlPlaneOptions()) as plane, Client(plane.admin_config) as client:
        return [await client.openapi(f"/openapi/v3/{path}") for path in DOCUMENTS]


def read_directory(directory: Path) -> list[JsonObject]:
    """The documents as Kubernetes' source tree has them."""
    names = [f"{path.replace('/', '__')}_openapi.json" for path in DOCUMENTS]
    return [json.loads((directory / name).read_text()) for name in names]


def main() -> None:
    documents = read_directory(Path(sys.argv[1])) if len(sys.argv) > 1 else asyncio.run(ask_a_server())
    DATA_FILE.write_text(pod_schema(documents))
    print(f"{DATA_FILE}: {DATA_FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
