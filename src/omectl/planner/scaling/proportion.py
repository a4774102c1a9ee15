"""Components whose number follows that of another: `spec.scalingPolicy`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from omectl.api.inference_service import InferenceService
from omectl.api.quantity import Quantity, QuantityError
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.scaling.bounds import MOST_REPLICAS
from omectl.planner.scaling.target import invalid

_FIELD: Final = "spec.scalingPolicy"


@dataclass(frozen=True, slots=True)
class Proportion:
    """The component that sets the pace, and how many replicas each follower has for one of its."""

    anchor: str
    ratios: Mapping[str, Fraction]

    def follows(self, component: str) -> bool:
        """Whether the component's number is not its own."""
        return component in self.ratios

    def replicas(self, component: str, anchor_replicas: int) -> int:
        """The follower's number: rounded up, so that it is 0 only when the anchor's is."""
        return min(ceil(self.ratios[component] * anchor_replicas), MOST_REPLICAS)


def proportion(service: InferenceService, components: Collection[str]) -> Proportion | None:
    """What the service asks for; None when each component goes its own way. Raises `PlanRefused`."""
    policy = service.spec.scaling_policy
    if policy is None or policy.mode == "Independent":
        if policy is not None and policy.proportional is not None:
            message = f"{_FIELD}: proportional is set, and mode is Independent"
            raise PlanRefused(Reason.INVALID_SPEC, message, "set mode to Proportional, or remove proportional")
        return None
    if policy.mode == "Pinned":
        message = f"{_FIELD}.mode asks for Pinned, which is not supported yet"
        raise PlanRefused(Reason.NOT_SUPPORTED_YET, message, "give each component an autoscaler of class None instead")
    if policy.mode != "Proportional":
        raise invalid(f"{_FIELD}.mode", "Independent, Proportional", policy.mode, "correct it")
    stated = policy.proportional
    if stated is None or stated.anchor not in components:
        found = stated.anchor if stated is not None and stated.anchor else "nothing"
        wanted = f"a component of the service ({', '.join(components)})"
        raise invalid(f"{_FIELD}.proportional.anchor", wanted, found, "correct it")
    ratios: dict[str, Fraction] = {}
    for name, text in sorted((stated.ratios or {}).items()):
        where = f"{_FIELD}.proportional.ratios.{name}"
        if name not in components or name == stated.anchor:
            wanted = "another component of the service than the anchor"
            raise invalid(where, wanted, name, "remove it, or add the component")
        ratios[name] = _ratio(text, where)
    if not ratios:
        raise invalid(f"{_FIELD}.proportional.ratios", "a ratio for one component at least", "none", "add one")
    return Proportion(stated.anchor, ratios)


def _ratio(text: int | str, where: str) -> Fraction:
    try:
        amount = Quantity.parse(text).amount
    except QuantityError:
        amount = Fraction(0)
    if amount <= 0:
        raise invalid(where, "a quantity above 0, such as 2 or 500m", repr(text), "correct it")
    return amount
