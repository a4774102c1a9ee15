"""A plan in words, for people: what was chosen and why, what was not and why not."""

from collections.abc import Iterator

from omectl.api.document import as_text
from omectl.api.resource import ObjectKey, key_of
from omectl.planner.accelerators.decision import ClassDecision, Outcome
from omectl.planner.result import Candidate, Plan

_REASONS_SHOWN = 40


def explain(service: ObjectKey, plan: Plan) -> str:
    """The explanation of a service's plan, line by line, ending with a newline."""
    return "\n".join(_lines(service, plan)) + "\n"


def _lines(service: ObjectKey, plan: Plan) -> Iterator[str]:
    told = plan.explanation
    yield f"InferenceService {service}"
    if told.model:
        yield f"  model    {told.model}"
    if told.runtime or told.runtime_reason:
        yield f"  runtime  {told.runtime or 'none'} ({told.runtime_reason})"
    for decision in told.accelerators:
        if decision.outcome is not Outcome.NOT_ASKED:
            yield f"  class    {decision.class_name or 'none'} for the {decision.component} ({decision.text})"
    if plan.problem is not None:
        yield f"  problem  {plan.problem.reason}: {plan.problem.message}"
        yield f"  next     {plan.problem.next_step}"
    else:
        yield f"  mode     {told.mode}"
    for warning in (*told.warnings, *(text for decision in told.accelerators for text in decision.warnings)):
        yield f"  warning  {warning}"
    if told.candidates:
        yield from _candidates(told.candidates)
    for decision in told.accelerators:
        yield from _classes(decision)
    if plan.objects:
        yield f"  objects ({len(plan.objects)})"
        for obj in plan.objects:
            yield f"    {as_text(obj.get('kind'))} {key_of(obj).name}"
        for (kind, name), count in sorted(plan.initial_replicas.items()):
            yield f"    {kind} {name} starts with {count} replica{'' if count == 1 else 's'}"


def _classes(decision: ClassDecision) -> Iterator[str]:
    if not decision.candidates:
        return
    usable = sum(candidate.rank is not None for candidate in decision.candidates)
    yield f"  accelerator classes looked at for the {decision.component}: {len(decision.candidates)}, usable: {usable}"
    for candidate in decision.candidates[:_REASONS_SHOWN]:
        mark = f"{candidate.rank}." if candidate.rank is not None else "-"
        known = [] if candidate.free is None else [f"{candidate.free} free on {candidate.nodes} nodes"]
        known += [] if candidate.score is None else [f"{decision.policy} {candidate.score:g}"]
        yield f"    {mark} {candidate.name}" + (f" ({', '.join(known)})" if known else "")
        for reason in candidate.reasons:
            yield f"         {reason}"
    if decision.cost_per_hour is not None:
        yield f"    costs {float(decision.cost_per_hour):g} dollars an hour for a pod"
    if decision.spot_cost_per_hour is not None:
        yield f"    costs {float(decision.spot_cost_per_hour):g} dollars an hour for a pod on spot"


def _candidates(candidates: tuple[Candidate, ...]) -> Iterator[str]:
    accepted = sum(candidate.accepted for candidate in candidates)
    yield f"  runtimes looked at: {len(candidates)}, fitting: {accepted}"
    shown = candidates[:_REASONS_SHOWN]
    for candidate in shown:
        mark = f"{candidate.rank}." if candidate.rank is not None else "-"
        score = f", priority {candidate.priority}, score {candidate.score}" if candidate.accepted else ""
        yield f"    {mark} {candidate.name} ({candidate.scope}{score})"
        for reason in candidate.reasons:
            yield f"         {reason}"
    if len(candidates) > len(shown):
        yield f"    ... and {len(candidates) - len(shown)} more that fit less"
