"""Names of what a service owns, and values that fit into labels."""

import re
from typing import Final

from omectl.api.labels import LABEL_VALUE_LENGTH, dns_shorten

ENGINE: Final = "engine"
DECODER: Final = "decoder"
ROUTER: Final = "router"
EXTERNAL_SERVICE: Final = "external-service"

COMPONENT_CONDITIONS: Final = {ENGINE: "EngineReady", DECODER: "DecoderReady", ROUTER: "RouterReady"}
"""The condition of each component, in the order in which they are told."""

MAIN_CONTAINER: Final = "ome-container"
CLUSTER_DOMAIN: Final = "cluster.local"

_NOT_IN_LABELS: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_NOT_IN_DNS_LABELS: Final = re.compile(r"[^a-z0-9-]+")


def component_name(service: str, component: str) -> str:
    """`<service>-engine`: the name of a component's Deployment, autoscaler and disruption budget."""
    return f"{service}-{component}"


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
