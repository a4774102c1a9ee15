"""A component's workload: the object whose controller runs its pods, and what every kind of it has in common."""

from collections.abc import Callable
from dataclasses import dataclass

from omectl.api.document import as_objects, as_text, at
from omectl.api.json import JsonObject
from omectl.api.labels import MODEL_REVISION
from omectl.planner.component import Component
from omectl.planner.inputs import LiveState
from omectl.planner.metadata import Metadata
from omectl.planner.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadState:
    """What a live workload says of itself.

    `available` tells whether enough of it serves, `rolled_out` whether all of it is of the newest template. `verdict`
    is its condition of being available with the controller's own words, `failure` what keeps it from making pods, and
    `revision` its controller's number of the template; they are empty where it says nothing.
    """

    kind: str
    name: str
    available: bool
    rolled_out: bool
    verdict: Verdict
    failure: Verdict | None = None
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadKind:
    """One kind of workload: how it is named, made and read.

    `named` gives its name for `<service>-<component>`. `build` makes it from the component, its tags and its pod,
    without replicas. `read` takes the live object. `template` is the path of the pod template that serves.
    """

    api_version: str
    kind: str
    named: Callable[[str], str]
    build: Callable[[Component, Metadata, JsonObject], JsonObject]
    read: Callable[[JsonObject], WorkloadState]
    template: tuple[str, ...]

    def live_revision(self, live: LiveState, object_name: str) -> str:
        """The model's revision that the live pods have, "" when there is none."""
        found = live.get(self.kind, self.named(object_name)) or {}
        return as_text(at(found, *self.template, "metadata", "annotations", MODEL_REVISION))

    def state(self, live: LiveState, object_name: str) -> WorkloadState | None:
        """What the live workload of that component says, None when there is none."""
        found = live.get(self.kind, self.named(object_name))
        return self.read(found) if found is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One component's workload as it is to be. `pod` is the spec of the pod that serves."""

    of: WorkloadKind
    component: Component
    metadata: Metadata
    pod: JsonObject

    @property
    def api_version(self) -> str:
        """The object's apiVersion."""
        return self.of.api_version

    @property
    def kind(self) -> str:
        """The object's kind."""
        return self.of.kind

    @property
    def name(self) -> str:
        """The object's name."""
        return self.of.named(self.component.object_name)

    def manifest(self) -> JsonObject:
        """The object, which states no replicas: those are the autoscaler's."""
        return self.of.build(self.component, self.metadata, self.pod)


def told_condition(obj: JsonObject, kind: str) -> Verdict:
    """A condition of a live object as its controller tells it, empty when it tells none."""
    conditions = as_objects(at(obj, "status", "conditions"))
    found = next((one for one in conditions if one.get("type") == kind), JsonObject())
    return Verdict(as_text(found.get("status")), as_text(found.get("reason")), as_text(found.get("message")))
