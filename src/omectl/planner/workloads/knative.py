"""The serverless mode: a Knative Service, whose controller scales the pods, to none when nobody asks.

Knative itself makes the Service of the component's name, the routes and the scaler, so that a plan has none of these.
"""

from typing import Final

from omectl.api import labels as keys
from omectl.api.conditions import TRUE, UNKNOWN
from omectl.api.document import as_number, as_object, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.component import Component
from omectl.planner.inputs import LiveState, kind_in_words
from omectl.planner.metadata import Metadata
from omectl.planner.names import ENGINE, service_object_name
from omectl.planner.scaling.bounds import replicas
from omectl.planner.verdict import Verdict
from omectl.planner.workloads.raw import object_metadata
from omectl.planner.workloads.revisions import revision_status, traffic_targets
from omectl.planner.workloads.workload import Report, WorkloadKind, WorkloadState, by_label, told_condition

_GROUP: Final = "serving.knative.dev"
_VERSION: Final = "v1"
_KIND: Final = "Service"
_POD_AUTOSCALER: Final = "kpa.autoscaling.knative.dev"
_PARTS: Final = (
    ("RouteReady", "RoutesReady", "RoutesReady"),
    ("ConfigurationReady", "ConfigurationsReady", "LatestDeploymentReady"),
)
"""Endings of a component's conditions, Knative's that they are read from, and the whole service's made of them."""
_ON_THE_SERVICE: Final = (keys.KNATIVE_ROLLOUT_DURATION, keys.KNATIVE_PASSTHROUGH)
"""Annotations that Knative reads on its Service and not on a revision."""
_ON_A_REVISION: Final = (
    "autoscaling.knative.dev/",
    "features.knative.dev/",
    "networking.knative.dev/",
    "queue.sidecar.serving.knative.dev/",
)
"""Annotations of the service as a whole with these prefixes act on its pods."""


def knative_name(object_name: str) -> str:
    """The name of the Knative Service, which is a part of host names."""
    return service_object_name(object_name)


def knative_service(component: Component, metadata: Metadata, pod: JsonObject) -> JsonObject:
    """The Knative Service. It states no replicas, only their bounds. Raises `PlanRefused`."""
    objects = {key: value for key, value in metadata.labels.items() if key != keys.APP}
    pods = {key: value for key, value in metadata.pod_labels.items() if key not in (keys.APP, keys.KNATIVE_VISIBILITY)}
    own = {key: metadata.annotations[key] for key in _ON_THE_SERVICE if key in metadata.annotations}
    template: JsonObject = {
        "metadata": {
            "labels": as_object(dict[str, JsonValue](pods)),
            "annotations": as_object(dict[str, JsonValue](_revision_annotations(component, metadata))),
        },
        "spec": {**pod, **_limits(component)},
    }
    return {
        "apiVersion": f"{_GROUP}/{_VERSION}",
        "kind": _KIND,
        "metadata": object_metadata(component, knative_name(component.object_name), objects, own),
        "spec": {"template": template, "traffic": list[JsonValue](traffic_targets(component))},
    }


def name_is_taken(live: LiveState, service: JsonObject) -> bool:
    """Whether Knative has a Service of that name, which goes with its own object once something else serves."""
    return live.get(kind_in_words(_GROUP, _KIND), as_text(at(service, "metadata", "name"))) is not None


def read_knative_service(obj: JsonObject) -> WorkloadState:
    """What a live Knative Service says of itself."""
    status = as_object(obj.get("status"))
    ready = told_condition(obj, "Ready")
    created, serving = as_text(status.get("latestCreatedRevisionName")), as_text(status.get("latestReadyRevisionName"))
    seen = as_number(status.get("observedGeneration")) >= as_number(at(obj, "metadata", "generation"))
    available = ready.status == TRUE
    # A newest revision that fails makes it not Ready, while the one before goes on serving.
    routed = told_condition(obj, "RoutesReady").status == TRUE and bool(serving)
    return WorkloadState(
        kind=kind_in_words(_GROUP, _KIND),
        name=as_text(at(obj, "metadata", "name")),
        available=available or routed,
        rolled_out=seen and available and created == serving,
        verdict=Verdict(TRUE, ready.reason, _still(serving, ready)) if routed and not available else ready,
        revision=created,
    )


