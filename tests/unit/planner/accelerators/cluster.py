"""Nodes and pods as the API server has them."""

from __future__ import annotations

from typing import Any

Json = Any


def node(name: str, labels: Json = None, *, ready: str = "True", cordoned: bool = False, **resources: Json) -> Json:
    """A Node; `resources` are allocatable and capacity, `nvidia__gpu=8` being `nvidia.com/gpu`."""
    amounts = {key.replace("__", ".com/"): value for key, value in resources.items()}
    amounts |= {"cpu": "8", "memory": "2Ti"}
    found: Json = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"unschedulable": True} if cordoned else {},
        "status": {
            "allocatable": amounts,
            "capacity": dict(amounts),
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}],
        },
    }
    return found


def container(limits: Json = None, *, requests: Json = None, always: bool = False) -> Json:
    """A container that asks for this many `nvidia.com/gpu`, or for the resources of a map."""
    resources: Json = {}
    for part, amounts in (("limits", limits), ("requests", requests)):
        if amounts is not None:
            resources[part] = amounts if isinstance(amounts, dict) else {"nvidia.com/gpu": str(amounts)}
    return {"name": "c", "resources": resources, **({"restartPolicy": "Always"} if always else {})}


def pod(name: str, on: str = "n", *containers: Json, phase: str = "Running", **spec: Json) -> Json:
    """A Pod on a node."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "team", "annotations": {"a": "b"}},
        "spec": {"nodeName": on, "containers": list(containers), **spec},
        "status": {"phase": phase},
    }
