"""What `kubectl get` prints of each kind."""

from typing import Final

from omectl.api.json import JsonObject


def _column(name: str, path: str, kind: str = "string") -> JsonObject:
    return {"name": name, "type": kind, "jsonPath": path}


_AGE: Final = _column("Age", ".metadata.creationTimestamp", "date")
_PREVIOUS: Final = ".status.components.engine.traffic[?(@.tag=='prev')]"
_LATEST: Final = ".status.components.engine.traffic[?(@.latestRevision==true)]"

_MODEL: Final = (
    _column("Disabled", ".spec.disabled", "boolean"),
    _column("Version", ".spec.version"),
    _column("Vendor", ".spec.vendor"),
    _column("Framework", ".spec.modelFramework.name"),
    _column("FrameworkVersion", ".spec.modelFramework.version"),
    _column("ModelFormat", ".spec.modelFormat.name"),
    _column("Architecture", ".spec.modelArchitecture"),
    _column("Capabilities", ".spec.modelCapabilities[*]"),
    _column("Size", ".spec.modelParameterSize"),
    _column("CompartmentID", ".spec.compartmentID"),
    _column("Ready", ".status.state"),
    _AGE,
)

_RUNTIME: Final = (
    _column("Disabled", ".spec.disabled", "boolean"),
    _column("ModelFormat", ".spec.supportedModelFormats[*].modelFormat.name"),
    _column("ModelFramework", ".spec.supportedModelFormats[*].modelFramework.name"),
    _column("ModelFrameworkVersion", ".spec.supportedModelFormats[*].modelFramework.version"),
    _column("ModelArchitecture", ".spec.supportedModelFormats[*].modelArchitecture"),
    _column("ModelSizeMin", ".spec.modelSizeRange.min"),
    _column("ModelSizeMax", ".spec.modelSizeRange.max"),
    _column("Images", ".spec.containers[*].image"),
    _AGE,
)

PRINTER_COLUMNS: Final[dict[str, tuple[JsonObject, ...]]] = {
    "BaseModel": _MODEL,
    "ClusterBaseModel": _MODEL,
    "FineTunedWeight": (
        _column("Disabled", ".spec.disabled", "boolean"),
        _column("Version", ".spec.version"),
        _column("Vendor", ".spec.vendor"),
        _column("CompartmentID", ".spec.compartmentID"),
        _column("ModelType", ".spec.modelType"),
        _column("Ready", ".status.state"),
        _AGE,
    ),
    "ServingRuntime": _RUNTIME,
    "ClusterServingRuntime": _RUNTIME,
    "InferenceService": (
        _column("URL", ".status.url"),
        _column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
        _column("BaseModel", ".spec.model.name"),
        # OME shows the one that the spec names, which is none when the choice is left to the operator.
        _column("Runtime", ".status.selection.runtime.name"),
        _column("Prev", f"{_PREVIOUS}.percent", "integer"),
        _column("Latest", f"{_LATEST}.percent", "integer"),
        _column("PrevRolledoutRevision", f"{_PREVIOUS}.revisionName"),
        _column("LatestReadyRevision", f"{_LATEST}.revisionName"),
        _AGE,
        _column("Summary", ".status.summary"),
    ),
    "BenchmarkJob": (_AGE, _column("Status", ".status.state")),
    "AcceleratorClass": (
        _column("Vendor", ".spec.vendor"),
        _column("Family", ".spec.family"),
        _column("Memory", ".spec.capabilities.memoryGB"),
        _column("Nodes", ".status.availableNodes", "integer"),
    ),
}
"""Columns by kind, in the order in which they are printed."""
