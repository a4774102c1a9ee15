"""What `omectl plan` prints is what the controller applies."""

import asyncio
import json
import os
import subprocess
import sys

import yaml

from omectl.api.json import JsonObject
from omectl.api.labels import DESIRED_HASH, OWNED_BY_UID
from omectl.cli.up.demo import DEMO_REPOSITORY
from omectl.cli.up.installation import manifests_directory
from omectl.testing.demo import Demo

MANAGER = "system:serviceaccount:ome:ome-controller-manager"


async def test_offline_plan_prints_the_objects_that_the_controller_applies(demo: Demo) -> None:
    hub = demo.session.hub
    assert hub is not None
    command = [sys.executable, "-m", "omectl", "plan", "-f", str(manifests_directory() / "demo")]
    command += ["--facts", f"hf://{DEMO_REPOSITORY}"]
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint}
    ran = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    planned = {_identity(obj): obj for obj in yaml.safe_load_all(ran.stdout)}
    assert planned == _applied(demo)


def _applied(demo: Demo) -> dict[tuple[str, str], JsonObject]:
    """The last body that the manager applied of each object, without owners, inventory and the version written over."""
    applied: dict[tuple[str, str], JsonObject] = {}
    with demo.session.control_plane.audit_log_path.open() as log:
        for line in log:
            event = json.loads(line)
            body = event.get("requestObject")
            ours = event["user"]["username"] == MANAGER and event["objectRef"].get("namespace") == "demo"
            if ours and event["verb"] == "patch" and event["requestURI"].endswith("fieldManager=omectl&force=true"):
                applied[_identity(body)] = _unstamped(body)
    return applied


def _unstamped(body: JsonObject) -> JsonObject:
    metadata = body["metadata"]
    metadata.pop("ownerReferences")
    metadata.pop("resourceVersion", None)
    if body["kind"] == "Deployment":
        # Said once, when it is created: the number is the autoscaler's.
        body["spec"].pop("replicas", None)
    metadata["labels"].pop(OWNED_BY_UID)
    metadata["annotations"].pop(DESIRED_HASH, None)
    if not metadata["annotations"]:
        metadata.pop("annotations")
    return body


def _identity(obj: JsonObject) -> tuple[str, str]:
    return obj["kind"], obj["metadata"]["name"]
