"""The old form of a service, `spec.predictor`, read as the new one: engine, model and runtime. Pure."""

from typing import Final

from omectl.api.component import EngineSpec
from omectl.api.document import as_objects, as_text
from omectl.api.inference_service import InferenceService, PredictorSpec
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import DEPRECATION_WARNING
from omectl.api.references import ModelRef, ServingRuntimeRef
from omectl.planner.document import as_document
from omectl.planner.merge import merge_container
from omectl.planner.names import MAIN_CONTAINER
from omectl.planner.result import PlanRefused, Reason

OLD_FORM: Final = "spec.predictor is deprecated; write spec.model, spec.runtime and spec.engine instead"
_VARIABLES: Final = (("storageUri", "STORAGE_URI"), ("protocolVersion", "PROTOCOL_VERSION"))
_WARNING: Final = (
    "The Predictor field is deprecated and will be removed in a future release. "
    "Please use Engine and Model fields instead."
)
_NOT_IN_ENGINE: Final = frozenset({"model", "workerSpec"})


def migrated(service: InferenceService) -> InferenceService:
    """The service in the new form; the same one when it has an engine or no predictor. Raises `PlanRefused`."""
    old = service.spec.predictor
    if old is None or service.spec.engine is not None:
        return service
    if old.worker_spec is not None:
        message = "spec.predictor.workerSpec has no counterpart here"
        raise PlanRefused(Reason.INVALID_SPEC, message, "write spec.engine.leader and spec.engine.worker instead")
    changed: dict[str, object] = {"engine": EngineSpec.model_validate(_engine(old)), "predictor": None}
    if old.model is not None and service.spec.model is None and old.model.base_model:
        changed["model"] = ModelRef(name=old.model.base_model, fine_tuned_weights=old.model.fine_tuned_weights)
    if old.model is not None and service.spec.runtime is None and old.model.runtime:
        changed["runtime"] = ServingRuntimeRef(name=old.model.runtime)
    annotations = {DEPRECATION_WARNING: _WARNING, **service.metadata.annotations}
    metadata = service.metadata.model_copy(update={"annotations": annotations})
    return service.model_copy(update={"metadata": metadata, "spec": service.spec.model_copy(update=changed)})


def _engine(old: PredictorSpec) -> JsonObject:
    """The predictor's own fields, its main container as the runner, and what the old model section adds to that."""
    engine = {key: value for key, value in as_document(old).items() if key not in _NOT_IN_ENGINE}
    containers = as_objects(engine.pop("containers", None))
    main = next((one for one in containers if "ome" in as_text(one.get("name")).lower()), None)
    main = main or (containers[0] if containers else None)
    others = [one for one in containers if one is not main]
    if others:
        engine["containers"] = list[JsonValue](others)
    added = _model_container(old)
    if main is not None:
        engine["runner"] = merge_container(main, added)
    elif added:
        engine["runner"] = {"name": MAIN_CONTAINER, **added}
    return engine


def _model_container(old: PredictorSpec) -> JsonObject:
    if old.model is None:
        return {}
    fields = old.model.container_fields
    section = as_document(old.model)
    env = as_objects(fields.get("env"))
    env += [{"name": name, "value": section[key]} for key, name in _VARIABLES if section.get(key)]
    if env:
        fields["env"] = list[JsonValue](env)
    return fields
