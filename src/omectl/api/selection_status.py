"""What a service's status tells of the choices made for it, and remembers of them. OME's status has no such part."""

from typing import Annotated

from omectl.api.wire import ATOMIC, Flag, Int32, Int64, Strings, WireType


class RuntimeName(WireType):
    """A runtime of the service's namespace or of the cluster, by its kind."""

    kind: str
    name: str


class SelectedRuntime(RuntimeName):
    """The runtime that a service has. `entry` is the index of the supported format that takes the model."""

    entry: Int32 | None = None


class RuntimeMiss(RuntimeName):
    """A runtime that comes near. `codes` are the reasons against it."""

    codes: Annotated[Strings, ATOMIC] | None = None


class SelectedClass(WireType):
    """The accelerator class that a component has, and how it came to it.

    `ask` is a mark of what a policy was asked for: the class is kept while it stays the same.
    """

    accelerator_class: str
    reason: str | None = None
    policy: str | None = None
    ask: str | None = None


class FitSummary(WireType):
    """Whether the engine fits on its accelerators. `needed` and `memory` are quantities for one of them."""

    verdict: str
    needed: str | None = None
    memory: str | None = None
    context: Int64 | None = None
    largest_context: Int64 | None = None
    largest_concurrency: Int64 | None = None


class SelectionStatus(WireType):
    """The choices. `reason` says how the last selection of a runtime ended.

    `runtime`, `accelerators`, `inputs` and `reselect` are what was chosen when the service was last planned, and by
    what: a mark of service and model, and the value of the annotation that asks for a new choice.
    `nearest` are runtimes that come near, when none is taken; `passed_over` counts all that were looked at then.
    """

    reason: str
    runtime: SelectedRuntime | None = None
    ambiguous: Flag | None = None
    better_candidate: RuntimeName | None = None
    ranking: str | None = None
    accelerators: dict[str, SelectedClass] | None = None
    fit: FitSummary | None = None
    nearest: Annotated[tuple[RuntimeMiss, ...], ATOMIC] | None = None
    passed_over: Int32 | None = None
    inputs: str | None = None
    reselect: str | None = None