def report_knative_service(component: Component, live: JsonObject) -> Report:
    """Revisions, traffic and address as Knative has them, with its conditions of the route and the configuration."""
    told = component.service.status
    before = (told.components or {}).get(component.name) if told is not None else None
    url, address = as_text(at(live, "status", "url")), as_text(at(live, "status", "address", "url"))
    status = revision_status(component, live)
    # An address is told once something serves there, and stays while nothing does.
    if url and (read_knative_service(live).available or (before is not None and before.url == url)):
        status["url"] = url
        if address:
            status["address"] = {"url": address}
    conditions: dict[str, Verdict] = {}
    for suffix, source, overall in _PARTS:
        name, found = f"{component.name.capitalize()}{suffix}", told_condition(live, source)
        if found.status:
            conditions[name] = Verdict.informing(found.status, found.reason, found.message)
        if component.name == ENGINE:
            conditions[overall] = _overall(name, found)
    return Report(status=status, conditions=conditions, routed=True, url=url, address=address)


def _overall(name: str, found: Verdict) -> Verdict:
    """The service's condition that stands for its engine's."""
    if found.status == TRUE:
        return Verdict.informing(TRUE, "", "")
    return Verdict.informing(found.status or UNKNOWN, f"{name} not ready", found.message)


KNATIVE_SERVICE: Final = WorkloadKind(
    group=_GROUP,
    version=_VERSION,
    kind=_KIND,
    named=lambda object_name, _: knative_name(object_name),
    build=lambda one, _: (knative_service(one.component, one.metadata, one.pod),),
    service=None,
    report=report_knative_service,
    read=lambda found, _: read_knative_service(found[0]),
    template=("spec", "template"),
    # A request wakes it, whatever its bounds: there is no Knative Service that has no pods for certain.
    stop=lambda _: (),
    maker=by_label(keys.KNATIVE_SERVICE),
    marks=lambda component: {keys.KNATIVE_SERVICE: knative_name(component.object_name)},
    scalable=False,
)


def _still(serving: str, ready: Verdict) -> str:
    return f"revision {serving} serves; of the newest: {ready.message or ready.reason or 'nothing is known yet'}"


def _revision_annotations(component: Component, metadata: Metadata) -> dict[str, str]:
    """What the pods get, and what Knative's autoscaler is to do."""
    own = {key: value for key, value in metadata.annotations.items() if key.startswith(_ON_A_REVISION)}
    pods = {key: value for key, value in metadata.pod_annotations.items() if key not in _ON_THE_SERVICE}
    return {**own, **pods, **_autoscaling({**own, **pods}, component)}


def _autoscaling(stated: dict[str, str], component: Component) -> dict[str, str]:
    bounds, scaling = replicas(component, zero=True), component.scaling
    found = {
        keys.KNATIVE_CLASS: stated.get(keys.KNATIVE_CLASS) or _POD_AUTOSCALER,
        keys.KNATIVE_MIN_SCALE: str(bounds.least),
        keys.KNATIVE_MAX_SCALE: str(bounds.most),
    }
    if scaling.scale_target is not None:
        found[keys.KNATIVE_TARGET] = str(scaling.scale_target)
    if scaling.scale_metric is not None:
        found[keys.KNATIVE_METRIC] = scaling.scale_metric
    return found


def _limits(component: Component) -> JsonObject:
    """How many requests a pod takes at a time, and how long one may last."""
    scaling = component.scaling
    found: JsonObject = {}
    if scaling.container_concurrency is not None:
        found["containerConcurrency"] = scaling.container_concurrency
    if scaling.timeout_seconds is not None:
        found["timeoutSeconds"] = scaling.timeout_seconds
        found["responseStartTimeoutSeconds"] = scaling.timeout_seconds
    return found
