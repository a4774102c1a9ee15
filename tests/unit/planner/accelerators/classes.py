"""The classes of the sheet's worked example, and services and runtimes that ask for them."""

from __future__ import annotations

from typing import Any

from tests.unit.planner.build import Runtime, entry, runtime, service

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.codec import decode_as
from omectl.planner.accelerators.choice import ClassChoice, CurrentClass, choose_class

Json = Any

_SPECS: Json = {
    "H100": ("80Gi", "3000", {"fp32Tflops": 67, "fp16Tflops": 1979, "int8Tops": 3958, "int4Tops": 7916}, "2"),
    "A100": ("40Gi", "1555", {"fp32Tflops": 19, "fp16Tflops": 312, "int8Tops": 624}, "1"),
    "T4": ("16Gi", "320", {"fp32Tflops": 8, "fp16Tflops": 65, "int8Tops": 130}, "0"),
}
_FEATURES = {"H100": ["fp8", "NVLink"], "A100": ["nvlink"], "T4": []}
_VERSIONS = {"H100": "9.0", "A100": "8.0", "T4": "7.5"}
_FAMILIES = {"H100": "hopper", "A100": "ampere", "T4": "turing"}


def accelerator_class(name: str, *, metadata: Json = None, status: Json = None, **spec: Json) -> AcceleratorClass:
    """A class of the worked example by its name, or an empty one; a change of None leaves the field out."""
    fields: Json = {"discovery": {"nodeSelector": {"gpu": name.lower()}}, "capabilities": {}}
    if name in _SPECS:
        memory, bandwidth, performance, spot = _SPECS[name]
        fields |= {
            "vendor": "nvidia",
            "family": _FAMILIES[name],
            "capabilities": {
                "memoryGB": memory,
                "memoryBandwidthGBps": bandwidth,
                "performance": performance,
                "features": _FEATURES[name],
                "computeCapability": _VERSIONS[name],
            },
            "cost": {"spotPerHour": spot},
            "resources": [{"name": "nvidia.com/gpu"}],
        }
    fields = {key: value for key, value in {**fields, **spec}.items() if value is not None}
    raw: Json = {"metadata": {"name": name, **(metadata or {})}, "spec": fields}
    if status is not None:
        raw["status"] = status
    return decode_as(AcceleratorClass, raw)


def counted(nodes: int, total: int = 0, free: int = 0) -> Json:
    """The status of a class that the controller has counted."""
    return {
        "lastUpdated": "2026-01-01T00:00:00Z",
        "nodes": [f"n{number}" for number in range(nodes)],
        "availableNodes": nodes,
        "totalAccelerators": total,
        "availableAccelerators": free,
    }


WORLD = tuple(accelerator_class(name) for name in ("H100", "A100", "T4"))


def listing(*names: str, **requirements: Json) -> Runtime:
    """A runtime that lists these classes."""
    return runtime("r", entry(), acceleratorRequirements={"acceleratorClasses": list(names), **requirements})


def chosen(
    policy: str | None,
    classes: Json = WORLD,
    *,
    names: Json = ("H100", "A100", "T4"),
    requirements: Json = None,
    component: str = "engine",
    accelerators: int = 0,
    current: CurrentClass | None = None,
    **constraints: Json,
) -> ClassChoice:
    """What a policy on the service chooses for a component."""
    selector: Json = {"policy": policy} if policy else {}
    if constraints:
        selector["constraints"] = constraints
    asked = service(acceleratorSelector=selector)
    offered = listing(*names, **(requirements or {}))
    return choose_class(asked, offered, component, classes, accelerators=accelerators, current=current)


def name_of(found: ClassChoice) -> str:
    """The class's name, "" without one; a choice that refuses has none."""
    assert (found.chosen is None) == (found.decision.class_name == "")
    assert found.problem is None or found.chosen is None
    return found.decision.class_name


def codes(found: ClassChoice) -> dict[str, tuple[str, ...]]:
    """The reasons against each class."""
    return {one.name: one.codes for one in found.decision.candidates}


def scores(found: ClassChoice) -> dict[str, float | None]:
    """The policy's number of each class that was ranked, on two digits."""
    return {
        one.name: None if one.score is None else round(one.score, 4)
        for one in found.decision.candidates
        if one.rank is not None
    }
