"""What an HTTPRoute leads to."""

from dataclasses import dataclass

from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.settings import IngressSettings
from omectl.planner.names import cluster_host
from omectl.planner.result import PlanRefused, Reason
from omectl.planner.workloads.workload import Workload

_KNATIVE_PORT = 80
"""At which Knative's gateway inside the cluster takes requests."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A route's backend as a reference; `host` is the host under which it knows the requests, "" for whatever host."""

    reference: JsonObject
    host: str = ""

    @property
    def kind(self) -> str:
        """The kind of object that is referred to."""
        return str(self.reference["kind"])


def service_backend(name: str, number: int) -> Backend:
    """The Service of that name."""
    return Backend({"group": "", "kind": "Service", "name": name, "port": number, "weight": 1})


def knative_backend(service: InferenceService, workload: Workload, settings: IngressSettings) -> Backend:
    """Knative's gateway inside the cluster, which wakes pods where there are none.

    Knative's own Service of the component is an ExternalName, to which no HTTPRoute may lead. Raises `PlanRefused`.
    """
    host, _, port = settings.knative_local_gateway_service.partition(":")
    name, _, rest = host.partition(".")
    namespace = rest.partition(".")[0]
    if not name or not namespace or (port and not port.isdecimal()):
        field = "ingress.knativeLocalGatewayService of the settings"
        message = f"{field}: wanted name.namespace of a Service, found {settings.knative_local_gateway_service!r}"
        raise PlanRefused(Reason.INVALID_SPEC, message, "correct it", field=field)
    reference: JsonObject = {
        "group": "",
        "kind": "Service",
        "namespace": namespace,
        "name": name,
        "port": int(port) if port else _KNATIVE_PORT,
        "weight": 1,
    }
    return Backend(reference, cluster_host(workload.name, service.namespace))
