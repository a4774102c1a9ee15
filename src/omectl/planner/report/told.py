"""What a report tells of the model, of each runtime and of each accelerator class."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.inference_service import InferenceService
from omectl.planner.accelerators.decision import ClassCandidate, ClassDecision
from omectl.planner.model import ModelView
from omectl.planner.report.change import Change
from omectl.planner.report.checks import Check
from omectl.planner.report.class_remedies import Demands, changes_for, classes_listed
from omectl.planner.report.remedies import one_more_entry, remedy_of, wants_another_entry
from omectl.planner.result import Candidate
from omectl.planner.selection.candidates import Assessment, Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTold:
    """What selection knows of the model; "" and None where nobody has told. `state` is why it is not ready."""

    kind: str
    name: str
    namespace: str
    format: str = ""
    framework: str = ""
    architecture: str = ""
    quantization: str = ""
    size: str = ""
    parameters: int | None = None
    capabilities: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    ready: bool = False
    state: str = ""
    text: str = ""

    @classmethod
    def of(cls, model: ModelView, text: str = "") -> Self:
        """The model as it is told; `text` is how its plan tells it in words, with its weight."""
        return cls(
            kind=model.key.kind,
            name=model.name,
            namespace=model.key.namespace,
            format=str(model.format or ""),
            framework=str(model.framework or ""),
            architecture=model.architecture or "",
            quantization=model.quantization or "",
            size=model.size_text,
            parameters=model.size,
            capabilities=model.capabilities,
            missing=model.facts_missing,
            ready=model.ready,
            state=model.state,
            text=text or str(model),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTold:
    """One runtime that was looked at.

    `standing` says how it did, when it fits; `checks` are what speaks against it. `addition` is one more format of its,
    in place of all changes of the one that comes nearest.
    """

    kind: str
    name: str
    scope: str
    fits: bool
    rank: int | None = None
    entry: int | None = None
    priority: int = 0
    score: int = 0
    standing: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    addition: tuple[Change, ...] = ()

    @classmethod
    def of(cls, candidate: Candidate, found: Assessment, service: InferenceService, model: ModelView) -> Self:
        """A candidate, looked at again for the reasons one by one: a plan keeps their words only."""
        checks: list[Check] = []
        for difference in found.differences:
            remedy = remedy_of(difference, service, model, found)
            checks.append(Check(difference.code.value, difference.text, remedy.changes, remedy.instead))
        if not found.differences and not candidate.accepted:
            # Its accelerators would not do, which the runtime alone does not tell.
            checks += [Check(code, text) for code, text in zip(candidate.codes, candidate.reasons, strict=False)]
        return cls(
            kind=found.runtime.resource_kind.kind,
            name=candidate.name,
            scope=candidate.scope,
            fits=candidate.accepted,
            rank=candidate.rank,
            entry=found.entry,
            priority=candidate.priority,
            score=candidate.score,
            standing=candidate.reasons if candidate.accepted else found.notes,
            checks=tuple(checks),
            addition=(one_more_entry(service, model, found),) if wants_another_entry(found) else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTold:
    """One accelerator class that was looked at; `rank` counts from 1 among those that may be used.

    `checks` of one with a rank say why it was not taken, or what does not agree although it is named.
    """

    name: str
    rank: int | None = None
    score: float | None = None
    nodes: int | None = None
    free: int | None = None
    checks: tuple[Check, ...] = ()

    @classmethod
    def of(cls, candidate: ClassCandidate, demands: Demands) -> Self:
        """A candidate, with what would have to change."""
        told = zip(candidate.codes, candidate.reasons, changes_for(candidate, demands), candidate.remedies, strict=True)
        return cls(
            name=candidate.name,
            rank=candidate.rank,
            score=candidate.score,
            nodes=candidate.nodes,
            free=candidate.free,
            checks=tuple(Check(code, text, changes, (), advice) for code, text, changes, advice in told),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceleratorTold:
    """What one component gets. `class_name` is "" without a class; `asked_by` is the field that asks for one.

    `accelerators` are those of one pod; prices are dollars an hour of it, None when unknown. `better` names the class
    that the policy would choose afresh, `tied` those that only the name put behind. `listing` has the runtime list the
    classes that are there, where it lists none. `left_out` counts classes that a shorter report does not show.
    """

    component: str
    class_name: str
    outcome: str
    text: str
    policy: str
    asked_by: str
    classes: tuple[ClassTold, ...]
    accelerators: int
    cost_per_hour: Fraction | None
    spot_cost_per_hour: Fraction | None
    better: str
    tied: tuple[str, ...]
    warnings: tuple[str, ...]
    listing: tuple[Change, ...] = ()
    left_out: int = 0

    @classmethod
    def of(
        cls,
        decision: ClassDecision,
        service: InferenceService,
        runtime: Runtime | None,
        classes: Sequence[AcceleratorClass],
    ) -> Self:
        """A decision, with what would have to change for each class."""
        demands = Demands.of(service, runtime, decision.component, classes)
        return cls(
            component=decision.component,
            class_name=decision.class_name,
            outcome=decision.outcome.value,
            text=decision.text,
            policy=decision.policy,
            asked_by=demands.asked_by,
            classes=tuple(ClassTold.of(candidate, demands) for candidate in decision.candidates),
            accelerators=decision.accelerators,
            cost_per_hour=decision.cost_per_hour,
            spot_cost_per_hour=decision.spot_cost_per_hour,
            better=decision.better,
            tied=decision.tied,
            warnings=decision.warnings,
            listing=() if demands.ask.listed else classes_listed(demands),
        )

    def shortened(self, most: int) -> Self:
        """With at most that many classes."""
        shown = self.classes[:most]
        return replace(self, classes=shown, left_out=self.left_out + len(self.classes) - len(shown))
