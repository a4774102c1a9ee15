"""What to tell a user whose service gets no runtime: wanted, found, what to do. The rest is in the explanation."""

from collections.abc import Sequence

from omectl.api.inference_service import InferenceService
from omectl.api.references import ServingRuntimeRef
from omectl.api.serving_runtime import ServingRuntime
from omectl.planner.model import ModelView
from omectl.planner.result import NEAREST, Problem, Reason
from omectl.planner.selection.candidates import Assessment
from omectl.planner.selection.difference import Code
from omectl.planner.selection.refused import Refused
from omectl.planner.selection.terms import Runtime

_NEAREST = 3
_NAMES = 8
_NAMED_KIND = ServingRuntime.resource_kind.kind


def model_unknown(model: ModelView, message: str) -> Problem:
    """Too little is known of the model to say which runtime serves it."""
    told = "; ".join(filter(None, (model.state, model.progress)))
    why = f" ({told})" if told else ""
    wait = "wait for the model agent to read the model's files, or " if model.files.on_nodes else ""
    step = (
        f"{wait}state what is missing in the spec of {model.key.kind} {model.name}: "
        f"{', '.join(model.facts_missing) or 'its facts'}"
    )
    return Problem(Reason.MODEL_NOT_READY, f"{message}{why}", step, "BaseModelNotReady")


def runtime_unknown(service: InferenceService, reference: ServingRuntimeRef, runtimes: Sequence[Runtime]) -> Problem:
    """No runtime has the name."""
    step = "create it, correct spec.runtime.name, or leave spec.runtime out to have one chosen"
    scope = f"namespace {service.namespace} or the cluster"
    if reference.kind == _NAMED_KIND:
        scope = f"namespace {service.namespace}"
        if any(one.name == reference.name for one in runtimes):
            step = "leave spec.runtime.kind out: the cluster has a ClusterServingRuntime of that name"
    message = f"runtime {reference.name} ({reference.kind}): not found in {scope}"
    return Problem(Reason.RUNTIME_VALIDATION, message, step, "RuntimeNotRecognized")


def runtime_does_not_fit(assessment: Assessment, model: ModelView) -> Problem:
    """The named runtime is disabled or serves other models."""
    name = assessment.runtime.name
    disabled = any(difference.code is Code.DISABLED for difference in assessment.differences)
    step = "enable the runtime" if disabled else "name another one, or leave spec.runtime out to have one chosen"
    return Problem(
        Reason.RUNTIME_VALIDATION,
        f"runtime {name} does not serve model {model}: {assessment.text}",
        step,
        "RuntimeDisabled" if disabled else "NoSupportingRuntime",
    )


def named_despite(assessment: Assessment, model: ModelView) -> str:
    """What to tell when a named runtime is taken although it does not list the model."""
    return (
        f"runtime {assessment.runtime.name} does not list model {model} and is used because the service names it: "
        f"{assessment.text}"
    )


def only_the_name(names: Sequence[str]) -> str:
    """What to tell when nothing but the name decided."""
    return (
        f"runtimes {_some(names)} fit equally well and only the name decided; "
        "name one in spec.runtime, or give them different priorities"
    )


def ambiguous(model: ModelView, names: Sequence[str]) -> Problem:
    """Nothing but the name would decide, and the settings do not want that."""
    return Problem(
        Reason.RUNTIME_SELECTION,
        f"runtimes {_some(names)} fit model {model} equally well, and selection is strict",
        "name one in spec.runtime, or give their formats different priorities",
        "NoSupportingRuntime",
    )


def none_fits(service: InferenceService, model: ModelView, refused: Refused) -> Problem:
    """No runtime fits: counts and the nearest misses."""
    own = refused.own
    counts = f"looked at {len(refused)} ({own} of namespace {service.namespace}, {len(refused) - own} of the cluster)"
    near = "; ".join(f"{one.runtime.name} ({one.text})" for one in refused.nearest(_NEAREST))
    near += f"; and {len(refused) - _NEAREST} more" if len(refused) > _NEAREST else ""
    return Problem(
        Reason.RUNTIME_SELECTION,
        f"no runtime serves model {model}; {counts}" + (f"{NEAREST}{near}" if near else ""),
        "create a runtime that supports the model, or name one in spec.runtime",
        "NoSupportingRuntime",
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
