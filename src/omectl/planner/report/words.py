"""A report in words, for people: what was chosen and why, what was not, and what would have to change."""

from collections.abc import Iterator

from omectl.planner.accelerators.decision import ClassDecision, Outcome
from omectl.planner.fit import EngineFit
from omectl.planner.fit.words import need_in_words, terms_in_words
from omectl.planner.report.report import Check, RuntimeTold, SelectionReport


def in_words(report: SelectionReport) -> str:
    """The report line by line, ending with a newline."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: SelectionReport) -> Iterator[str]:
    yield f"InferenceService {report.service}"
    if report.model is not None:
        yield f"  model    {report.model.text}"
    if report.runtime or report.reason:
        yield f"  runtime  {report.runtime or 'none'} ({report.reason})"
    for decision in report.accelerators:
        if decision.outcome is not Outcome.NOT_ASKED:
            yield f"  class    {decision.class_name or 'none'} for the {decision.component} ({decision.text})"
    if report.problem is not None:
        yield f"  problem  {report.problem.reason}: {report.problem.message}"
        yield f"  next     {report.problem.next_step}"
    else:
        yield f"  mode     {report.mode}"
    for warning in (*report.warnings, *(text for decision in report.accelerators for text in decision.warnings)):
        yield f"  warning  {warning}"
    if report.fit is not None:
        yield from _fit(report.fit)
    if report.runtimes:
        yield from _runtimes(report)
    for decision in report.accelerators:
        yield from _classes(decision)
    if report.objects:
        yield f"  objects ({len(report.objects)})"
        for name in report.objects:
            yield f"    {name}"
        for name, count in report.replicas:
            yield f"    {name} starts with {count} replica{'' if count == 1 else 's'}"


def _fit(fit: EngineFit) -> Iterator[str]:
    found, spread = fit.report, fit.report.parallelism
    yield f"  fit      {found.verdict.value.replace('_', ' ')}: {need_in_words(found)}"
    if found.terms:
        yield f"           {terms_in_words(found)}"
    if found.largest_context is not None or found.largest_concurrency is not None:
        largest = [] if found.largest_context is None else [f"{found.largest_context} tokens"]
        largest += [] if found.largest_concurrency is None else [f"{found.largest_concurrency} at once"]
        yield f"           largest: {' or '.join(largest)}"
    sizes = f"tensor {spread.tensor}, pipeline {spread.pipeline}, data {spread.data}, expert {spread.expert}"
    yield f"  spread   {sizes} over {spread.gpus} accelerators in {spread.pods} pod{'' if spread.pods == 1 else 's'}"
    for problem in fit.problems:
        about = f" ({problem.subject})" if problem.subject else ""
        yield f"  warning  {problem.code.value}: wanted {problem.wanted}, found {problem.found}{about}"


def _runtimes(report: SelectionReport) -> Iterator[str]:
    yield f"  runtimes looked at: {report.looked_at}, fitting: {report.fitting}"
    for one in report.runtimes:
        yield from _runtime(one)
    if report.left_out:
        yield f"    ... and {report.left_out} more that fit less"


def _runtime(one: RuntimeTold) -> Iterator[str]:
    mark = f"{one.rank}." if one.rank is not None else "-"
    score = f", priority {one.priority}, score {one.score}" if one.fits else ""
    yield f"    {mark} {one.name} ({one.scope}{score})"
    for check in one.checks:
        yield from _check(check)
    for text in one.standing:
        yield f"         {text}"


def _check(check: Check) -> Iterator[str]:
    yield f"         {check.code}: {check.text}"
    if check.changes:
        yield f"           to change: {' and '.join(str(change) for change in check.changes)}"
    if check.instead:
        yield f"                  or: {' and '.join(str(change) for change in check.instead)}"


def _classes(decision: ClassDecision) -> Iterator[str]:
    if not decision.candidates:
        return
    usable = sum(candidate.rank is not None for candidate in decision.candidates)
    yield f"  accelerator classes looked at for the {decision.component}: {len(decision.candidates)}, usable: {usable}"
    for candidate in decision.candidates:
        mark = f"{candidate.rank}." if candidate.rank is not None else "-"
        known = [] if candidate.free is None else [f"{candidate.free} free on {candidate.nodes} nodes"]
        known += [] if candidate.score is None else [f"{decision.policy} {candidate.score:g}"]
        yield f"    {mark} {candidate.name}" + (f" ({', '.join(known)})" if known else "")
        for code, reason, remedy in zip(candidate.codes, candidate.reasons, candidate.remedies, strict=True):
            yield f"         {code}: {reason}"
            if remedy:
                yield f"           to change: {remedy}"
    if decision.cost_per_hour is not None:
        yield f"    costs {float(decision.cost_per_hour):g} dollars an hour for a pod"
    if decision.spot_cost_per_hour is not None:
        yield f"    costs {float(decision.spot_cost_per_hour):g} dollars an hour for a pod on spot"
