"""What a plan is: desired objects, the reasons for every choice, the status to report, and what is in the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from omectl.api.json import JsonObject, JsonValue
from omectl.planner.accelerators.decision import ClassDecision
from omectl.planner.fit import EngineFit

if TYPE_CHECKING:
    from omectl.planner.inputs import LiveState
    from omectl.planner.provenance import Provenance
    from omectl.planner.verdict import Verdict


NEAREST: Final = ", nearest: "
"""Begins what a message tells of the candidates that come nearest."""


class Reason(StrEnum):
    """Why there is no plan. OME's event reasons where it has one."""

    MODEL = "ModelReconcileError"
    MODEL_NOT_READY = "ModelNotReady"
    RUNTIME_VALIDATION = "RuntimeValidationError"
    RUNTIME_SELECTION = "RuntimeSelectionError"
    MERGE = "MergeSpecsError"
    DEPLOYMENT_MODE = "DeploymentModeError"
    ACCELERATOR = "AcceleratorClassError"
    INVALID_SPEC = "InvalidSpec"
    NOT_SUPPORTED_YET = "NotSupportedYet"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing can be planned and what to do about it.

    `failure` is the value of OME's `lastFailureInfo.reason`; `field` begins with the field that is in the way, "" when
    it is no single one.
    """

    reason: str
    message: str
    next_step: str
    failure: str = ""
    field: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}; next: {self.next_step}"


class PlanRefused(Exception):
    """Raised inside the planner to end the planning of a service; `plan` turns it into data."""

    def __init__(self, reason: Reason, message: str, next_step: str, *, failure: str = "", field: str = "") -> None:
        self.problem = Problem(reason.value, message, next_step, failure, field)
        super().__init__(message)


def not_supported(field: str, wish: str, instead: str) -> PlanRefused:
    """The refusal of a request that a later release may serve."""
    message = f"{field} asks for {wish}, which is not supported yet"
    return PlanRefused(Reason.NOT_SUPPORTED_YET, message, instead, field=field)


class Candidate(NamedTuple):
    """One runtime that was looked at.

    `score` is OME's: priority times the weights of format and framework of the entry that matched, 0 without one;
    `priority` is that entry's own.
    `reasons` tell in words why it was accepted or not, all of them; `codes` are the same for machines. `rank` counts
    from 1 among the accepted, None for the others; `entry` is the index of the matching supported format.
    """

    name: str
    scope: str
    score: int
    accepted: bool
    reasons: tuple[str, ...]
    codes: tuple[str, ...] = ()
    rank: int | None = None
    entry: int | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How many replicas a component may have, and of how many pods each is. `most` is None where others scale it."""

    component: str
    pods: int
    least: int
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Every choice with its reason. `tied` are the best runtimes when only the name decided between them.

    `outcome` is how the selection of the runtime ended, "" when it did not come to that; `entry` is the index of the
    chosen runtime's supported format, and `scope` where it lives. `better` is the runtime, by scope and name, that
    would be chosen today instead of one that is kept. `turn` is the code of why one was picked or kept, and `inputs`
    the mark of what it was picked by; both are "" when the service names its runtime. `candidates` are the runtimes
    that were looked at: those that fit, by rank, then the others, the nearest first. The reasons against one of these
    are put in words when it is read.
    `accelerators` has a decision for each engine and decoder, also when no class is asked for. `scales` are the
    components' replicas.
    `pinned` names what keeps the runtime for a service that pins it, and `drift` tells in what the runtime differs now.
    `fit` is the engine's memory on its accelerators; None when there is no engine or it asks for none. `decoder_fit` is
    the same of the decoder.
    """

    mode: str = ""
    model: str = ""
    runtime: str = ""
    outcome: str = ""
    scope: str = ""
    entry: int | None = None
    runtime_reason: str = ""
    better: tuple[str, str] | None = None
    turn: str = ""
    inputs: str = ""
    candidates: Sequence[Candidate] = ()
    tied: tuple[str, ...] = ()
    accelerators: tuple[ClassDecision, ...] = ()
    warnings: tuple[str, ...] = ()
    fit: EngineFit | None = None
    decoder_fit: EngineFit | None = None
    pinned: str = ""
    drift: "Verdict | None" = None
    scales: tuple[Scale, ...] = ()

    @property
    def ambiguous(self) -> bool:
        """Whether only the name decided between the best runtimes."""
        return bool(self.tied)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The outcome. With a problem `objects` is empty, and nothing is to be applied or pruned.

    Objects come in the order to apply them, in the service's namespace, without UIDs, owners or inventory.
    `initial_replicas` says, by kind and name, how many replicas to create a workload with; later they are the
    autoscaler's, and no object states them. Those that are `resumed` get the number now, for a stop has left them
    without. `stopped`: the service is to have no pods.
    `provenance` tells who wrote each field of a component's pods, and what disagreed, by component and role: "" or
    "leader" of the pod that serves, "worker" of the others of a group.
    `report` gives the status over another live state, such as the one after the objects were applied; None where the
    status does not depend on what was planned.
    """

    objects: tuple[JsonObject, ...] = ()
    explanation: Explanation = field(default_factory=Explanation)
    status: JsonObject = field(default_factory=dict[str, JsonValue])
    problem: Problem | None = None
    initial_replicas: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    resumed: frozenset[tuple[str, str]] = frozenset()
    stopped: bool = False
    provenance: "Mapping[tuple[str, str], Provenance]" = field(default_factory=dict[tuple[str, str], "Provenance"])
    report: "Callable[[LiveState], JsonObject] | None" = field(default=None, compare=False, repr=False)
