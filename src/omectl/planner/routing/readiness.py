"""Whether requests reach a service from outside, by what the controllers say of the objects of its route."""

from typing import Final

from omectl.api.conditions import FALSE, TRUE, UNKNOWN
from omectl.api.document import as_number, as_object, as_objects, as_text, at
from omectl.api.json import JsonObject
from omectl.planner.inputs import LiveState
from omectl.planner.names import COMPONENT_CONDITIONS
from omectl.planner.routing.choice import Route
from omectl.planner.routing.http_route import HTTP_ROUTE, gateway_of
from omectl.planner.verdict import Verdict

_NEEDED: Final = ("Accepted", "ResolvedRefs")


def route_verdict(where: Route, live: LiveState, entry: Verdict, name: str) -> Verdict:
    """The condition `IngressReady`; `entry` is that of the component `name`, to which the route leads."""
    if not where.ingress:
        return Verdict(TRUE, "IngressDisabled", "Ingress creation is disabled, using external service for access")
    if entry.status != TRUE:
        text = f"Target service not ready for ingress creation; next: see {COMPONENT_CONDITIONS[name]}"
        return Verdict(FALSE, "ComponentNotReady", text)
    told = [_http_route_verdict(one, live) for one in where.objects if one.get("kind") == HTTP_ROUTE]
    for status in (FALSE, UNKNOWN):
        found = next((one for one in told if one.status == status), None)
        if found is not None:
            return found
    return Verdict(TRUE)


def _http_route_verdict(planned: JsonObject, live: LiveState) -> Verdict:
    """True once the Gateway's controller says of the newest spec that it took the route and found its backends."""
    name = as_text(at(planned, "metadata", "name"))
    gateway = gateway_of(planned)
    about, shown = f"{HTTP_ROUTE} {name}", "/".join(gateway)
    found = live.get(HTTP_ROUTE, name)
    if found is None:
        return Verdict(UNKNOWN, "HTTPRouteMissing", f"{about} is not there yet; next: wait")
    parents = [
        parent
        for parent in as_objects(at(found, "status", "parents"))
        if _is_for(as_object(parent.get("parentRef")), gateway, as_text(at(found, "metadata", "namespace")))
    ]
    if not parents:
        text = (
            f"no controller has taken {about} for Gateway {shown}; next: look whether that Gateway exists and is served"
        )
        return Verdict(UNKNOWN, "ParentStatusNotAvailable", text)
    generation = as_number(at(found, "metadata", "generation"))
    waiting = ""
    for parent in parents:
        conditions = {as_text(one.get("type")): one for one in as_objects(parent.get("conditions"))}
        for kind in _NEEDED:
            one = conditions.get(kind, JsonObject())
            seen = as_number(one.get("observedGeneration"))
            if one.get("status") == FALSE and seen >= generation:
                why = as_text(one.get("message")) or "it gives no reason in words"
                text = f"{about}, {kind} of Gateway {shown}: {why}; next: correct the Gateway or the ingress settings"
                return Verdict(FALSE, as_text(one.get("reason")) or f"Not{kind}", text)
            if one.get("status") != TRUE or seen < generation:
                waiting = waiting or kind
    if waiting:
        text = f"Gateway {shown} does not say yet whether {about} is {waiting}; next: wait for its controller"
        return Verdict(UNKNOWN, "HTTPRouteNotReady", text)
    return Verdict(TRUE)


def _is_for(parent: JsonObject, gateway: tuple[str, str], own_namespace: str) -> bool:
    return (as_text(parent.get("namespace")) or own_namespace, as_text(parent.get("name"))) == gateway
