"""Runtimes whose engine and decoder are apart: whether the router is there, and finds the pods of both."""

from collections.abc import Iterator

from omectl.api.document import as_objects
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.labels import COMPONENT, INFERENCE_SERVICE, LWS_WORKER_INDEX
from omectl.planner.component import Component
from omectl.planner.layers import LEADER, WORKER
from omectl.planner.lint.about import About
from omectl.planner.lint.finding import Finding
from omectl.planner.lint.rules import Code
from omectl.planner.merge import merge_container
from omectl.planner.names import DECODER, ENGINE, ROUTER
from omectl.planner.pairing import Found, unpaired
from omectl.planner.result import PlanRefused
from omectl.planner.selection.candidates import Runtime


def pairing_findings(runtime: Runtime, about: About) -> Iterator[Finding]:
    """What keeps requests from engine and decoder of a runtime that has both."""
    spec = runtime.spec
    if spec.decoder_config is None:
        return
    if spec.router_config is None:
        yield about.finding(
            Code.DECODER_WITHOUT_ROUTER,
            "spec.decoderConfig",
            wanted="a routerConfig, which passes requests to engine and decoder",
            found="none",
            do="add one, or see that each service brings its router",
        )
        return
    service = InferenceService.model_validate(
        {"metadata": {"name": "sample", "namespace": runtime.namespace or "default"}, "spec": {}}
    )
    try:
        found = {name: _found(Component.merged(name, service, runtime), service) for name in (ENGINE, DECODER)}
        router = Component.merged(ROUTER, service, runtime)
    except PlanRefused:
        return  # told of the template itself
    for text in unpaired(_main(router), found):
        yield about.finding(
            Code.ROUTER_MISSES_PODS,
            "spec.routerConfig",
            wanted="a router that finds the pods that serve, and no others",
            found=text,
            do="correct the router's flags",
        )


def _found(part: Component, service: InferenceService) -> Found:
    labels = {**(part.scaling.labels or {}), COMPONENT: part.name, INFERENCE_SERVICE: service.name}
    if not {LEADER, WORKER} & part.document.keys():
        return Found.of(labels, {}, _main(part))
    leader = Component.merged(part.name, service, part.runtime, role=LEADER)
    return Found.of(labels, {LWS_WORKER_INDEX: "0"}, _main(leader), leader.pods)


def _main(component: Component) -> JsonObject:
    """The container of a component that serves, as it is described: enough to know its flags and ports."""
    containers = as_objects(component.document.get("containers"))
    name = component.main_name
    own = next((one for one in containers if not name or one.get("name") == name), JsonObject())
    return merge_container(own, component.runner or {})
