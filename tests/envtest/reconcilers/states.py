"""What is in namespaces, comparable from run to run."""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.reconcilers.children import CHILD_KINDS, OPTIONAL_KINDS

KINDS: tuple[ResourceKind, ...] = (INFERENCE_SERVICES, *CHILD_KINDS, *OPTIONAL_KINDS)


async def everything(admin: Client) -> dict[str, dict[str, Any]]:
    """Each service and whatever may be a child, by namespace, then by kind and name."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for kind in KINDS:
        for obj in (await admin.list(kind)).items:
            metadata: Any = obj["metadata"]
            found[metadata["namespace"]][f"{kind.group_kind}/{metadata['name']}"] = obj
    return found


def comparable(namespace: str, objects: Mapping[str, Any]) -> JsonObject:
    """The objects without what differs from run to run."""
    uids = {obj["metadata"]["uid"]: f"uid-of-{name}" for name, obj in objects.items()}
    text = json.dumps({name: bare(obj, "omectl.io/pod-template") for name, obj in objects.items()})
    for uid, name in uids.items():
        text = text.replace(uid, name)
    return json.loads(text.replace(namespace, "NAMESPACE"))


def without_history(state: JsonObject) -> JsonObject:
    """The state without who set which field, and without the choices that a service remembers while it needs none."""
    found: Any = json.loads(json.dumps(state))
    for obj in found.values():
        obj["metadata"].pop("managedFields")
        if obj["kind"] == INFERENCE_SERVICES.kind:
            obj["status"].pop("selection", None)
    return found


def bare(obj: Any, *masked: str) -> Any:
    """The object without times, versions, and hashes of what has a name in it, nor the annotations that are masked."""
    metadata = {
        name: value
        for name, value in obj["metadata"].items()
        if name not in ("uid", "resourceVersion", "creationTimestamp", "generation")
    }
    metadata["managedFields"] = sorted(
        (
            {name: value for name, value in entry.items() if name != "time"}
            for entry in metadata.pop("managedFields")
            if entry["manager"] != "aiohttp"
        ),
        key=lambda entry: (entry["manager"], entry.get("subresource", ""), entry["operation"]),
    )
    text = json.dumps({**obj, "metadata": metadata})
    of_pods = ("ome.io/revision-hash", "revisionHash")
    hidden = "|".join(map(re.escape, ("lastTransitionTime", "omectl.io/desired-hash", *of_pods, *masked)))
    text = re.sub(rf'"({hidden})": "[^"]*"', r'"\1": "-"', text)
    text = re.sub(r'"observedGeneration": \d+', '"observedGeneration": 0', text)
    text = re.sub(r'"(clusterIPs?)": ("[^"]*"|\[[^]]*\])', r'"\1": "-"', text)
    return json.loads(text)


def differences(wanted: JsonObject, found: JsonObject) -> list[str]:
    """Line by line, none when they are equal."""
    if wanted == found:
        return []
    before, after = (json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (wanted, found))
    return list(difflib.unified_diff(before, after, "undisturbed", "disturbed", n=2, lineterm=""))
