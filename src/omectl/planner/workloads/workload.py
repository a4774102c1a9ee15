"""A component's workload: the object whose controller runs its pods, and what every kind of it has in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from omectl.api.conditions import UNKNOWN
from omectl.api.document import as_number, as_object, as_objects, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import COMPONENT, INFERENCE_SERVICE, MODEL_REVISION, REVISION_HASH
from omectl.planner.component import Component
from omectl.planner.inputs import LiveState, kind_in_words
from omectl.planner.metadata import Metadata
from omectl.planner.names import label_value
from omectl.planner.verdict import Verdict
from omectl.planner.workloads.revision_hash import revision_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadState:
    """What a live workload says of itself.

    `available` tells whether enough of it serves, `rolled_out` whether all of it is of the newest template. `verdict`
    is its condition of being available with the controller's own words, `failure` what keeps it from making pods, and
    `revision` its controller's number of the template; they are empty where it says nothing. `wanted`, `replicas` and
    `ready` count what serves by itself, a pod or a group of pods; None where it does not tell.
    """

    kind: str
    name: str
    available: bool
    rolled_out: bool
    verdict: Verdict
    failure: Verdict | None = None
    revision: str = ""
    wanted: int | None = None
    replicas: int | None = None
    ready: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the status tells of a component beside its workload's state, by the workload's own controller.

    `routed`: that controller makes the component's address, so that only `status` may tell it. `url` and `address` are
    those addresses, for clients outside the cluster and inside, "" where there is none yet.
    """

    status: JsonObject = field(default_factory=dict[str, JsonValue])
    conditions: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])
    routed: bool = False
    url: str = ""
    address: str = ""


def _nothing_more(component: Component, live: JsonObject) -> Report:
    """For kinds of which the state is all there is to tell."""
    return Report()


