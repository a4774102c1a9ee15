"""Whether requests reach a service from outside, by what the controllers say of the objects of its route."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from omectl.api.conditions import FALSE, TRUE, UNKNOWN
from omectl.api.document import as_number, as_object, as_objects, as_text, at
from omectl.api.json import JsonObject
from omectl.api.labels import COMPONENT
from omectl.planner.inputs import LiveState
from omectl.planner.names import COMPONENT_CONDITIONS, ENDPOINT_PICKER, label_value
from omectl.planner.routing.choice import Route
from omectl.planner.routing.http_route import HTTP_ROUTE, gateway_of
from omectl.planner.routing.inference_pool import INFERENCE_POOL
from omectl.planner.verdict import Verdict
from omectl.planner.workloads.pods import first_trouble, pods_of
from omectl.planner.workloads.raw import read_deployment

_NEEDED: Final = ("Accepted", "ResolvedRefs")
_OF_GATEWAYS: Final = ("Accepted", "Programmed")
_Judge = Callable[[JsonObject, LiveState, tuple[str, str]], Verdict | None]


def route_verdict(where: Route, live: LiveState, entry: Verdict, name: str) -> Verdict:
    """The condition `IngressReady`; `entry` is that of the component `name`, to which the route leads."""
    if not where.ingress:
        return Verdict(TRUE, "IngressDisabled", "Ingress creation is disabled, using external service for access")
    if entry.status != TRUE:
        text = f"Target service not ready for ingress creation; next: see {COMPONENT_CONDITIONS[name]}"
        return Verdict(FALSE, "ComponentNotReady", text)
    gateway = next((gateway_of(one) for one in where.objects if one.get("kind") == HTTP_ROUTE), ("", ""))
    told, coming = [_gateway_verdict(gateway, live)], list[Verdict | None]()
    for one in where.objects:
        judge = _JUDGES.get(as_text(one.get("kind")))
        if judge is not None:
            # What requests do not go to yet is not in their way.
            later = where.waits_for_pool and one.get("kind") in _OF_POOLS
            (coming if later else told).append(judge(one, live, gateway))
    worst = _worst(told)
    if worst is None and where.waits_for_pool:
        why = _worst(coming)
        text = why.message if why is not None else "next: wait for the next look at it"
        return Verdict(TRUE, "InferencePoolPending", f"requests still go past the InferencePool: {text}")
    return worst or next((one for one in told if one is not None and one.message), Verdict(TRUE))


def _worst(told: Sequence[Verdict | None]) -> Verdict | None:
    """The first that is False, else the first that is Unknown, None when all are well."""
    for status in (FALSE, UNKNOWN):
        found = next((one for one in told if one is not None and one.status == status), None)
        if found is not None:
            return found
    return None


def _gateway_verdict(gateway: tuple[str, str], live: LiveState) -> Verdict | None:
    """Whether the Gateway is there and works; None where that is not known or nobody needs it."""
    found, shown = live.gateway, "/".join(gateway)
    if found is None or not any(gateway):
        return None
    if not found:
        text = f"there is no Gateway {shown}; next: create it, or correct ingress.omeIngressGateway of the settings"
        return Verdict(FALSE, "GatewayMissing", text)
    return _by_conditions(found, as_objects(at(found, "status", "conditions")), _OF_GATEWAYS, "Gateway", shown)


def is_taken(route: JsonObject) -> bool:
    """Whether the Gateway's controller says of a live HTTPRoute that it took it, and found what it names."""
    return _taken(route, HTTP_ROUTE, gateway_of(route)).status == TRUE


def _parents_verdict(planned: JsonObject, live: LiveState, gateway: tuple[str, str]) -> Verdict:
    """True once the Gateway's controller says of the newest spec that it took the object and found what it names."""
    kind, name = as_text(planned.get("kind")), as_text(at(planned, "metadata", "name"))
    found = live.get(kind, name)
    if found is None:
        return Verdict(UNKNOWN, f"{kind}Missing", f"{kind} {name} is not there yet; next: wait")
    return _taken(found, kind, gateway)


