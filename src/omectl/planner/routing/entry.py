"""Which component takes a service's requests."""

from collections.abc import Mapping, Sequence

from omectl.api.document import as_text, at
from omectl.api.inference_service import InferenceService
from omectl.api.labels import COMPONENT
from omectl.planner.component import Component
from omectl.planner.inputs import LiveState
from omectl.planner.names import ROUTER, service_object_name
from omectl.planner.workloads.succession import PREDECESSORS
from omectl.planner.workloads.workload import Workload


def entry_of(
    service: InferenceService, parts: Sequence[Component], workloads: Mapping[str, Workload], live: LiveState
) -> Component:
    """The router, without one the first of `parts`.

    A router that comes to a service that serves takes the requests once it serves itself; until then they go where the
    service's own Service leads them now.
    """
    by_name = {part.name: part for part in parts}
    router = by_name.get(ROUTER)
    if router is None:
        return parts[0]
    led = as_text(at(live.get("Service", service_object_name(service.name)), "spec", "selector", COMPONENT))
    before = by_name.get(PREDECESSORS.get(led, led), router)
    state = workloads[ROUTER].of.state(live, router.object_name)
    return router if state is not None and state.available else before
