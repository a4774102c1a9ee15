"""A report in words, for people: what was chosen and why, what was not, and what would have to change."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from omectl.planner.accelerators.decision import Outcome
from omectl.planner.fit import Assumption, EngineFit
from omectl.planner.fit.words import need_in_words, obstacle_of, problem_in_words, terms_in_words
from omectl.planner.report.checks import Check
from omectl.planner.report.report import SelectionReport
from omectl.planner.report.told import AcceleratorTold, RuntimeTold
from omectl.planner.report.way import Way
from omectl.planner.result import NEAREST
from omectl.planner.selection.choice import Outcome as Selected

WIDTH: Final = 100
"""Columns of a line; a word that is longer, a path for instance, stays whole."""
_ASSUMED: Final[Mapping[Assumption, str]] = {
    Assumption.SIZE_FROM_SPEC: "as many parameters as the spec says",
    Assumption.WEIGHTS_FROM_FILES: "weights as large as their files",
    Assumption.DTYPE: "16 bits of each weight",
    Assumption.QUANTIZATION: "a quantization that saves nothing",
    Assumption.CACHE_FROM_SIZE: "a cache by the number of parameters",
    Assumption.ACTIVATIONS: "the usual activations",
    Assumption.CONTEXT: "that context",
    Assumption.NO_CACHE: "no cache, as the model writes no text",
}
_LABEL: Final = re.compile(r"  [a-z]+ {2,}|    (?:[0-9]+\.|-) ")


def in_words(report: SelectionReport) -> str:
    """The report line by line, each within a terminal's width, ending with a newline."""
    return "".join(f"{line}\n" for whole in _lines(report) for line in _within(whole))


