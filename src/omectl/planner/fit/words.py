"""What an estimate says, in words."""

from dataclasses import dataclass
from typing import Final

from omectl.planner.fit.deployment import EngineFit
from omectl.planner.fit.report import FitReport, Verdict
from omectl.planner.parallelism import Code, Problem

_GIB: Final = 1 << 30
_DOES_NOT_FIT: Final = "DoesNotFit"
_SPLITS: Final = {
    Code.HEADS_UNEVEN: "{wanted} attention heads cannot be split over {found} tensor-parallel accelerators",
    Code.TOO_MANY_STAGES: "{found} pipeline stages are more than the {wanted} layers",
    Code.EXPERTS_UNEVEN: "{wanted} experts cannot be split over {found} accelerators",
    Code.TOO_MANY_RANKS: "the engine spreads over {found} accelerators, and its pods ask for {wanted} only",
    Code.MORE_THAN_A_NODE: "a pod asks for {found} accelerators, and no node of the class has more than {wanted}",
}
_WASTES: Final = {
    Code.KEY_VALUE_HEADS_UNEVEN: "{wanted} key-value heads do not go into {found} accelerators, nor these into them",
    Code.GPUS_DIFFER: "the engine spreads over {found} accelerators, and its pods ask for {wanted}",
    Code.COUNT_RAISED: "a pod asks for {wanted} accelerators, and its class needs {found} for the parallelism",
    Code.COUNT_TOO_SMALL: "the service asks for {found} accelerators, and the class's parallelism needs {wanted}",
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps an engine from working, by a code and in words, and what to do."""

    code: str
    text: str
    step: str


def in_gib(count: int) -> str:
    """Bytes as GiB, to one decimal."""
    return f"{count / _GIB:.1f} GiB"


def need_in_words(found: FitReport) -> str:
    """What one accelerator needs, and of how much."""
    if not found.terms:
        return "the model's size is unknown"
    of = f" of {in_gib(found.memory_bytes)}" if found.memory_bytes is not None else ", of an unknown memory"
    return f"each accelerator needs {in_gib(found.required_bytes)}{of}"


def terms_in_words(found: FitReport) -> str:
    """Of what the need is made, and for which work."""
    terms = ", ".join(f"{term.name.value} {in_gib(term.bytes)}" for term in found.terms)
    return f"{terms}, for {found.concurrency} at once of {found.context} tokens"


def problem_in_words(problem: Problem) -> str:
    """What is wrong with a parallelism."""
    known = (_SPLITS | _WASTES).get(problem.code, "wanted {wanted}, found {found}")
    text = known.format(wanted=problem.wanted, found=problem.found)
    return f"{problem.subject}: {text}" if problem.subject else text


def obstacle_of(fit: EngineFit) -> Obstacle | None:
    """What keeps an engine from working on its accelerators, the memory first; None when nothing is known to."""
    found = fit.report
    if found.verdict is Verdict.DOES_NOT_FIT:
        step = f"{shorter_in_words(found)}spread the model over more accelerators, or use a class with more memory"
        return Obstacle(_DOES_NOT_FIT, f"{need_in_words(found)} ({terms_in_words(found)})", step)
    for problem in fit.problems:
        if problem.code in _SPLITS:
            text = problem_in_words(problem)
            smaller = problem.code is Code.MORE_THAN_A_NODE
            step = "ask for fewer, or use a class with larger nodes" if smaller else "correct the engine's parallelism"
            return Obstacle(problem.code.value, text, step)
    return None


def shorter_in_words(found: FitReport) -> str:
    """The advice to serve a shorter context, where one would fit, to be followed by other advice."""
    return f"serve a context of at most {found.largest_context} tokens, " if found.largest_context else ""
