"""The virtual mode: the service is only an entry for what somebody else runs. Nothing is made, and it is ready."""

from omectl.api.conditions import TRUE
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.labels import CHOSEN_MODE
from omectl.planner.modes import VIRTUAL
from omectl.planner.names import cluster_host, service_object_name
from omectl.planner.verdict import Verdict

_TEXT = "InferenceService is in VirtualDeployment mode"


def virtual_status(service: InferenceService) -> JsonObject:
    """The status of a virtual service: the address under which it is to be served, and that it is ready."""
    url = f"http://{cluster_host(service_object_name(service.name), service.namespace)}"
    return {
        "observedGeneration": service.metadata.generation,
        "conditions": [Verdict(TRUE, VIRTUAL, _TEXT).as_condition("Ready")],
        "annotations": {CHOSEN_MODE: VIRTUAL},
        "url": url,
        "address": {"url": url},
        # The name under which readers of such a service look for it.
        "components": {"predictor": {"url": url}},
    }
