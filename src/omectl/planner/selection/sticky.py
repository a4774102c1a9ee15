"""Whether a service keeps the runtime that it has: a new runtime alone restarts nobody.

It is chosen again when the service or the model changes in what selection reads, when the runtime no longer fits, and
when somebody asks for it by a value of the annotation `omectl.io/reselect` that the status does not have yet.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonValue
from omectl.api.labels import ACCELERATOR_CLASS, LABEL_VALUE_LENGTH, RESELECT, shorten
from omectl.api.serving_runtime import ServingRuntime
from omectl.api.wire import WireType
from omectl.planner.model import ModelView
from omectl.planner.selection.candidates import CLUSTER, NAMESPACE
from omectl.planner.selection.ranking import Ranked
from omectl.planner.selection.request import request_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """What was picked for a service, as its status keeps it; `runtime` is "" for the service's own runner.

    `inputs` is the `input_hash` of that time, "" when nothing was chosen because the service named its runtime;
    `reselect` is the value that the annotation had.
    """

    runtime: str
    scope: str = ""
    inputs: str = ""
    reselect: str = ""


class TurnCode(StrEnum):
    """Why a pick was kept or made."""

    FIRST = "FirstPick"
    ASKED = "Reselected"
    KEPT = "Kept"
    INPUTS_CHANGED = "InputsChanged"
    RUNTIME_LOST = "RuntimeLost"


@dataclass(frozen=True, slots=True)
class Turn:
    """The runtime to take, by scope and name, and why; `better` is the one that would be chosen today instead."""

    code: TurnCode
    key: tuple[str, str]
    text: str
    better: tuple[str, str] | None = None

    @property
    def kept(self) -> bool:
        """Whether an earlier pick stays."""
        return self.code is TurnCode.KEPT

    @property
    def first(self) -> bool:
        """Whether no other runtime would be chosen today."""
        return self.better is None


def turn(previous: Pick | None, inputs: str, order: Sequence[Ranked], reselect: str = "") -> Turn:
    """Which of the runtimes that fit, the best first and at least one, a service gets.

    `inputs` and `reselect` are the service's now. A pick that does as well as the best is none that could be bettered.
    """
    best = order[0]
    if previous is None:
        return Turn(TurnCode.FIRST, best.key, "no runtime was picked before")
    if reselect not in ("", previous.reselect):
        return Turn(TurnCode.ASKED, best.key, f"the annotation {RESELECT} asks for a new choice")
    if previous.inputs != inputs:
        return Turn(TurnCode.INPUTS_CHANGED, best.key, "the service or the model changed")
    key = (previous.scope, previous.runtime)
    kept = next((one for one in order if one.key == key), None)
    if kept is None and not previous.runtime:
        text = "the service ran without a runtime before, and neither it nor the model changed"
        return Turn(TurnCode.KEPT, key, text, best.key)
    if kept is None:
        return Turn(TurnCode.RUNTIME_LOST, best.key, f"runtime {previous.runtime} is gone or no longer fits")
    text = "it was picked before, and neither service nor model changed"
    return Turn(TurnCode.KEPT, key, text, None if kept.ties(best) else best.key)


def picked_before(service: InferenceService) -> Pick | None:
    """What the service's status remembers; None when nothing was picked yet."""
    told = service.status.selection if service.status is not None else None
    if told is None:
        return None
    has, inputs, reselect = told.runtime, told.inputs or "", told.reselect or ""
    if has is None:
        return Pick(runtime="", inputs=inputs, reselect=reselect) if inputs else None
    scope = NAMESPACE if has.kind == ServingRuntime.resource_kind.kind else CLUSTER
    return Pick(runtime=has.name, scope=scope, inputs=inputs, reselect=reselect)


def reselect_asked(service: InferenceService) -> str:
    """The value of the annotation that asks for a new choice, short enough to be remembered."""
    return shorten(service.metadata.annotations.get(RESELECT, ""), LABEL_VALUE_LENGTH)


def asks_anew(service: InferenceService) -> bool:
    """Whether the annotation asks for a new choice that was not made yet."""
    told = service.status.selection if service.status is not None else None
    return reselect_asked(service) not in ("", (told.reselect or "") if told is not None else "")


def input_hash(service: InferenceService, model: ModelView) -> str:
    """A short digest of all that a choice depends on, but for the runtimes."""
    spec, request = service.spec, request_of(service)
    annotations = service.metadata.annotations
    components = (spec.engine, spec.decoder)
    told = [
        [model.key.kind, model.key.namespace, model.key.name],
        [str(part) for part in (model.format, model.framework, model.architecture, model.quantization, model.size)],
        [model.size_readable, *sorted(model.capabilities)],
        _written(model.pipeline),
        [sorted(request.accelerator_classes), sorted(request.components), request.wants_decoder],
        [_written(spec.accelerator_selector)],
        [_written(part.accelerator_override) if part is not None else None for part in components],
        [annotations.get(ACCELERATOR_CLASS)],
    ]
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()[:16]


def _written(part: WireType | None) -> JsonValue:
    return part.model_dump(mode="json", by_alias=True, exclude_unset=True) if part is not None else None
