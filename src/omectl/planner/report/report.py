"""What is known of a service's plan, as data: every choice, every candidate, every check."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.inference_service import InferenceService
from omectl.api.resource import key_of
from omectl.planner.fit import EngineFit
from omectl.planner.hardware import Trials
from omectl.planner.inputs import PlanInputs, kind_of
from omectl.planner.model import ModelView, view_model
from omectl.planner.modes import VIRTUAL
from omectl.planner.names import ENGINE
from omectl.planner.pinning import as_pinned
from omectl.planner.plan import plan
from omectl.planner.predictor import migrated
from omectl.planner.report.room import Engine, main_container_of, room_for
from omectl.planner.report.told import AcceleratorTold, ModelTold, RuntimeTold
from omectl.planner.report.way import Way
from omectl.planner.report.ways import Trouble, ways_out
from omectl.planner.result import Candidate, Plan, PlanRefused, Problem
from omectl.planner.selection.candidates import assess, scope_of
from omectl.planner.selection.choice import Outcome, find_runtime, select_runtime
from omectl.planner.selection.difference import Code
from omectl.planner.selection.inquiry import Answers, EntryRules, Inquiry
from omectl.planner.selection.listing import Listing
from omectl.planner.selection.policy import POLICIES
from omectl.planner.selection.refused import Refused
from omectl.planner.selection.request import request_of
from omectl.planner.selection.terms import Runtime

_OF_ACCELERATORS = frozenset(one.value for one in (Code.NO_CLASS, Code.DOES_NOT_FIT))
_ARGUMENTS = re.compile(r"\.containers\[[^\]]*\]\.(?:command|args)\b")
_SETTLED = frozenset(one.value for one in (Outcome.NAMED, Outcome.CHOSEN, Outcome.KEPT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the service asks of a runtime."""

    model: str = ""
    runtime: str = ""
    accelerator_classes: tuple[str, ...] = ()
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionReport:
    """Everything that decided about a service.

    `outcome` is that of the selection (see docs/selection.md), "" when the plan ended before it; the runtimes are told
    then as they would be looked at. Runtimes that fit come first, by rank, then the nearest misses: those with the
    fewest reasons. `others` are the runtimes for the service without the one that it names, told when that one is not
    there, does not list the model or comes to no plan. `ways` lead out of the problem, or have an engine fit its
    accelerators; `flags_of` wrote the arguments of one that is spread badly. `left_out` counts runtimes that a shorter
    report does not show. `replicas` are what workloads begin with, by kind and name.
    """

    service: str
    outcome: str = ""
    problem: Problem | None = None
    ways: tuple[Way, ...] = ()
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
    others: tuple[RuntimeTold, ...] = ()
    left_out: int = 0
    accelerators: tuple[AcceleratorTold, ...] = ()
    fit: EngineFit | None = None
    flags_of: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    replicas: tuple[tuple[str, int], ...] = ()

    @property
    def nearest(self) -> RuntimeTold | None:
        """The runtime that misses by the fewest reasons, when none fits."""
        missed = (*self.runtimes, *self.others)
        return missed[0] if missed and not any(one.fits for one in missed) else None

    def shortened(self, most: int) -> "SelectionReport":
        """The report with at most that many runtimes, and classes of each component, the best and nearest."""
        shown = self.runtimes[:most]
        others = self.others[: most - len(shown)]
        left_out = len(self.runtimes) - len(shown) + len(self.others) - len(others)
        accelerators = tuple(one.shortened(most) for one in self.accelerators)
        left_out += self.left_out
        return replace(self, runtimes=shown, others=others, left_out=left_out, accelerators=accelerators)