def _by_replicas(objects: tuple[JsonObject, ...]) -> tuple[JsonObject, ...]:
    """For kinds that have replicas, which whoever scales them sets to 0."""
    return objects


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadKind:
    """One kind of workload: how it is named, made and read.

    `named` gives the name of its object of that index for `<service>-<component>`; only those of `several` look at the
    index. `build` makes so many objects of a workload, without replicas. `service` makes the Service in front of them,
    None where another controller makes it. `read` takes the live objects and how many there are to be, `report` the
    live object, empty when there is none. `template` is the path of the pod template that serves, `worker_template`
    that of the others of a group, and `serving` what labels its pods have that others of the component do not; `marks`
    are all labels that tell its pods that serve from those of other kinds that do not. `maker` gives the name of the
    object of this kind that a pod belongs to, "" for none. `of_pods` is what of an object reaches pods, where it is
    more than `template`.
    `outdated` tells of an object and a pod whether this is an older one of it, where the controller leaves those alone.
    `stop` takes the pods from these objects where it is not done by their replicas: the objects that are left.
    `recounts`: its status may count pods of one of its name that was there before. `scalable`: others may set its
    replicas. `grouped`: one of these is several pods on as many nodes, so that nothing scales it unasked.
    """

    group: str
    version: str
    kind: str
    named: Callable[[str, int], str]
    build: Callable[["Workload", int], tuple[JsonObject, ...]]
    service: Callable[[Component, Metadata, JsonObject], JsonObject] | None
    read: Callable[[Sequence[JsonObject], int], WorkloadState]
    template: tuple[str, ...]
    maker: Callable[[JsonObject], str]
    marks: Callable[[Component], Mapping[str, str]]
    worker_template: tuple[str, ...] = ()
    report: Callable[[Component, JsonObject], Report] = _nothing_more
    of_pods: Callable[[JsonObject], Sequence[JsonValue]] | None = None
    outdated: Callable[[JsonObject, JsonObject], bool] | None = None
    stop: Callable[[tuple[JsonObject, ...]], tuple[JsonObject, ...]] = _by_replicas
    serving: Mapping[str, str] = field(default_factory=dict[str, str])
    recounts: bool = False
    scalable: bool = True
    several: bool = False
    grouped: bool = False

    @property
    def own_service(self) -> bool:
        """Whether the plan has the component's Service, and not another controller."""
        return self.service is not None

    @property
    def api_version(self) -> str:
        """The objects' apiVersion."""
        return f"{self.group}/{self.version}"

    @property
    def group_kind(self) -> str:
        """The kind with its group, which no other has."""
        return f"{self.kind}.{self.group}"

    @property
    def pod_path(self) -> str:
        """Where in an object the spec of the pod that serves is."""
        return ".".join((*self.template, "spec"))

    @property
    def workers_path(self) -> str:
        """Where in an object the spec of the other pods of a group is."""
        return ".".join((*self.worker_template, "spec"))

    def revision(self, obj: JsonObject) -> str:
        """The hash of what of an object reaches its pods."""
        parts = self.of_pods(obj) if self.of_pods is not None else (at(obj, *self.template),)
        return revision_hash(parts)

    def live_revision(self, live: LiveState, object_name: str) -> str:
        """The model's revision that the live pods have, "" when there is none."""
        found = next(iter(self._live(live, object_name, 0)), JsonObject())
        return as_text(at(found, *self.template, "metadata", "annotations", MODEL_REVISION))

    def state(self, live: LiveState, object_name: str, count: int = 0) -> WorkloadState | None:
        """What the live objects of that component say, None when there are none; of 0 as many as there are count."""
        found = self._live(live, object_name, count)
        if not found:
            return None
        return self._of_itself(self._with_age(self.read(found, count or len(found)), found, live), found[0], live)

    def _of_itself(self, state: WorkloadState, found: JsonObject, live: LiveState) -> WorkloadState:
        """The state, in which the pods of an earlier object of the same name do not count."""
        if not (self.recounts and state.available):
            return state
        pods = [pod for (kind, _), pod in live.children.items() if kind == "Pod" and self.maker(pod) == state.name]
        if not pods or not all(is_older(pod, found) for pod in pods if self._serves(pod)):
            return state
        text = f"{self.kind} {state.name} counts pods of one that is gone; next: wait for its own"
        return replace(
            state, available=False, rolled_out=False, ready=0, verdict=Verdict(UNKNOWN, "PodsLeftOver", text)
        )

    def _serves(self, pod: JsonObject) -> bool:
        labels = as_object(at(pod, "metadata", "labels"))
        return all(labels.get(key) == value for key, value in self.serving.items())

    def _with_age(self, state: WorkloadState, found: Sequence[JsonObject], live: LiveState) -> WorkloadState:
        """The state, which tells of older pods that nobody replaces."""
        outdated = self.outdated
        if outdated is None:
            return state
        pods = [pod for (kind, _), pod in live.children.items() if kind == "Pod"]
        old = [as_text(at(one, "metadata", "name")) for one in found if any(outdated(one, pod) for pod in pods)]
        if not old:
            return state
        verdict = state.verdict
        told = f"pods of {', '.join(old)} are of an older version, and their controller leaves them as they are"
        text = f"{verdict.message}; {told}; next: delete {self.kind} {old[0]}, which is made anew"
        return replace(state, rolled_out=False, verdict=replace(verdict, message=text))

    def _live(self, live: LiveState, object_name: str, count: int) -> list[JsonObject]:
        kind = kind_in_words(self.group, self.kind)
        if not self.several:
            found = live.get(kind, self.named(object_name, 0))
            return [found] if found is not None else []
        if count:
            every = (live.get(kind, self.named(object_name, index)) for index in range(count))
            return [one for one in every if one is not None]
        found_all: list[JsonObject] = []
        while (one := live.get(kind, self.named(object_name, len(found_all)))) is not None:
            found_all.append(one)
        return found_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One component's workload as it is to be.

    `pod` is the spec of the pod that serves, `workers` that of the others of its group, where they differ. `marks` are
    labels by which Services tell pods that serve from others while there are some of another kind too, and `pods_of` is
    the component that their labels name, where it is another one. `nameless`: another controller takes the name of the
    component's Service or has it still, so that its pods are reached by the service's own name. `stopped`: it is to
    have no pods.
    `revision` is the hash of what reaches its pods, "" while that is not known.
    """

    of: WorkloadKind
    component: Component
    metadata: Metadata
    pod: JsonObject
    workers: JsonObject | None = None
    stopped: bool = False
    marks: Mapping[str, str] | None = None
    pods_of: str = ""
    nameless: bool = False
    revision: str = ""

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
        """The object's name, of several the first one's."""
        return self.of.named(self.component.object_name, 0)

    @property
    def serving(self) -> Mapping[str, str]:
        """Labels, besides service and component, by which its pods that serve are told from all others."""
        return self.of.serving if self.marks is None else self.marks

    @property
    def selector(self) -> JsonObject:
        """By which Services find those pods."""
        component = self.pods_of or self.component.name
        owner = {INFERENCE_SERVICE: label_value(self.component.service.name), COMPONENT: component}
        return as_object(dict[str, JsonValue]({**owner, **self.serving}))

    @property
    def in_words(self) -> str:
        """Kind and name for a message."""
        return f"{kind_in_words(self.of.group, self.kind)} {self.name}"

    def manifests(self, count: int) -> tuple[JsonObject, ...]:
        """The objects, `count` where they are several. They state no replicas: those are the autoscaler's."""
        made = tuple(_marked(one, self.of.revision(one)) for one in self.of.build(self, count))
        return self.of.stop(made) if self.stopped else made

    def report(self, live: LiveState) -> Report:
        """What else there is to tell of it."""
        found = live.get(kind_in_words(self.of.group, self.kind), self.name)
        return self.of.report(self.component, found or {})

    def service(self) -> JsonObject | None:
        """The Service in front of the component's pods, None where another controller makes it."""
        make = self.of.service
        if make is None:
            return None
        made = make(self.component, self.metadata, self.pod)
        if self.marks is None or (self.marks == self.of.marks(self.component) and not self.pods_of):
            return made
        return {**made, "spec": {**as_object(made["spec"]), "selector": self.selector}}