def _within(line: str) -> list[str]:
    """The line broken at spaces, with what follows under its text."""
    if len(line) <= WIDTH:
        return [line]
    label = _LABEL.match(line)
    hang = label.end() if label is not None else len(line) - len(line.lstrip()) + 2
    return textwrap.wrap(
        line, WIDTH, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def _lines(report: SelectionReport) -> Iterator[str]:
    yield f"InferenceService {report.service}"
    if report.model is not None:
        yield f"  model    {report.model.text}"
        if report.model.state and report.problem is None:
            yield f"  waiting  for the model's files: {report.model.state}"
    if report.runtime or report.reason:
        yield f"  runtime  {report.runtime or 'none'} ({report.reason})"
    for one in report.accelerators:
        if one.outcome != Outcome.NOT_ASKED and (one.class_name or report.problem is None):
            yield f"  class    {one.class_name or 'none'} for the {one.component} ({one.text})"
    if report.problem is not None:
        # What comes nearest is told below, with what would have to change.
        message = report.problem.message.partition(NEAREST)[0]
        yield f"  problem  {report.problem.reason}: {message}"
        yield from _nearest(report)
        yield f"  next     {report.problem.next_step}"
    else:
        yield f"  mode     {report.mode}"
    for warning in (*report.warnings, *(text for one in report.accelerators for text in one.warnings)):
        yield f"  warning  {warning}"
    if report.fit is not None:
        yield from _fit(report.fit, report.flags_of)
    if report.ways:
        yield from _ways(report.ways)
    if report.runtimes or report.others:
        yield from _runtimes(report)
    for one in report.accelerators:
        yield from _classes(one, with_changes=_changes_wanted(report))
    yield from _costs(report)
    if report.objects:
        yield f"  objects ({len(report.objects)})"
        for name in report.objects:
            yield f"    {name}"
        for name, count in report.replicas:
            yield f"    {name} starts with {count} replica{'' if count == 1 else 's'}"


def _nearest(report: SelectionReport) -> Iterator[str]:
    """Of runtimes, and of classes, the one that misses by the least, when none may be used."""
    missed: list[tuple[str, tuple[Check, ...]]] = []
    if report.nearest is not None and report.outcome != Selected.MODEL_UNKNOWN:
        missed.append((f"runtime {report.nearest.name}", report.nearest.checks))
    first = (one.classes[0] for one in report.accelerators if one.classes)
    missed += [(f"class {one.name}", one.checks) for one in first if one.rank is None]
    for name, checks in missed:
        texts = "; ".join(check.text for check in checks)
        yield f"  nearest  {name}, {len(checks)} reason{'' if len(checks) == 1 else 's'}: {texts}"


def _ways(ways: Sequence[Way]) -> Iterator[str]:
    yield "  to mend it, one of:" if len(ways) > 1 else "  to mend it:"
    for number, way in enumerate(ways, 1):
        yield f"    {number}. {way.text}"
        for change in way.changes:
            yield f"         {change}"


def _fit(fit: EngineFit, flags_of: tuple[str, ...]) -> Iterator[str]:
    found, spread = fit.report, fit.report.parallelism
    yield f"  fit      {found.verdict.value.replace('_', ' ')}: {need_in_words(found)}"
    if found.terms:
        yield f"           {terms_in_words(found)}"
    if found.assumptions:
        yield f"           assumed: {', '.join(_ASSUMED[one] for one in found.assumptions)}"
    if found.largest_context is not None or found.largest_concurrency is not None:
        largest = [] if found.largest_context is None else [f"{found.largest_context} tokens"]
        largest += [] if found.largest_concurrency is None else [f"{found.largest_concurrency} at once"]
        yield f"           largest: {' or '.join(largest)}"
    sizes = f"tensor {spread.tensor}, pipeline {spread.pipeline}, data {spread.data}, expert {spread.expert}"
    yield f"  spread   {sizes} over {spread.gpus} accelerators in {spread.pods} pod{'' if spread.pods == 1 else 's'}"
    whose = f"; its arguments are of the {' and the '.join(flags_of)}" if flags_of else ""
    for problem in fit.problems:
        yield f"  warning  {problem.code.value}: {problem_in_words(problem)}{whose}"
    obstacle = obstacle_of(fit)
    if obstacle is not None:
        yield f"  next     {obstacle.step}"


def _runtimes(report: SelectionReport) -> Iterator[str]:
    yield f"  runtimes looked at: {report.looked_at}, fitting: {report.fitting}"
    for one in report.runtimes:
        yield from _runtime(one, with_changes=_changes_wanted(report))
    if report.others:
        yield "    without spec.runtime:"
    for one in report.others:
        yield from _runtime(one, with_changes=_changes_wanted(report))
    if report.left_out:
        yield f"    ... and {report.left_out} more that fit less"


def _changes_wanted(report: SelectionReport) -> bool:
    """Nothing has to change where there is a plan, or a model that nobody has read yet."""
    return report.problem is not None and report.outcome != Selected.MODEL_UNKNOWN


def _runtime(one: RuntimeTold, *, with_changes: bool) -> Iterator[str]:
    mark = f"{one.rank}." if one.rank is not None else "-"
    score = f", priority {one.priority}, score {one.score}" if one.fits else ""
    yield f"    {mark} {one.name} ({one.scope}{score})"
    for check in one.checks:
        yield from _check(check, with_changes=with_changes)
    for text in one.standing:
        yield f"         {text}"


def _check(check: Check, *, with_changes: bool) -> Iterator[str]:
    yield f"         {check.code}: {check.text}"
    if not with_changes:
        return
    for change in check.changes:
        yield f"           {change}"
    if check.instead:
        yield f"           or {' and '.join(str(change) for change in check.instead)}"
    if check.advice and not check.changes:
        yield f"           {check.advice}"


def _classes(one: AcceleratorTold, *, with_changes: bool) -> Iterator[str]:
    if not one.classes:
        return
    usable = sum(told.rank is not None for told in one.classes)
    count = len(one.classes) + one.left_out
    yield f"  accelerator classes looked at for the {one.component}: {count}, usable: {usable}"
    for told in one.classes:
        mark = f"{told.rank}." if told.rank is not None else "-"
        known = [] if told.free is None else [f"{told.free} free on {told.nodes} nodes"]
        known += [] if told.score is None else [f"{one.policy} {told.score:g}"]
        yield f"    {mark} {told.name}" + (f" ({', '.join(known)})" if known else "")
        for check in told.checks:
            yield from _check(check, with_changes=with_changes)
    if one.left_out:
        yield f"    ... and {one.left_out} more that fit less"


def _costs(report: SelectionReport) -> Iterator[str]:
    """What the accelerators cost, of a pod and of all pods that workloads begin with."""
    begun = dict(report.replicas)
    name = report.service.rpartition("/")[2]
    for one in report.accelerators:
        pods = next((count for of, count in begun.items() if of.endswith(f" {name}-{one.component}")), 1)
        for price, on in ((one.cost_per_hour, ""), (one.spot_cost_per_hour, " on spot")):
            if price is None:
                continue
            every = f", {float(price * pods):g} for its {pods} pods" if pods > 1 else ""
            yield f"  cost     {float(price):g} dollars an hour for a pod of the {one.component}{on}{every}"
