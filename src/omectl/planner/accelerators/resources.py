"""Names of extended resources, and how many of them something asks for.

Which resources are accelerators is told by their names alone, whoever the vendor is: by the class's own list, or where
nothing lists any, by the names under which device plugins offer whole or partitioned accelerators.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from omectl.api.document import as_object
from omectl.api.json import JsonObject, JsonValue
from omectl.api.quantity import Quantity, QuantityError

_NAMES: Final = re.compile(
    r"nvidia\.com/(gpu|gpu\.shared|mig-[\w.-]+)|amd\.com/(gpu|[cdqst]px_[\w.-]+)|habana\.ai/gaudi|google\.com/tpu"
    r"|aws\.amazon\.com/(neuron|neurondevice)|huawei\.com/[Aa]scend\w*|hygon\.com/dcu|cambricon\.com/\w*mlu\w*"
    r"|kunlunxin\.com/xpu|metax-tech\.com/gpu|mthreads\.com/gpu|qualcomm\.com/qaic|tenstorrent\.com/n[13]\w+"
)
"""Resources of the vendors' device plugins that stand for one accelerator each, as their documentation names them."""
_INTEL: Final = "gpu.intel.com/"
_INTEL_NO_DEVICES: Final = ("memory", "millicores", "tiles", "monitoring")
"""Parts of names under which Intel's plugin offers shares of a device, or the right to look at all of them."""


def is_accelerator(name: str) -> bool:
    """Whether a resource of that name counts whole accelerators, or partitions that are used like whole ones."""
    if name.startswith(_INTEL):
        return not any(part in name for part in _INTEL_NO_DEVICES)
    return _NAMES.fullmatch(name) is not None


def counted(listed: Iterable[str]) -> tuple[str, ...]:
    """Of the resources that a class lists, those that count its accelerators: the known ones, else the first.

    What else a class lists, such as a network device, only accompanies them.
    """
    names = tuple(dict.fromkeys(name for name in listed if name))
    return tuple(name for name in names if is_accelerator(name)) or names[:1]


def whole(value: JsonValue) -> int | None:
    """A count that is a whole number of 0 or more; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        amount = Quantity.parse(value).amount
    except QuantityError:
        return None
    return int(amount) if amount >= 0 and amount.denominator == 1 else None


def container_counts(container: JsonObject) -> Mapping[str, int]:
    """What a container asks for of each resource that is asked for in whole units: requests, else limits.

    An extended resource has both alike; where only the limit is written, the API server copies it.
    """
    resources = as_object(container.get("resources"))
    asked = {**as_object(resources.get("limits")), **as_object(resources.get("requests"))}
    return {name: count for name, value in asked.items() if (count := whole(value))}


def accelerators_asked(container: JsonObject, listed: Iterable[str] = ()) -> int:
    """How many accelerators a container asks for: of the resources that a class lists, else of all known names."""
    counts = container_counts(container)
    names = counted(listed)
    return sum(count for name, count in counts.items() if (name in names if names else is_accelerator(name)))
