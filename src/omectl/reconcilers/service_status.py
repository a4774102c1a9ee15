"""From a plan's status to the one that is written: times, generation, what went wrong while applying. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from omectl.api.conditions import FALSE, INFO, KnativeCondition, find_condition, merge_conditions
from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.kube.apply import ApplyRefused, NotOurs
from omectl.kube.errors import Forbidden, KubeError, NotFound
from omectl.kube.resources import SERVICES
from omectl.planner.names import COMPONENT_CONDITIONS, cluster_host
from omectl.reconcilers.service_summary import summary_of

READY = "Ready"
INGRESS_READY = "IngressReady"
PRUNED = "Pruned"
"""Only told while something that is no longer planned cannot be deleted."""
_MESSAGE_LIMIT = 2000
_ROUTES: Final = frozenset({"Ingress", "HTTPRoute", "InferencePool", "VirtualService"})
"""Kinds that lead from a host outside of the cluster to a Service, or to pods."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One object that could not be written. `component` is "" for those of the service as a whole.

    `leftover`: it is one that is no longer planned and could not be deleted, which keeps nothing from serving.
    `event` is OME's reason of an Event where it has one for this very failure. `taken` is the kind and the key of an
    object that is somebody else's.
    """

    component: str
    reason: str
    message: str
    leftover: bool = False
    event: str = ""
    taken: tuple[str, ObjectKey] | None = None


def failure_of(component: str, error: KubeError, *, leftover: bool = False) -> Failure:
    """The error as a condition tells it: what was wanted, what was found, what to do."""
    match error:
        case ApplyRefused():
            reason = "ManifestRefused"
        case NotOurs():
            reason = "NotOurs"
        case Forbidden():
            reason = "Forbidden"
        case NotFound() if error.kind_is_missing:
            reason = "DependencyMissing"
        case _:
            reason = "ApplyFailed"
    taken = (error.kind, error.key) if isinstance(error, NotOurs) else None
    return Failure(component, reason, str(error), leftover, taken=taken)


def service_status(
    planned: JsonObject,
    failures: Sequence[Failure],
    *,
    generation: int,
    previous: InferenceServiceStatus | None,
    now: datetime,
) -> JsonObject:
    """The whole status to put."""
    given = InferenceServiceStatus.model_validate(planned)
    conditions = {condition.type: condition for condition in given.conditions or ()}
    for failure in failures:
        name = PRUNED if failure.leftover else COMPONENT_CONDITIONS.get(failure.component, INGRESS_READY)
        conditions[name] = _false(name, failure)
    if hindering := [failure for failure in failures if not failure.leftover]:
        conditions[READY] = _false(READY, hindering[0])
    merged = merge_conditions(previous.conditions if previous else None, conditions.values(), now)
    written = given.model_copy(update={"conditions": merged, "observed_generation": generation})
    if given.selection is None and previous is not None and previous.selection is not None:
        # What a service has is remembered there, also while nothing can be planned.
        written = written.model_copy(update={"selection": previous.selection})
    for failure in failures:
        if failure.taken is not None:
            written = _without_addresses(written, *failure.taken)
    written = written.model_copy(update={"summary": summary_of(written)})
    return _without_nulls(written.model_dump(mode="json", by_alias=True, exclude_unset=True))


def ready_condition(status: InferenceServiceStatus | None) -> KnativeCondition | None:
    """The condition that stands for the service."""
    return find_condition(status.conditions or (), READY) if status else None


def _false(name: str, failure: Failure) -> KnativeCondition:
    condition = KnativeCondition(
        type=name, status=FALSE, reason=failure.reason, message=failure.message[:_MESSAGE_LIMIT]
    )
    # Knative's rule: what `Ready` rests on has no severity, everything else is information.
    return condition.model_copy(update={"severity": INFO}) if name == PRUNED else condition


def _without_addresses(status: InferenceServiceStatus, kind: str, key: ObjectKey) -> InferenceServiceStatus:
    """The status without addresses that would lead to an object of somebody else."""
    host = cluster_host(key.name, key.namespace) if kind == SERVICES.kind else ""
    own = status.address.url if status.address is not None else None
    changes: dict[str, object] = {}
    if _leads_to(status.url, host) or (kind in _ROUTES and status.url != own):
        changes["url"] = None
    if _leads_to(own, host):
        changes["address"] = None
    parts = status.components or {}
    lost = {name: part for name, part in parts.items() if _leads_to(part.url, host)}
    if lost:
        bare = {name: part.model_copy(update={"url": None}) for name, part in lost.items()}
        changes["components"] = {**parts, **bare}
    return status.model_copy(update=changes)


def _leads_to(url: str | None, host: str) -> bool:
    return bool(url) and urlsplit(url).hostname == host


def _without_nulls(value: JsonObject) -> JsonObject:
    """The server drops null fields: written as they would be read back, equal statuses compare equal."""
    cleaned: JsonObject = {}
    for name, item in value.items():
        if isinstance(item, dict):
            cleaned[name] = _without_nulls(item)
        elif isinstance(item, list):
            cleaned[name] = [_without_nulls(part) if isinstance(part, dict) else part for part in item]
        elif item is not None:
            cleaned[name] = item
    return cleaned


def reasons_of(failures: Iterable[Failure]) -> str:
    """For the log."""
    return "; ".join(f"{failure.reason}: {failure.message}" for failure in failures)
