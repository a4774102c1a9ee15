"""How a component is scaled: the object that does it, or the number that nobody else sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api.document import as_number, as_object, as_text, as_texts, at
from omectl.api.json import JsonObject
from omectl.api.labels import COMPONENT, REPLICAS_BEFORE_STOP
from omectl.api.settings import KedaSettings
from omectl.planner.component import Component
from omectl.planner.dialects import SGLANG, dialect_of
from omectl.planner.inputs import LiveState
from omectl.planner.metadata import Metadata
from omectl.planner.names import ENGINE
from omectl.planner.result import PlanRefused, Reason, Scale
from omectl.planner.scaling.bounds import Replicas, replicas
from omectl.planner.scaling.choice import ScalerChoice, ScalerClass, ScalerSource, choose_scaler
from omectl.planner.scaling.hpa import horizontal_pod_autoscaler
from omectl.planner.scaling.keda import scaled_object
from omectl.planner.scaling.proportion import Proportion
from omectl.planner.scaling.queries import Queries
from omectl.planner.scaling.target import ScaleTarget, invalid

_WORKLOADS: Final = frozenset({"Deployment", "LeaderWorkerSet"})
_METRICS_SWITCH: Final = "--enable-metrics"


@dataclass(frozen=True, slots=True)
class EngineMetrics:
    """Which engine a component's pods run, "" when that is not known, and whether it publishes its metrics."""

    family: str
    published: bool


def engine_metrics(container: JsonObject) -> EngineMetrics:
    """What is known of the container that serves. SGLang publishes nothing unless it is told to."""
    command, args = as_texts(container.get("command")), as_texts(container.get("args"))
    dialect = dialect_of(as_text(container.get("image")), command, args)
    silent = dialect is SGLANG and not any(_METRICS_SWITCH in word for word in (*command, *args))
    return EngineMetrics(dialect.name if dialect is not None else "", published=not silent)


@dataclass(frozen=True, slots=True)
class Scaling:
    """How one component is scaled. `pinned` is its number where the plan itself sets it, else None.

    `built_in`: its workload has no number that anybody else could set. Knative's scales itself between the bounds, and
    of RayClusters there are as many as replicas. `stopped`: there are to be no pods, and `before` is how many replicas
    there were.
    """

    component: Component
    choice: ScalerChoice
    target: ScaleTarget
    bounds: Replicas
    scaler: JsonObject | None = None
    pinned: int | None = None
    warnings: tuple[str, ...] = ()
    built_in: bool = False
    stopped: bool = False
    before: int = 0

    @property
    def scale(self) -> Scale:
        """The bounds as they hold: what something else scales has no upper one that is known here."""
        if self.stopped:
            return Scale(component=self.component.name, pods=self.component.pods, least=0, most=0)
        scaled = self.built_in or self.choice.scaler_class is not ScalerClass.EXTERNAL
        most = self.pinned if self.pinned is not None else (self.bounds.most if scaled else None)
        # A RayCluster has a worker at least.
        pods = max(self.component.pods, 2 if self.built_in and self.pinned is not None else 1)
        return Scale(component=self.component.name, pods=pods, least=self.bounds.least, most=most)

    def pin(self, workload: JsonObject) -> JsonObject:
        """The workload, which states its replicas only when nobody else sets them."""
        if self.pinned is None or self.built_in:
            return workload
        pinned: JsonObject = {**workload, "spec": {**as_object(workload.get("spec")), "replicas": self.pinned}}
        if not self.stopped:
            return pinned
        metadata = as_object(workload["metadata"])
        annotations: JsonObject = {**as_object(metadata.get("annotations")), REPLICAS_BEFORE_STOP: str(self.before)}
        return {**pinned, "metadata": {**metadata, "annotations": annotations}}

    @property
    def status(self) -> JsonObject:
        """What is reported of it on the component."""
        if self.built_in:
            return {}
        chosen = self.choice.scaler_class
        found: JsonObject = {
            "autoscaler": {
                "class": chosen.value,
                "managedBy": chosen.managed_by,
                "specSource": self.choice.source.value,
            }
        }
        if chosen is ScalerClass.EXTERNAL:
            found["scaleTargetRef"] = self.target.reference
        return found


def scale(
    component: Component,
    metadata: Metadata,
    target: ScaleTarget,
    settings: KedaSettings,
    engine: EngineMetrics,
    *,
    unasked: bool = True,
) -> Scaling:
    """How a component that follows no other is scaled; `unasked`: also when nobody says so. Raises `PlanRefused`."""
    choice = choose_scaler(component)
    if choice.source is ScalerSource.DEFAULT and not unasked:
        choice = ScalerChoice(ScalerClass.NONE, ScalerSource.DEFAULT)
    bounds = replicas(component, zero=choice.scaler_class is ScalerClass.KEDA)
    _check_block(component, choice)
    if choice.scaler_class is ScalerClass.HPA:
        stated = choice.block.hpa if choice.block is not None else None
        made = horizontal_pod_autoscaler(component, metadata, target, bounds, stated)
        return Scaling(component, choice, target, bounds, made)
    if choice.scaler_class is ScalerClass.KEDA:
        queries = Queries(component, target, bounds, engine.family)
        stated_keda = choice.block.keda if choice.block is not None else None
        made, warnings = scaled_object(component, metadata, queries, stated_keda, settings)
        if not engine.published and f"{SGLANG.name}:" in str(at(made, "spec", "triggers")):
            silent = f"{component.name}: KEDA asks for SGLang's metrics, which it publishes only with {_METRICS_SWITCH}"
            warnings = (*warnings, silent)
        return Scaling(component, choice, target, bounds, made, warnings=warnings)
    pinned = bounds.initial if choice.scaler_class is ScalerClass.NONE else None
    warnings = ()
    if choice.source is ScalerSource.DEFAULT and (component.scaling.max_replicas or 0) > bounds.initial:
        field = component.origin("maxReplicas")
        warnings = (f"{field} has no effect: groups of nodes are scaled only when an autoscaler is asked for",)
    return Scaling(component, choice, target, bounds, pinned=pinned, warnings=warnings)


