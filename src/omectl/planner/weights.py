"""The fine-tuned weight of a service (4.5): which one it is, whether it can be served, and how its files reach a pod.

A weight in OCI object storage is brought into memory by an init container. One in a claim, in an image or on the nodes
is mounted. Nothing brings the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from omectl.api.document import as_text
from omectl.api.fine_tuned_weight import FineTunedWeight
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonValue
from omectl.api.settings import Settings
from omectl.api.storage_uri import (
    ImageUri,
    LocalUri,
    OciUri,
    PvcUri,
    StorageUriError,
    parse_storage_uri,
)
from omectl.planner.model_files import ModelFiles, check_files, files_of
from omectl.planner.result import PlanRefused, Reason, not_supported

FIELD: Final = "spec.model.fineTunedWeights"
_TFEW: Final = "tfew"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedWeight:
    """A weight as pods get it. `files` is a volume; None where an init container fetches `source` instead."""

    resource: FineTunedWeight
    strategy: str
    merged: bool
    vendor: str
    files: ModelFiles | None = None
    source: OciUri | None = None

    @property
    def name(self) -> str:
        """The weight's name."""
        return self.resource.name

    @property
    def few(self) -> bool:
        """Whether it is Cohere's T-Few: beside the base model instead of over it."""
        return self.vendor == "cohere" and self.strategy == _TFEW and not self.merged


def served_weight(
    service: InferenceService, weights: Sequence[FineTunedWeight], vendor: str, settings: Settings
) -> ServedWeight | None:
    """The weight of a service, None when it names none; `vendor` is the base model's. Raises `PlanRefused`."""
    try:
        return _served_weight(service, weights, vendor, settings)
    except PlanRefused as refusal:
        # Whatever is wrong with the weight, it is the service's field that brings it in.
        found = refusal.problem
        reason = Reason(found.reason)
        raise PlanRefused(reason, found.message, found.next_step, failure=found.failure, field=FIELD) from None


def _served_weight(
    service: InferenceService, weights: Sequence[FineTunedWeight], vendor: str, settings: Settings
) -> ServedWeight | None:
    names = list(service.spec.model.fine_tuned_weights or ()) if service.spec.model is not None else []
    if not names:
        return None
    if len(names) > 1:
        wish = f"{len(names)} weights: stacked fine-tuned serving"
        raise not_supported(FIELD, wish, "name one weight; merge several into one before")
    name = names[0]
    weight = next((one for one in weights if one.name == name), None)
    if weight is None:
        message = f"{FIELD}: FineTunedWeight {name} is not there"
        step = "create it, or correct the name"
        raise PlanRefused(Reason.MODEL, message, step, failure="BaseModelNotFound", field=FIELD)
    _check_ready(weight)
    wrong = unusable(weight)
    if wrong is not None:
        message = f"{wrong.field} of FineTunedWeight {weight.name}: wanted {wrong.wanted}, found {wrong.found}"
        raise PlanRefused(Reason.INVALID_SPEC, message, "correct the field", failure="BaseModelNotReady")
    files, source = _files(weight, service.namespace, settings)
    return ServedWeight(
        resource=weight,
        strategy=as_text(_strategy(weight)),
        merged=_merged(weight) is True,
        vendor=vendor,
        files=files,
        source=source,
    )


@dataclass(frozen=True, slots=True)
class Unusable:
    """A field of a weight that keeps it from being served."""

    field: str
    wanted: str
    found: str


def unusable(weight: FineTunedWeight) -> Unusable | None:
    """What in a weight keeps it from being served (D36), None when nothing does."""
    strategy, merged = _strategy(weight), _merged(weight)
    if not isinstance(strategy, str) or not strategy:
        found = "nothing" if strategy is None else f"{strategy!r:.80}"
        return Unusable("spec.hyperParameters.strategy", "the way of tuning, such as lora", found)
    if not isinstance(merged, bool):
        return Unusable("spec.configuration.merged_weights", "true or false", f"{merged!r:.80}")
    return None


def _strategy(weight: FineTunedWeight) -> JsonValue:
    return (weight.spec.hyper_parameters or {}).get("strategy")


def _merged(weight: FineTunedWeight) -> JsonValue:
    return (weight.spec.configuration or {}).get("merged_weights", False)


def weight_warnings(weight: ServedWeight | None, model: str) -> tuple[str, ...]:
    """What its author ought to know of a weight that is served on the model of that name."""
    if weight is None or weight.resource.spec.base_model_ref.name == model:
        return ()
    base = weight.resource.spec.base_model_ref.name
    return (f"FineTunedWeight {weight.name} is made for model {base}, and {model} is served",)


def _check_ready(weight: FineTunedWeight) -> None:
    """A weight without a status is taken at its word: nobody here writes one."""
    state = weight.status.state if weight.status is not None else "Ready"
    if weight.spec.disabled:
        why, step = "is disabled (spec.disabled is true)", "enable it, or name another weight"
    elif weight.metadata.deleting:
        why, step = "is being deleted", "name another weight"
    elif state != "Ready":
        why, step = f"is not ready (status.state is {state})", "look at what makes it"
    else:
        return
    message = f"FineTunedWeight {weight.name} {why}"
    raise PlanRefused(Reason.MODEL, message, step, failure="BaseModelNotReady", field=FIELD)


def _files(
    weight: FineTunedWeight, namespace: str, settings: Settings
) -> tuple[ModelFiles, None] | tuple[None, OciUri]:
    storage, where = weight.spec.storage, f"spec.storage.storageUri of FineTunedWeight {weight.name}"
    try:
        uri = parse_storage_uri(storage.storage_uri)
    except StorageUriError as error:
        message = f"{where}: {error}"
        raise PlanRefused(Reason.MODEL, message, "correct it", failure="BaseModelNotReady", field=FIELD) from None
    if isinstance(uri, OciUri):
        return None, uri
    if not isinstance(uri, PvcUri | ImageUri | LocalUri):
        step = "put it into OCI object storage, a claim (pvc://), an image (image://) or on the nodes (local://)"
        raise not_supported(where, f"weights of {uri.scheme}://, which nothing brings to pods", step)
    files = files_of(storage, settings.models_root)
    check_files(files, f"FineTunedWeight {weight.name}", namespace, settings.models_root)
    return files, None
