"""What is known of a service's plan, as data: every choice, every candidate, every check."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from omectl.api.document import as_text
from omectl.api.inference_service import InferenceService
from omectl.api.resource import key_of
from omectl.api.serving_runtime import ServingRuntime
from omectl.planner.accelerators.decision import ClassDecision
from omectl.planner.fit import EngineFit
from omectl.planner.inputs import PlanInputs
from omectl.planner.model import ModelView, view_model
from omectl.planner.predictor import migrated
from omectl.planner.report.change import Change
from omectl.planner.report.remedies import remedy_of
from omectl.planner.result import Candidate, Plan, PlanRefused, Problem
from omectl.planner.selection.candidates import CLUSTER, NAMESPACE, EntryRules, assess
from omectl.planner.selection.policy import POLICIES
from omectl.planner.selection.request import Request, request_of


@dataclass(frozen=True, slots=True)
class Check:
    """One reason against a runtime, with wanted and found in words.

    Every one of `changes`, or every one of `instead`, would end it; of many runtimes in an answer nobody wants all.
    """

    code: str
    text: str
    changes: tuple[Change, ...] = ()
    instead: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTold:
    """One runtime that was looked at. `standing` says how it did, when it fits; `checks` are what speaks against it."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTold:
    """What selection knows of the model; "" and None where nobody has told."""

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
    text: str = ""

    @classmethod
    def of(cls, model: ModelView) -> Self:
        """The model as it is told."""
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
            text=str(model),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the service asks of a runtime."""

    runtime: str = ""
    accelerator_classes: tuple[str, ...] = ()
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionReport:
    """Everything that decided about a service.

    `outcome` is that of the selection (see docs/selection.md), "" when the plan ended before it. Runtimes that fit come
    first, by rank, then the nearest misses: those with the fewest reasons. `left_out` counts runtimes that a shorter
    report does not show. `replicas` are what workloads begin with, by kind and name.
    """

    service: str
    outcome: str = ""
    problem: Problem | None = None
    model: ModelTold | None = None
    asked: Asked = field(default_factory=Asked)
    ranking: str = ""
    strict: bool = False
    runtime: str = ""
    entry: int | None = None
    reason: str = ""
    ambiguous: bool = False
    mode: str = ""
    looked_at: int = 0
    fitting: int = 0
    runtimes: tuple[RuntimeTold, ...] = ()
    left_out: int = 0
    accelerators: tuple[ClassDecision, ...] = ()
    fit: EngineFit | None = None
    warnings: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    replicas: tuple[tuple[str, int], ...] = ()

    def shortened(self, most: int) -> "SelectionReport":
        """The report with at most that many runtimes, the best and nearest."""
        shown = self.runtimes[:most]
        return replace(self, runtimes=shown, left_out=self.left_out + len(self.runtimes) - len(shown))


def report_of(inputs: PlanInputs, made: Plan) -> SelectionReport:
    """The report on a plan that was made from these inputs. Never raises."""
    told = made.explanation
    service = _as_planned(inputs.service)
    model = view_model(inputs.model, inputs.settings) if inputs.model is not None else None
    request, selection = request_of(service), inputs.settings.omectl.selection
    runtimes = tuple(_runtimes(inputs, service, model, request, told.candidates)) if model is not None else ()
    return SelectionReport(
        service=str(inputs.service.key),
        outcome=told.outcome,
        problem=made.problem,
        model=ModelTold.of(model) if model is not None else None,
        asked=Asked(
            runtime=service.spec.runtime.name if service.spec.runtime is not None else "",
            accelerator_classes=tuple(sorted(request.accelerator_classes)),
            components=tuple(sorted(request.components)),
        ),
        ranking=selection.ranking,
        strict=selection.strict,
        runtime=told.runtime,
        entry=told.entry,
        reason=told.runtime_reason,
        ambiguous=told.ambiguous,
        mode=told.mode,
        looked_at=len(runtimes),
        fitting=sum(one.fits for one in runtimes),
        runtimes=runtimes,
        accelerators=told.accelerators,
        fit=told.fit,
        warnings=told.warnings,
        objects=tuple(f"{as_text(obj.get('kind'))} {key_of(obj).name}" for obj in made.objects),
        replicas=tuple((f"{kind} {name}", count) for (kind, name), count in sorted(made.initial_replicas.items())),
    )


def _as_planned(service: InferenceService) -> InferenceService:
    """In the new form, where it has one."""
    try:
        return migrated(service)
    except PlanRefused:
        return service


def _runtimes(
    inputs: PlanInputs, service: InferenceService, model: ModelView, request: Request, candidates: tuple[Candidate, ...]
) -> Iterator[RuntimeTold]:
    """Each candidate, looked at again for the reasons one by one: the plan keeps their words only."""
    policy = POLICIES[inputs.settings.omectl.selection.ranking]
    automatic = service.spec.runtime is None
    rules = EntryRules(merit=policy.merit, automatic=automatic, needs_score=automatic and policy.needs_score)
    known = {
        (NAMESPACE if isinstance(one, ServingRuntime) else CLUSTER, one.name): one
        for one in inputs.runtimes
        if one.namespace in ("", service.namespace)
    }
    for candidate in candidates:
        runtime = known[candidate.scope, candidate.name]
        found = assess(runtime, model, request, rules)
        checks: list[Check] = []
        for difference in found.differences:
            remedy = remedy_of(difference, service, model, found)
            checks.append(Check(difference.code.value, difference.text, remedy.changes, remedy.instead))
        yield RuntimeTold(
            kind=runtime.resource_kind.kind,
            name=candidate.name,
            scope=candidate.scope,
            fits=candidate.accepted,
            rank=candidate.rank,
            entry=found.entry,
            priority=candidate.priority,
            score=candidate.score,
            standing=candidate.reasons if candidate.accepted else found.notes,
            checks=tuple(checks),
        )
