"""References from one object to another."""

from typing import Annotated

from omectl.api.kinds import GROUP
from omectl.api.wire import REQUIRED, Flag, Strings, WireType


class ObjectReference(WireType):
    """An object by name; for a base model a missing namespace means cluster scope."""

    name: Annotated[str, REQUIRED] = ""
    namespace: str | None = None


class ModelRef(WireType):
    """The model that a service serves."""

    name: str
    kind: str = "ClusterBaseModel"
    api_group: str = GROUP
    fine_tuned_weights: Strings | None = None


class ServingRuntimeRef(WireType):
    """The runtime that a service insists on. Without `auto_sync` the service keeps it as it was when it was taken."""

    name: str
    kind: str = "ClusterServingRuntime"
    api_group: str = GROUP
    auto_sync: Flag | None = None
