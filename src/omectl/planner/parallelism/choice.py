"""Choosing a parallelism: what authors say, else the fewest GPUs of as few nodes as possible that hold the model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import gcd
from typing import Final, TypeAlias

from omectl.planner.parallelism.problems import Problem
from omectl.planner.parallelism.reading import Stated
from omectl.planner.parallelism.record import Parallelism
from omectl.planner.parallelism.validation import Divisions, problems_of, uneven

MOST_NODES: Final = 16
"""More pods than this are only made when an author asks for them."""

Holds: TypeAlias = Callable[[Parallelism], bool]
"""Whether the model fits when spread so."""


class Basis(StrEnum):
    """What decided."""

    STATED = "Stated"
    """Flags or overrides."""
    REQUESTED = "Requested"
    """The number of GPUs that the pod asks for."""
    SMALLEST_FIT = "SmallestFit"
    """The fewest GPUs that hold the model."""
    NOTHING_FITS = "NothingFits"
    """No spread within the bounds holds the model; this is the widest of one node."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A parallelism, what decided it, and what speaks against it."""

    parallelism: Parallelism
    basis: Basis
    problems: tuple[Problem, ...] = ()


def choose(
    stated: Stated,
    model: Divisions,
    holds: Holds,
    *,
    requested: int = 0,
    pods: int = 1,
    accelerators_per_node: int | None = None,
) -> Choice:
    """The parallelism of one replica (D 6). Total: whatever is asked for gives a choice, with its problems.

    `requested` is the number of GPUs that each pod asks for (0: nobody does), `pods` how many pods there are by the
    runtime's template. What authors state is kept. With neither, a single node comes before several (D 9).
    """
    pods = max(pods, 1)
    if stated.tensor or stated.pipeline or stated.data:
        basis, spread = Basis.STATED, _stated(stated, model, requested, pods)
    elif requested > 0:
        basis, spread = Basis.REQUESTED, _requested(stated, model, requested, pods)
    else:
        basis, spread = _smallest(stated, model, holds, max(accelerators_per_node or 1, 1))
    return Choice(spread, basis, problems_of(spread, model, accelerators_per_node))


def deployed(stated: Stated | None, accelerators: int, pods: int = 1) -> Parallelism:
    """The parallelism of an engine as it stands: what its flags do not say is 1, as engines have it.

    `stated` is None for an engine whose flags nobody can read; it is taken to use every accelerator for each layer.
    """
    accelerators, pods = max(accelerators, 1), max(pods, 1)
    if stated is None:
        return Parallelism(tensor=accelerators * pods, gpus_per_pod=accelerators, pods=pods)
    return Parallelism(
        tensor=stated.tensor or 1,
        pipeline=stated.pipeline or 1,
        data=stated.data or 1,
        expert=stated.expert or 1,
        gpus_per_pod=accelerators,
        pods=pods,
    )


def _stated(stated: Stated, model: Divisions, requested: int, pods: int) -> Parallelism:
    """The numbers as they are; a missing tensor size takes what the pod's GPUs leave for it, the others are 1."""
    pipeline, data = stated.pipeline or 1, stated.data or 1
    tensor = stated.tensor
    if tensor is None:
        tensor = _tensor(max(requested * pods // (pipeline * data), 1), model)
    ranks = tensor * pipeline * data
    per_pod = requested if requested > 0 else -(-ranks // pods)
    return Parallelism(
        tensor=tensor, pipeline=pipeline, data=data, expert=stated.expert or 1, gpus_per_pod=per_pod, pods=pods
    )


def _requested(stated: Stated, model: Divisions, requested: int, pods: int) -> Parallelism:
    """As many tensor-parallel GPUs as the heads allow, stages for what is left."""
    gpus = requested * pods
    tensor = _tensor(gpus, model)
    return Parallelism(
        tensor=tensor, pipeline=gpus // tensor, expert=stated.expert or 1, gpus_per_pod=requested, pods=pods
    )


def _tensor(gpus: int, model: Divisions) -> int:
    """The largest size that divides the GPUs and the heads; all GPUs when the heads are unknown."""
    return gcd(gpus, model.heads) if model.heads and model.heads > 0 else gpus


def _smallest(stated: Stated, model: Divisions, holds: Holds, per_node: int) -> tuple[Basis, Parallelism]:
    expert = stated.expert or 1
    single = list(_single_node(model, per_node, expert))
    widest = single[-1]
    for spread in (*single, *_several_nodes(model, widest)):
        if holds(spread):
            return Basis.SMALLEST_FIT, spread
    return Basis.NOTHING_FITS, widest


def _single_node(model: Divisions, per_node: int, expert: int) -> Iterator[Parallelism]:
    """Powers of two, and all accelerators of the node, where the heads allow it."""
    sizes = {1 << bit for bit in range(per_node.bit_length())} | {per_node}
    for size in sorted(sizes):
        if not uneven(model.heads, size):
            yield Parallelism(tensor=size, expert=expert, gpus_per_pod=size)


def _several_nodes(model: Divisions, widest: Parallelism) -> Iterator[Parallelism]:
    """Stages over nodes, each node as wide as one can be."""
    layers = model.layers if model.layers is not None and model.layers > 0 else MOST_NODES
    for pods in range(2, min(MOST_NODES, layers) + 1):
        yield Parallelism(
            tensor=widest.tensor, pipeline=pods, expert=widest.expert, gpus_per_pod=widest.gpus_per_pod, pods=pods
        )
