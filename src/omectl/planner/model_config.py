"""The ConfigMap that tells other programs which model a service serves."""

from collections.abc import Mapping

import msgspec

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.labels import INFERENCE_SERVICE
from omectl.planner.model import ModelView
from omectl.planner.names import label_value, model_config_name


def model_config(service: InferenceService, model: ModelView, resource: BaseModel | ClusterBaseModel) -> JsonObject:
    """The ConfigMap `modelconfig-...` with one entry; what is unknown is left out."""
    storage = resource.spec.storage
    known: Mapping[str, object] = {
        "storageUri": storage.storage_uri,
        "path": model.path,
        "schemaPath": storage.schema_path,
        "parameters": dict(sorted((storage.parameters or {}).items())),
        "storageKey": storage.key,
        "modelFormatName": model.format.name if model.format is not None else None,
        "modelFormatVersion": model.format.version if model.format is not None else None,
        "modelType": model.model_type,
        "modelFrameworkName": model.framework.name if model.framework is not None else None,
        "modelFrameworkVersion": model.framework.version if model.framework is not None else None,
    }
    entry: dict[str, object] = {"modelName": model.name, "modelSpec": _present(known)}
    if model.weight is not None:
        spec = model.weight.resource.spec
        entry["fineTunedWeightSpec"] = _present(
            {
                "storageUri": spec.storage.storage_uri,
                "path": spec.storage.path,
                "schemaPath": spec.storage.schema_path,
                "parameters": dict(sorted((spec.storage.parameters or {}).items())),
                "storageKey": spec.storage.key,
                "modelType": spec.model_type,
            }
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": model_config_name(service.name),
            "namespace": service.namespace,
            "labels": {INFERENCE_SERVICE: label_value(service.name)},
        },
        "data": {"models.json": msgspec.json.encode([entry]).decode()},
    }


def _present(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value}
