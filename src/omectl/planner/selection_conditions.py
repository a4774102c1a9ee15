"""The conditions that tell of a service's choices: `RuntimeSelected`, `AcceleratorSelected` and `Fits`.

`Ready` does not rest on them: where one of them is in the way of a plan, the plan's problem says so. As in the rest of
the status, no message holds what changes with the pods of others.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from omectl.api.conditions import FALSE, TRUE, UNKNOWN
from omectl.api.labels import RESELECT
from omectl.planner.accelerators.decision import ClassDecision
from omectl.planner.accelerators.decision import Outcome as ClassOutcome
from omectl.planner.fit import EngineFit
from omectl.planner.fit import Verdict as Fit
from omectl.planner.fit.words import need_in_words, obstacle_of, shorter_in_words, terms_in_words
from omectl.planner.names import DECODER
from omectl.planner.result import Explanation, Problem, Reason
from omectl.planner.selection.choice import Outcome
from omectl.planner.selection_status import kind_of, settled_reason
from omectl.planner.verdict import Verdict

RUNTIME_SELECTED: Final = "RuntimeSelected"
ACCELERATOR_SELECTED: Final = "AcceleratorSelected"
FITS: Final = "Fits"

AMBIGUOUS: Final = "Ambiguous"
BETTER: Final = "BetterCandidate"
NOT_DECIDED: Final = "NotDecided"

_NAMES: Final = 8
_WORST_FIRST: Final = (FALSE, UNKNOWN, TRUE)
_REFUSALS: Final = frozenset(
    {Outcome.RUNTIME_NOT_FOUND, Outcome.RUNTIME_UNSUITABLE, Outcome.NONE_FITS, Outcome.AMBIGUOUS}
)


def selection_verdicts(told: Explanation, problem: Problem | None = None) -> dict[str, Verdict]:
    """The conditions by their types. Those of classes and fit are there only when one was asked for or estimated."""
    found = {RUNTIME_SELECTED: _runtime(told, problem)}
    asked = [one for one in told.accelerators if one.outcome is not ClassOutcome.NOT_ASKED]
    if asked:
        found[ACCELERATOR_SELECTED] = _classes(asked, problem)
    fits = [_fits(told.fit)] if told.fit is not None else []
    if told.decoder_fit is not None:
        decoder = _fits(told.decoder_fit)
        fits.append(replace(decoder, message=f"{DECODER}: {decoder.message}"))
    if fits:
        found[FITS] = min(fits, key=lambda one: _WORST_FIRST.index(one.status))
    return found


def _runtime(told: Explanation, problem: Problem | None) -> Verdict:
    outcome = told.outcome
    if not outcome:
        return Verdict.informing(UNKNOWN, NOT_DECIDED, "no runtime was looked for yet; next: see Ready")
    if problem is not None and outcome in _REFUSALS:
        return Verdict.informing(FALSE, outcome, _with_step(problem))
    if problem is not None and outcome == Outcome.MODEL_UNKNOWN:
        return Verdict.informing(UNKNOWN, outcome, _with_step(problem))
    name = f"{kind_of(told.scope)} {told.runtime}" if told.runtime else "the engine's own runner"
    if told.better is not None:
        scope, better = told.better
        text = (
            f"{name} is kept, and {kind_of(scope)} {better} would be chosen today; "
            f"next: to change over, set the service's annotation {RESELECT} to a new value"
        )
        return Verdict.informing(TRUE, BETTER, text)
    if told.ambiguous:
        more = f" and {len(told.tied) - _NAMES} more" if len(told.tied) > _NAMES else ""
        text = (
            f"{name}: runtimes {', '.join(told.tied[:_NAMES])}{more} fit equally well; "
            "next: name one in spec.runtime, or give their formats different priorities"
        )
        return Verdict.informing(TRUE, AMBIGUOUS, text)
    return Verdict.informing(TRUE, settled_reason(told), f"{name}: {_why(told)}")


def _why(told: Explanation) -> str:
    if told.outcome != Outcome.NAMED_DESPITE_MISMATCH:
        return told.runtime_reason
    against = "; ".join(told.candidates[0].reasons)
    step = "make sure that it serves the model, or name another one"
    return f"{told.runtime_reason}, although it does not list the model ({against}); next: {step}"


def _classes(asked: Sequence[ClassDecision], problem: Problem | None) -> Verdict:
    without = next((one for one in asked if not one.class_name), None)
    if without is not None:
        told = problem is not None and problem.reason == Reason.ACCELERATOR
        text = _with_step(problem) if problem is not None and told else f"{without.component}: {without.text}"
        return Verdict.informing(FALSE, without.outcome.value, text)
    text = "; ".join(f"{one.component}: AcceleratorClass {one.class_name}, {_how(one)}" for one in asked)
    return Verdict.informing(TRUE, asked[0].came_by.value, text)


def _how(decision: ClassDecision) -> str:
    return f"chosen by policy {decision.policy}" if decision.policy else decision.text


def _fits(fit: EngineFit) -> Verdict:
    found, obstacle = fit.report, obstacle_of(fit)
    if obstacle is not None:
        return Verdict.informing(FALSE, obstacle.code, f"{obstacle.text}; next: {obstacle.step}")
    need = need_in_words(found)
    if not found.terms:
        step = "state spec.modelParameterSize of the model, or wait for an agent to read its files"
        return Verdict.informing(UNKNOWN, "ModelSizeUnknown", f"{need}; next: {step}")
    need += f" ({terms_in_words(found)})"
    if found.verdict is Fit.UNKNOWN:
        step = "name an AcceleratorClass that states capabilities.memoryGB (spec.acceleratorSelector)"
        return Verdict.informing(UNKNOWN, "MemoryUnknown", f"{need}; next: {step}")
    if found.verdict is Fit.TIGHT:
        step = f"give the engine a larger share of the memory, {shorter_in_words(found)}or leave it so"
        return Verdict.informing(TRUE, "Tight", f"{need}; next: {step}")
    return Verdict.informing(TRUE, "Fits", need)


def _with_step(problem: Problem) -> str:
    return f"{problem.message}; next: {problem.next_step}"
