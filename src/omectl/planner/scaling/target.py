"""What is scaled, and the refusals of this package."""

from typing import NamedTuple

from omectl.api.json import JsonObject
from omectl.planner.result import PlanRefused, Reason


class ScaleTarget(NamedTuple):
    """A workload with `spec.replicas` and a scale subresource."""

    api_version: str
    kind: str
    name: str

    @property
    def reference(self) -> JsonObject:
        """As autoscalers name it."""
        return {"apiVersion": self.api_version, "kind": self.kind, "name": self.name}


def invalid(where: str, wanted: str, found: object, remedy: str) -> PlanRefused:
    """The refusal of a field or annotation that has no usable value."""
    return PlanRefused(Reason.INVALID_SPEC, f"{where}: wanted {wanted}, found {found}", remedy)
