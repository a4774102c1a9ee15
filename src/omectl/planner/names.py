"""Names of what a service owns, and values that fit into labels."""

import re
from typing import Final

from omectl.api.labels import LABEL_VALUE_LENGTH, dns_shorten
from omectl.planner.result import PlanRefused, Reason

ENGINE: Final = "engine"
DECODER: Final = "decoder"
ROUTER: Final = "router"
EXTERNAL_SERVICE: Final = "external-service"
ENDPOINT_PICKER: Final = "endpoint-picker"

COMPONENT_CONDITIONS: Final = {ENGINE: "EngineReady", DECODER: "DecoderReady", ROUTER: "RouterReady"}
"""The condition of each component, in the order in which they are told."""

MAIN_CONTAINER: Final = "ome-container"
CLUSTER_DOMAIN: Final = "cluster.local"

LONGEST_OBJECT_NAME: Final = 242
"""A Deployment has ReplicaSets of its name, a hyphen and up to ten characters; Kubernetes takes 253 in all."""

_SERVICE_NAME: Final = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_NOT_IN_LABELS: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_NOT_IN_DNS_LABELS: Final = re.compile(r"[^a-z0-9-]+")


def check_name(service: str) -> None:
    """Raises `PlanRefused` for a name of which no Kubernetes Service can be made, which the API server takes."""
    if _SERVICE_NAME.fullmatch(service) is None:
        message = f"metadata.name: wanted letters, digits and hyphens after a letter, found {service!r}"
        step = "make the service anew under such a name, which its Services and hosts are to have"
        raise PlanRefused(Reason.INVALID_SPEC, message, step, field="metadata.name")


def component_name(service: str, component: str) -> str:
    """`<service>-engine`: the name of a component's Deployment, autoscaler and disruption budget."""
    return dns_shorten(f"{service}-{component}", LONGEST_OBJECT_NAME)


def service_object_name(text: str) -> str:
    """The name of a Service: at most 63 characters."""
    return dns_shorten(text)


def model_config_name(service: str) -> str:
    """The name of the ConfigMap with the model's configuration; two services never share one."""
    return f"modelconfig-{dns_shorten(service, LABEL_VALUE_LENGTH - len('modelconfig-'))}"


def label_value(text: str) -> str:
    """The text as a label's value: hyphens for other characters, at most 63 in all."""
    return dns_shorten(_NOT_IN_LABELS.sub("-", text).strip("-_.")).strip("-_.")


def volume_name(model: str) -> str:
    """The name of a model's volume: the model's own where Kubernetes allows it."""
    return dns_shorten(_NOT_IN_DNS_LABELS.sub("-", model.lower()).strip("-")).strip("-") or "model"


def cluster_host(name: str, namespace: str) -> str:
    """The host of a Service inside the cluster."""
    return f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}"
