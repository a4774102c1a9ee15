"""Which empty fields of a model's spec are filled from what its files say. Pure.

A user's value always wins, and a field is filled once: which ones were is recorded in an annotation of the same
patch, so that a field that a user empties later stays empty, and a controller that dies between two writes repeats
nothing.
"""

from omectl.api.base_model import BaseModelSpec
from omectl.api.facts import ModelFacts, NameVersion
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import FILLED_FIELDS
from omectl.api.meta import ObjectMeta
from omectl.api.model_size import format_model_size
from omectl.api.model_spec import ModelFormat, ModelFrameworkSpec

_INT32_MAX = 2**31 - 1


def filled_fields(metadata: ObjectMeta) -> tuple[str, ...]:
    """Names of the spec fields that were filled, in alphabetical order."""
    recorded = metadata.annotations.get(FILLED_FIELDS, "")
    return tuple(sorted(name for name in recorded.split(",") if name))


def fill_patch(metadata: ObjectMeta, spec: BaseModelSpec, facts: ModelFacts) -> JsonObject | None:
    """A merge patch that fills what is empty and known; None when there is nothing to fill.

    It names the resource version it was made for: a change by anyone else in between refuses it.
    """
    already = filled_fields(metadata)
    values = {
        name: value
        for name, value in _known(spec, facts).items()
        if value not in (None, [], {}) and name not in already
    }
    if not values:
        return None
    names = ",".join(sorted({*already, *values}))
    return {
        "metadata": {"resourceVersion": metadata.resource_version, "annotations": {FILLED_FIELDS: names}},
        "spec": dict(values),
    }


def _known(spec: BaseModelSpec, facts: ModelFacts) -> dict[str, JsonValue]:
    """The wire values of empty fields, None where nothing is known or the user has spoken."""
    size = format_model_size(facts.parameter_count) if facts.parameter_count else None
    length = facts.context_length if facts.context_length and facts.context_length <= _INT32_MAX else None
    return {
        "modelType": None if spec.model_type else facts.model_type,
        "modelArchitecture": None if spec.model_architecture else facts.architecture,
        "modelParameterSize": None if spec.model_parameter_size else size,
        "modelCapabilities": None if spec.model_capabilities else list(facts.capabilities),
        "modelFramework": _named(spec.model_framework, facts.framework),
        "modelFormat": _named(spec.model_format, facts.format),
        "quantization": None if spec.quantization else facts.quantization,
        "maxTokens": None if spec.max_tokens else length,
        "diffusionPipeline": None if spec.diffusion_pipeline else facts.diffusion_pipeline,
    }


def _named(given: ModelFormat | ModelFrameworkSpec | None, found: NameVersion | None) -> JsonValue:
    """Name and version, or only the version that a user's own name lacks."""
    if found is None:
        return None
    if given is None or not given.name:
        return {"name": found.name, "version": found.version} if found.version else {"name": found.name}
    if given.version or not found.version or given.name != found.name:
        return None
    return {"version": found.version}