def _taken(found: JsonObject, kind: str, gateway: tuple[str, str]) -> Verdict:
    name, shown = as_text(at(found, "metadata", "name")), "/".join(gateway)
    parents = [
        parent
        for parent in as_objects(at(found, "status", "parents"))
        if _is_for(as_object(parent.get("parentRef")), gateway, as_text(at(found, "metadata", "namespace")))
    ]
    if not parents:
        next_step = "look whether that Gateway exists and is served"
        if kind == INFERENCE_POOL:
            next_step = "look whether that Gateway's controller knows InferencePools"
        text = f"no controller has taken {kind} {name} for Gateway {shown}; next: {next_step}"
        return Verdict(UNKNOWN, "ParentStatusNotAvailable", text)
    about = f"{name} at Gateway {shown}"
    verdicts = [_by_conditions(found, as_objects(one.get("conditions")), _NEEDED, kind, about) for one in parents]
    return _worst(verdicts) or Verdict(TRUE)


def _by_conditions(
    of: JsonObject, conditions: Sequence[JsonObject], needed: tuple[str, ...], kind: str, name: str
) -> Verdict:
    """True once all that are needed are, as of the newest generation of the object of that kind and name."""
    generation = as_number(at(of, "metadata", "generation"))
    by_type = {as_text(one.get("type")): one for one in conditions}
    waiting = ""
    for need in needed:
        one = by_type.get(need, JsonObject())
        seen = as_number(one.get("observedGeneration"))
        if one.get("status") == FALSE and seen >= generation:
            why = as_text(one.get("message")) or "it gives no reason in words"
            text = f"{kind} {name}, {need}: {why}; next: correct the Gateway or the ingress settings"
            return Verdict(FALSE, as_text(one.get("reason")) or f"Not{need}", text)
        if one.get("status") != TRUE or seen < generation:
            waiting = waiting or need
    if waiting:
        text = f"no controller says yet whether {kind} {name} is {waiting}; next: wait for it"
        return Verdict(UNKNOWN, f"{kind}NotReady", text)
    return Verdict(TRUE)


def _picker_verdict(planned: JsonObject, live: LiveState, gateway: tuple[str, str]) -> Verdict | None:
    """Whether the picker that omectl makes answers; None for another Deployment."""
    if at(planned, "metadata", "labels", COMPONENT) != ENDPOINT_PICKER:
        return None
    name = as_text(at(planned, "metadata", "name"))
    found = live.get("Deployment", name)
    state = read_deployment(found) if found is not None else None
    if state is not None and state.available:
        return Verdict(TRUE)
    every = (obj for (kind, _), obj in live.children.items() if kind == "Pod")
    trouble = first_trouble(pods_of(every, label_value(name), ENDPOINT_PICKER))
    if trouble is not None:
        return Verdict(FALSE, "EndpointPickerNotReady", f"{trouble.found}; next: {trouble.next_step}")
    told = state.verdict.message if state is not None else ""
    text = f"endpoint picker {name} does not answer yet{f': {told}' if told else ''}; next: wait for its pod"
    return Verdict(UNKNOWN if state is None else FALSE, "EndpointPickerNotReady", text)


def _ingress_verdict(planned: JsonObject, live: LiveState, gateway: tuple[str, str]) -> Verdict | None:
    """Where the Ingress is served, as its controller says; many say nothing, so that nothing is no failure."""
    name = as_text(at(planned, "metadata", "name"))
    found = live.get("Ingress", name)
    if found is None:
        return Verdict(UNKNOWN, "IngressMissing", f"Ingress {name} is not there yet; next: wait")
    points = as_objects(at(found, "status", "loadBalancer", "ingress"))
    addresses = [address for one in points if (address := as_text(one.get("hostname")) or as_text(one.get("ip")))]
    if addresses:
        return Verdict(TRUE, "", f"Ingress {name} is served at {', '.join(addresses)}")
    ingress_class = as_text(at(planned, "spec", "ingressClassName")) or "the default"
    text = f"no controller tells where Ingress {name} is served; next: if requests do not come through, look whether"
    return Verdict(TRUE, "AddressUnknown", f"{text} a controller serves the class ({ingress_class})")


_JUDGES: Final[Mapping[str, _Judge]] = {
    HTTP_ROUTE: _parents_verdict,
    INFERENCE_POOL: _parents_verdict,
    "Deployment": _picker_verdict,
    "Ingress": _ingress_verdict,
}
_OF_POOLS: Final = (INFERENCE_POOL, "Deployment")


def _is_for(parent: JsonObject, gateway: tuple[str, str], own_namespace: str) -> bool:
    return (as_text(parent.get("namespace")) or own_namespace, as_text(parent.get("name"))) == gateway
