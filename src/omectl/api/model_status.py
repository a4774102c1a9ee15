"""Status of models and weights."""

from typing import Annotated

from omectl.api.conditions import Condition
from omectl.api.facts import RecordedFacts
from omectl.api.wire import Int32, Int64, Strings, WireType, keyed, one_of

ModelState = Annotated[str, one_of("Creating", "Importing", "In_Transit", "In_Training", "Ready", "Failed")]


class LifecycleStatus(WireType):
    """OME's own status fields."""

    state: ModelState
    lifecycle: str | None = None
    nodes_ready: Strings | None = None
    nodes_failed: Strings | None = None


class ModelProgress(WireType):
    """How far the nodes are, added up. Bytes count every node's copy."""

    phase: str | None = None
    nodes_wanted: Int32 | None = None
    nodes_ready: Int32 | None = None
    total_bytes: Int64 | None = None
    completed_bytes: Int64 | None = None
    bytes_per_second: Int64 | None = None


class ModelStatusSpec(LifecycleStatus):
    """Status of a base model: OME's fields, and ours that explain them."""

    conditions: Annotated[tuple[Condition, ...], keyed("type")] | None = None
    observed_generation: Int64 | None = None
    progress: ModelProgress | None = None
    facts: RecordedFacts | None = None
