"""Condition lists in both shapes: Kubernetes' own (models) and Knative's (services)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from omectl.api.wire import REQUIRED, Int64, SchemaPart, Time, WireType, one_of

_TYPE_PATTERN = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)
_REASON_PATTERN = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
INFO = "Info"


class Condition(WireType):
    """A `metav1.Condition`."""

    type: Annotated[str, SchemaPart({"maxLength": 316, "pattern": _TYPE_PATTERN})]
    status: Annotated[str, one_of(TRUE, FALSE, UNKNOWN)]
    last_transition_time: Annotated[Time, REQUIRED] = ""
    """Set by `merge_conditions`."""
    reason: Annotated[str, SchemaPart({"minLength": 1, "maxLength": 1024, "pattern": _REASON_PATTERN})]
    message: Annotated[str, SchemaPart({"maxLength": 32768})]
    observed_generation: Annotated[Int64, SchemaPart({"minimum": 0})] | None = None


class KnativeCondition(WireType):
    """A condition in Knative's shape: severity, and a time that is plain text."""

    type: str
    status: str
    severity: str | None = None
    last_transition_time: str | None = None
    reason: str | None = None
    message: str | None = None


AnyCondition = TypeVar("AnyCondition", Condition, KnativeCondition)


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as Kubernetes writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find_condition(conditions: Iterable[AnyCondition], condition_type: str) -> AnyCondition | None:
    """The condition of that type."""
    return next((condition for condition in conditions if condition.type == condition_type), None)


def is_true(conditions: Iterable[AnyCondition], condition_type: str) -> bool:
    """Whether the condition of that type is there and True."""
    found = find_condition(conditions, condition_type)
    return found is not None and found.status == TRUE


def merge_conditions(
    old: Sequence[AnyCondition] | None, new: Iterable[AnyCondition], now: datetime
) -> tuple[AnyCondition, ...]:
    """`new` sorted by type, each with the time at which it last changed.

    A condition that equals its predecessor in all but the time keeps the predecessor's time; any other gets `now`.
    Types that `new` lacks are dropped. A type given twice counts once: the last one wins.
    """
    times = {condition.type: condition for condition in old or ()}
    latest = {condition.type: condition for condition in new}
    return tuple(_timed(times.get(name), latest[name], now) for name in sorted(latest))


def _timed(old: AnyCondition | None, new: AnyCondition, now: datetime) -> AnyCondition:
    time = format_time(now)
    if old is not None and old.last_transition_time and _content(old) == _content(new):
        time = old.last_transition_time
    return new.model_copy(update={"last_transition_time": time})


def _content(condition: Condition | KnativeCondition) -> dict[str, object]:
    dumped = condition.model_dump(by_alias=True, exclude={"last_transition_time"})
    return {name: value for name, value in dumped.items() if value not in (None, "") and name != "lastTransitionTime"}
