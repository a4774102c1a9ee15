"""How many accelerators a pod asks for: whatever their resource is called, and never fewer than somebody needs."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from omectl.api.document import as_object, at
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.parallelism.problems import Code, Problem
from omectl.planner.parallelism.record import Parallelism

_NAMES: Final = re.compile(
    r"nvidia\.com/(gpu|gpu\.shared|mig-[\w.-]+)|amd\.com/gpu|gpu\.intel\.com/(?!.*memory)[\w.-]+|habana\.ai/gaudi"
    r"|google\.com/tpu|aws\.amazon\.com/(neuron|neurondevice)|huawei\.com/[Aa]scend\w*|hygon\.com/dcu"
    r"|cambricon\.com/\w*mlu\w*|kunlunxin\.com/xpu|metax-tech\.com/gpu|mthreads\.com/gpu|qualcomm\.com/qaic"
)
"""Resources of the vendors' device plugins that stand for one accelerator each, as their documentation names them."""
_LONGEST: Final = 9


@dataclass(frozen=True, slots=True)
class Count:
    """Accelerators for one pod, and what disagrees about it."""

    accelerators: int
    problems: tuple[Problem, ...] = ()


def accelerators(container: JsonObject, names: Collection[str] = ()) -> int:
    """Accelerators of a container, of all kinds together: limits before requests, for each resource.

    `names` are further resources that count, such as those of accelerator classes. What is no whole number is 0.
    """
    limits, requests = (as_object(at(container, "resources", part)) for part in ("limits", "requests"))
    known = {name for name in {*limits, *requests} if name in names or _NAMES.fullmatch(name)}
    return sum(_whole(limits.get(name)) or _whole(requests.get(name)) for name in known)


def gpu_count(parallelism: Parallelism, *, requested: int, unit: int = 1, own: int | None = None) -> Count:
    """Accelerators that each pod is to ask for (D 5).

    The most of what the runtime asks for (`requested`) and what the parallelism needs, in the class's `unit` for each
    rank: nothing shrinks. `own` is what the service itself asks for; it wins, and too little is a problem.
    """
    ranks = -(-parallelism.ranks // max(parallelism.pods, 1))
    needed = ranks * max(unit, 1)
    if own is not None:
        small = (Problem(Code.COUNT_TOO_SMALL, str(needed), str(own)),) if own < needed else ()
        return Count(own, small)
    if requested > needed:
        return Count(requested, (Problem(Code.COUNT_RAISED, str(requested), str(needed)),))
    return Count(needed)


def _whole(value: JsonValue) -> int:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else 0