def is_older(pod: JsonObject, maker: JsonObject) -> bool:
    """Whether the pod was there before the object that is to have made it: then another of its name did."""
    made, born = (as_text(at(one, "metadata", "creationTimestamp")) for one in (pod, maker))
    return "" < made < born


def by_label(key: str) -> Callable[[JsonObject], str]:
    """Reads the maker of a pod from a label that its controller sets."""
    return lambda pod: as_text(at(pod, "metadata", "labels", key))


def _marked(obj: JsonObject, revision: str) -> JsonObject:
    """The object, which says what its pods are made of."""
    metadata = as_object(obj["metadata"])
    return {**obj, "metadata": {**metadata, "labels": {**as_object(metadata.get("labels")), REVISION_HASH: revision}}}


def revision_of(objects: Sequence[JsonObject]) -> str:
    """The hash that a workload's objects are marked with, "" of none."""
    return as_text(at(objects[0], "metadata", "labels", REVISION_HASH)) if objects else ""


def told_condition(obj: JsonObject, kind: str) -> Verdict:
    """A condition of a live object as its controller tells it, empty when it tells none."""
    conditions = as_objects(at(obj, "status", "conditions"))
    found = next((one for one in conditions if one.get("type") == kind), JsonObject())
    return Verdict(as_text(found.get("status")), as_text(found.get("reason")), as_text(found.get("message")))


def told_numbers(obj: JsonObject) -> tuple[int, int, int]:
    """Wanted, present and ready replicas of a live object that has them in the fields that Deployments have."""
    status = as_object(obj.get("status"))
    wanted = at(obj, "spec", "replicas")
    return (
        wanted if isinstance(wanted, int) else 1,
        as_number(status.get("replicas")),
        as_number(status.get("readyReplicas")),
    )
