"""Whether a service keeps the runtime that it has: a new runtime alone restarts nobody.

It is chosen again when the service or the model changes in what selection reads, when the runtime no longer fits, and
when somebody asks for it by another value of the annotation `omectl.io/reselect`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonValue
from omectl.api.labels import ACCELERATOR_CLASS, RESELECT
from omectl.api.wire import WireType
from omectl.planner.model import ModelView
from omectl.planner.selection.ranking import Ranked
from omectl.planner.selection.request import request_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """What was picked for a service, as its status keeps it. `inputs` is the `input_hash` of that time."""

    runtime: str
    scope: str
    entry: int | None = None
    accelerator_class: str = ""
    inputs: str = ""


class TurnCode(StrEnum):
    """Why a pick was kept or made."""

    FIRST = "FirstPick"
    KEPT = "Kept"
    INPUTS_CHANGED = "InputsChanged"
    RUNTIME_LOST = "RuntimeLost"


@dataclass(frozen=True, slots=True)
class Turn:
    """The runtime to take, by scope and name, and why; `better` is one that would be chosen today, "" for none."""

    code: TurnCode
    key: tuple[str, str]
    text: str
    better: str = ""

    @property
    def kept(self) -> bool:
        """Whether an earlier pick stays."""
        return self.code is TurnCode.KEPT

    @property
    def first(self) -> bool:
        """Whether the runtime is the one that ranks first."""
        return not self.better


def turn(previous: Pick | None, inputs: str, order: Sequence[Ranked]) -> Turn:
    """Which of the runtimes that fit, the best first and at least one, a service gets."""
    best = order[0]
    if previous is None:
        return Turn(TurnCode.FIRST, best.key, "no runtime was picked before")
    if previous.inputs != inputs:
        text = "the service or the model changed, or a new choice was asked for"
        return Turn(TurnCode.INPUTS_CHANGED, best.key, text)
    key = (previous.scope, previous.runtime)
    if all(one.key != key for one in order):
        return Turn(TurnCode.RUNTIME_LOST, best.key, f"runtime {previous.runtime} is gone or no longer fits")
    better = best.name if best.key != key else ""
    return Turn(TurnCode.KEPT, key, "it was picked before, and neither service nor model changed", better)


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
        [annotations.get(ACCELERATOR_CLASS), annotations.get(RESELECT)],
    ]
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()[:16]


def _written(part: WireType | None) -> JsonValue:
    return part.model_dump(mode="json", by_alias=True, exclude_unset=True) if part is not None else None
