"""Whether a parallelism can work for a model on the nodes that there are."""

from collections.abc import Iterator
from dataclasses import dataclass

from omectl.planner.parallelism.problems import Code, Problem
from omectl.planner.parallelism.record import Parallelism


@dataclass(frozen=True, slots=True, kw_only=True)
class Divisions:
    """The numbers of a model that GPUs have to divide; None (and nothing positive) where nobody knows them."""

    heads: int | None = None
    key_value_heads: int | None = None
    layers: int | None = None
    experts: int | None = None


def problems_of(spread: Parallelism, model: Divisions, accelerators_per_node: int | None = None) -> tuple[Problem, ...]:
    """All that speaks against it. What is unknown speaks for it."""
    return tuple(_problems(spread, model, accelerators_per_node))


def uneven(whole: int | None, parts: int) -> bool:
    """Whether a known number cannot be split into so many equal parts."""
    return whole is not None and whole > 0 and whole % parts != 0


def _problems(spread: Parallelism, model: Divisions, per_node: int | None) -> Iterator[Problem]:
    tensor, heads, kv_heads = spread.tensor, model.heads, model.key_value_heads
    if uneven(heads, tensor):
        yield Problem(Code.HEADS_UNEVEN, str(heads), str(tensor))
    if kv_heads is not None and uneven(kv_heads, tensor) and tensor % kv_heads:
        yield Problem(Code.KEY_VALUE_HEADS_UNEVEN, str(kv_heads), str(tensor))
    if model.layers is not None and 0 < model.layers < spread.pipeline:
        yield Problem(Code.TOO_MANY_STAGES, str(model.layers), str(spread.pipeline))
    if uneven(model.experts, spread.expert):
        yield Problem(Code.EXPERTS_UNEVEN, str(model.experts), str(spread.expert))
    if spread.ranks != spread.gpus:
        code = Code.TOO_MANY_RANKS if spread.ranks > spread.gpus else Code.GPUS_DIFFER
        yield Problem(code, str(spread.gpus), str(spread.ranks))
    if per_node is not None and spread.gpus_per_pod > per_node:
        yield Problem(Code.MORE_THAN_A_NODE, str(per_node), str(spread.gpus_per_pod))