def report_of(inputs: PlanInputs, made: Plan, models: Sequence[BaseModel | ClusterBaseModel] = ()) -> SelectionReport:
    """The report on a plan that was made from these inputs. Never raises.

    `models` are all that somebody knows of: those that the service may have meant.
    """
    told = made.explanation
    service = _as_planned(inputs.service)
    inputs = as_pinned(inputs, service)
    # A virtual service chooses nothing, so nothing is told of what it could.
    looked_at = inputs.model if told.mode != VIRTUAL else None
    model = view_model(looked_at, inputs.settings) if looked_at is not None else None
    request, selection = request_of(service), inputs.settings.omectl.selection
    looking = _Looking(inputs, model)
    if model is None:
        runtimes, others = (), ()
    else:
        runtimes = looking.told(service, told.candidates) if told.candidates else looking.as_would_be(service)
        settled = told.outcome in _SETTLED and made.problem is None
        unnamed = service.spec.runtime is not None and not settled
        others = looking.told_without_name(service, {one.name for one in runtimes}) if unnamed else ()
    chosen = _known(inputs).get((told.scope, told.runtime))
    accelerators = tuple(
        AcceleratorTold.of(decision, service, chosen, inputs.accelerator_classes) for decision in told.accelerators
    )
    if told.outcome == Outcome.NONE_FITS and runtimes and _only_hindered(runtimes[0]):
        # Without strict selection it is chosen, and told what would have its accelerators do.
        relaxed = _relaxed(inputs)
        ways = report_of(relaxed, plan(relaxed), models).ways
    elif made.problem is not None:
        ways = ways_out(
            Trouble(
                inputs=inputs,
                service=service,
                made=made,
                problem=made.problem,
                model=model,
                models=tuple(models),
                runtimes=runtimes,
                others=others,
                accelerators=accelerators,
            )
        )
    else:
        engine = Engine(
            inputs=inputs,
            model=model,
            runtime=chosen,
            accelerator=next((one for one in accelerators if one.component == ENGINE), None),
            container=main_container_of(made.objects),
        )
        ways = room_for(told.fit, engine)
    return SelectionReport(
        service=str(inputs.service.key),
        outcome=told.outcome,
        problem=made.problem,
        ways=ways,
        model=ModelTold.of(model, told.model) if model is not None else None,
        asked=Asked(
            model=service.spec.model.name if service.spec.model is not None else "",
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
        looked_at=len(runtimes) + len(others),
        fitting=sum(one.fits for one in (*runtimes, *others)),
        runtimes=runtimes,
        others=others,
        accelerators=accelerators,
        fit=told.fit,
        flags_of=_authors(made) if told.fit is not None and told.fit.problems else (),
        warnings=told.warnings,
        objects=tuple(f"{kind_of(obj)} {key_of(obj).name}" for obj in made.objects),
        replicas=tuple((f"{kind} {name}", count) for (kind, name), count in sorted(made.initial_replicas.items())),
    )


def _authors(made: Plan) -> tuple[str, ...]:
    """Who wrote the arguments of the engine's container."""
    origins = [
        origin
        for (component, _), found in made.provenance.items()
        if component == ENGINE
        for path, origin in found.origins.items()
        if _ARGUMENTS.search(path)
    ]
    return tuple(sorted({str(origin) for origin in origins}))


def _only_hindered(one: RuntimeTold) -> bool:
    """Whether nothing but its accelerators speaks against a runtime."""
    return all(check.code in _OF_ACCELERATORS for check in one.checks)


def _relaxed(inputs: PlanInputs) -> PlanInputs:
    omectl = inputs.settings.omectl
    selection = omectl.selection.model_copy(update={"strict": False})
    settings = inputs.settings.model_copy(update={"omectl": omectl.model_copy(update={"selection": selection})})
    return replace(inputs, settings=settings)


def _as_planned(service: InferenceService) -> InferenceService:
    """In the new form, where it has one."""
    try:
        return migrated(service)
    except PlanRefused:
        return service


def _known(inputs: PlanInputs) -> dict[tuple[str, str], Runtime]:
    """Runtimes that the service may use, by scope and name."""
    return {
        (scope_of(one), one.name): one for one in inputs.runtimes if one.namespace in ("", inputs.service.namespace)
    }


@dataclass(frozen=True, slots=True)
class _Looking:
    """Looks at runtimes again: a plan keeps of its reasons the words only."""

    inputs: PlanInputs
    model: ModelView | None

    def told(self, service: InferenceService, candidates: Sequence[Candidate]) -> tuple[RuntimeTold, ...]:
        """Each candidate with its checks one by one."""
        return tuple(self._each(service, candidates))

    def as_would_be(self, service: InferenceService) -> tuple[RuntimeTold, ...]:
        """The runtimes as selection would see them, had it come to that."""
        return self.told(service, self._candidates(service))

    def told_without_name(self, service: InferenceService, named: set[str]) -> tuple[RuntimeTold, ...]:
        """The same for the service without the runtime that it names, less those that are told already."""
        spec = service.spec.model_copy(update={"runtime": None})
        open_to_all = service.model_copy(update={"spec": spec})
        return tuple(one for one in self.as_would_be(open_to_all) if one.name not in named)

    def _each(self, service: InferenceService, candidates: Sequence[Candidate]) -> Iterator[RuntimeTold]:
        if self.model is None:
            return
        answers, known = Answers(Inquiry(self.model, request_of(service), self._rules(service))), _known(self.inputs)
        for candidate in candidates:
            found = assess(known[candidate.scope, candidate.name], answers)
            yield RuntimeTold.of(candidate, found, service, self.model)

    def _candidates(self, service: InferenceService) -> Sequence[Candidate]:
        """As the selection tells them, or, where it does not come to that, as each would be refused."""
        if self.model is None:
            return ()
        settings, resource = self.inputs.settings.omectl.selection, self.inputs.model
        asked = replace(self.inputs, service=service)
        hindrance = Trials(asked, resource, self.model).hindrance if resource is not None else None
        chosen = select_runtime(service, self.model, self.inputs.runtimes, settings, hindrance=hindrance)
        if chosen.candidates or self.model.format is not None:
            return chosen.candidates
        reference = service.spec.runtime
        usable = [*_known(self.inputs).values()]
        if reference is not None:
            named = find_runtime(reference, usable)
            usable = [named] if named is not None else []
        return Listing((), Refused(usable, Answers(Inquiry(self.model, request_of(service), self._rules(service)))))

    def _rules(self, service: InferenceService) -> EntryRules:
        policy = POLICIES[self.inputs.settings.omectl.selection.ranking]
        automatic = service.spec.runtime is None
        return EntryRules(merit=policy.merit, automatic=automatic, needs_score=automatic and policy.needs_score)
