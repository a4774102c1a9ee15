"""How few and how many replicas a component may have."""

from dataclasses import dataclass
from typing import Final

from omectl.planner.component import Component
from omectl.planner.names import ROUTER
from omectl.planner.scaling.target import invalid

MOST_REPLICAS: Final = 10_000
"""More is a slip: no cluster runs so many pods of one model."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """Bounds; `least` is 0 only where something can wake the component, `most` is at least 1."""

    least: int
    most: int

    @property
    def initial(self) -> int:
        """How many to begin with. One at least: who scales to zero sees the first start too."""
        return max(self.least, 1)


def replicas(component: Component, *, zero: bool = False) -> Replicas:
    """The service's bounds, else the runtime's, else 1 to 3 (a router: 1 to 2). An upper bound of 0 is absent.

    Without `zero` the lower bound is 1 at least. Raises `PlanRefused`.
    """
    scaling = component.scaling
    for name, number in (("minReplicas", scaling.min_replicas), ("maxReplicas", scaling.max_replicas)):
        if number is not None and not 0 <= number <= MOST_REPLICAS:
            raise invalid(component.origin(name), f"a number from 0 to {MOST_REPLICAS}", number, "correct it")
    least = scaling.min_replicas if scaling.min_replicas is not None else 1
    most = scaling.max_replicas or (2 if component.name == ROUTER else 3)
    if scaling.max_replicas and most < least and _same_author(component):
        wanted = f"at least minReplicas ({least})"
        raise invalid(component.origin("maxReplicas"), wanted, most, "raise maxReplicas or lower minReplicas")
    least = least if zero else max(least, 1)
    return Replicas(least, max(most, least))


def _same_author(component: Component) -> bool:
    """Whether one and the same author wrote both bounds; a service may well ask for more than its runtime's most."""
    own = {name for one in component.asked for name in ("minReplicas", "maxReplicas") if name in one}
    return len(own) != 1
