"""Which revisions of a serverless component get the traffic, and which of them is rolled out.

A revision is rolled out once it has all the traffic. With `canaryTrafficPercent` the newest one gets so much and the
rolled-out one the rest. A service that goes back to the revision before splits between the two until it has it all.
"""

from collections.abc import Mapping
from typing import Final

from omectl.api.document import as_number, as_object, as_objects, as_text
from omectl.api.inference_service_status import ComponentStatusSpec
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import ENABLE_TAG_ROUTING
from omectl.planner.component import Component
from omectl.planner.scaling.target import invalid

_ALL: Final = 100
_NEWEST: Final = "latest"
_BEFORE: Final = "prev"


def traffic_targets(component: Component) -> list[JsonObject]:
    """The shares of the revisions, the newest first. Raises `PlanRefused`."""
    percent = component.scaling.canary_traffic_percent
    if percent is not None and not 0 <= percent <= _ALL:
        where = component.origin("canaryTrafficPercent")
        raise invalid(where, f"a percentage from 0 to {_ALL}", percent, "correct it")
    newest: JsonObject = {"latestRevision": True, "percent": _ALL}
    if component.annotations.get(ENABLE_TAG_ROUTING) == "true":
        newest["tag"] = _NEWEST
    rolled_out = _told(component).latest_rolledout_revision
    if percent is None or not rolled_out:
        return [newest]
    newest["percent"] = percent
    if percent == _ALL:
        return [newest]
    before: JsonObject = {"revisionName": rolled_out, "latestRevision": False, "percent": _ALL - percent}
    return [newest, {**before, "tag": _BEFORE}]


def revision_status(component: Component, live: JsonObject) -> JsonObject:
    """What is reported of the revisions: created, ready, rolled out, and the traffic as Knative routes it."""
    status, told = as_object(live.get("status")), _told(component)
    ready, created = as_text(status.get("latestReadyRevisionName")), as_text(status.get("latestCreatedRevisionName"))
    traffic = as_objects(status.get("traffic"))
    rolled_out, previous = told.latest_rolledout_revision or "", told.previous_rolledout_revision or ""
    shares = _shares(traffic)
    newest = next((one for one in traffic if one.get("latestRevision") is True and _name(one) == ready != ""), None)
    if newest is not None:
        percent = as_number(newest.get("percent"))
        if rolled_out != ready and percent == _ALL:
            rolled_out, previous = ready, rolled_out
        elif rolled_out == ready == created and percent < _ALL and shares[ready] == _ALL and previous:
            # The newest is the rolled-out one and has been given a share only: its own share and the rest add up,
            # which is how a user asks for the one before.
            rolled_out = previous
    found: JsonObject = {
        "latestCreatedRevision": created,
        "latestReadyRevision": ready,
        "latestRolledoutRevision": rolled_out,
        "previousRolledoutRevision": previous,
    }
    kept: JsonObject = {key: value for key, value in found.items() if value}
    if traffic:
        kept["traffic"] = list[JsonValue](traffic)
    return kept


def _told(component: Component) -> ComponentStatusSpec:
    """What the service's status says of the component so far."""
    status = component.service.status
    told = (status.components or {}).get(component.name) if status is not None else None
    return told or ComponentStatusSpec()


def _shares(traffic: list[JsonObject]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for one in traffic:
        found[_name(one)] = found.get(_name(one), 0) + as_number(one.get("percent"))
    return found


def _name(target: JsonObject) -> str:
    return as_text(target.get("revisionName"))