def built_in(component: Component, target: ScaleTarget, *, zero: bool) -> Scaling:
    """How a component is scaled whose workload knows no other scaler. `zero`: it can do without pods.

    Raises `PlanRefused`.
    """
    choice = choose_scaler(component)
    bounds = replicas(component, zero=zero)
    warnings: tuple[str, ...] = ()
    if choice.source is not ScalerSource.DEFAULT and choice.scaler_class is not ScalerClass.NONE:
        told = f"{component.name}: class {choice.scaler_class.value} has no effect"
        warnings = (f"{told}: a {target.kind} of {target.api_version} has no replicas that it could set",)
    return Scaling(
        component, choice, target, bounds, pinned=None if zero else bounds.least, warnings=warnings, built_in=True
    )


def follow(component: Component, target: ScaleTarget, pace: Proportion, anchor: Scaling, live: LiveState) -> Scaling:
    """How a component is scaled whose number follows its anchor's. Raises `PlanRefused`."""
    choice = choose_scaler(component)
    if choice.source is not ScalerSource.DEFAULT and choice.scaler_class is not ScalerClass.NONE:
        also = f"has class {choice.scaler_class.value} too"
        message = f"the {component.name} follows the {pace.anchor} by spec.scalingPolicy, and {also}"
        raise PlanRefused(Reason.INVALID_SPEC, message, "remove the ratio or the autoscaler")
    running = live.get(anchor.target.kind, anchor.target.name)
    count = anchor.pinned if anchor.pinned is not None else anchor.bounds.initial
    if running is not None and anchor.pinned is None:
        count = _count(running)
    chosen = ScalerChoice(ScalerClass.NONE, ScalerSource.SERVICE)
    number = pace.replicas(component.name, count)
    return Scaling(component, chosen, target, Replicas(number, max(number, 1)), pinned=number)


def initial_replicas(scaling: Scaling, live: LiveState) -> int:
    """How many replicas to make the workload with: as many as the one has that it replaces, within the bounds.

    A replica is what serves by itself, be it a pod or a group of pods, so numbers of other kinds compare. One that has
    none because the service was stopped gets as many as it had.
    """
    own = live.get(scaling.target.kind, scaling.target.name)
    if own is not None and (before := _before_stop(own)) is not None:
        return before if scaling.scale.most is None else min(before, scaling.bounds.most)
    name = scaling.component.name
    replaced = {name, "predictor"} if name == ENGINE else {name}
    counts = [
        _count(obj)
        for (kind, own_name), obj in live.children.items()
        if kind in _WORKLOADS
        and (kind, own_name) != (scaling.target.kind, scaling.target.name)
        and at(obj, "metadata", "labels", COMPONENT) in replaced
    ]
    return min(max(scaling.bounds.initial, *counts, 0), max(scaling.bounds.most, scaling.bounds.initial))


def replicas_before_stop(scaling: Scaling, live: LiveState) -> int:
    """How many replicas the workload is to have again once its service, which is stopped, goes on."""
    own = live.get(scaling.target.kind, scaling.target.name)
    if own is None or not isinstance(at(own, "spec", "replicas"), int):
        return initial_replicas(scaling, live)
    return _count(own)


def was_stopped(scaling: Scaling, live: LiveState) -> bool:
    """Whether the live workload still has no replicas because the service was stopped."""
    own = live.get(scaling.target.kind, scaling.target.name)
    return own is not None and _before_stop(own) is not None


def _count(workload: JsonObject) -> int:
    """How many replicas a live workload has, or had before it was stopped."""
    before = _before_stop(workload)
    return as_number(at(workload, "spec", "replicas")) if before is None else before


def _before_stop(workload: JsonObject) -> int | None:
    text = as_text(at(workload, "metadata", "annotations", REPLICAS_BEFORE_STOP))
    return int(text) if text.isascii() and text.isdigit() else None


def _check_block(component: Component, choice: ScalerChoice) -> None:
    """A block says things of its own class only."""
    if choice.block is None:
        return
    given: Mapping[ScalerClass, object] = {ScalerClass.HPA: choice.block.hpa, ScalerClass.KEDA: choice.block.keda}
    where = component.origin("autoscaler")
    for other, part in given.items():
        if part is not None and other is not choice.scaler_class:
            name = other.value.lower()
            wanted = f"nothing beside class {choice.scaler_class.value}"
            raise invalid(f"{where}.{name}", wanted, f"settings for {other.value}", "remove them, or change the class")
    if choice.scaler_class is ScalerClass.KEDA and choice.block.keda is None:
        raise invalid(f"{where}.keda", "triggers for class KEDA", "nothing", "state keda.triggers")
