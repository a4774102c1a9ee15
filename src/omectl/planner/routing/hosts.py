"""The hosts and the path under which a service is reached, from the settings' templates."""

from typing import Final

from omectl.api import labels as keys
from omectl.api.inference_service import InferenceService
from omectl.api.settings import IngressSettings
from omectl.planner.names import service_object_name
from omectl.planner.placeholders import Placeholders
from omectl.planner.result import PlanRefused, Reason

_LONGEST_HOST: Final = 253


def host_of(service: InferenceService, name: str, settings: IngressSettings) -> str:
    """The host of that name, which is the service's or a component's. Raises `PlanRefused`."""
    own = service.metadata
    texts = {
        "Name": service_object_name(name),
        "Namespace": own.namespace,
        "IngressDomain": settings.ingress_domain,
    }
    maps = {"Labels": own.labels, "Annotations": own.annotations}
    host = Placeholders(texts, maps).fill(settings.domain_template, "the ingress's domainTemplate")
    if not _is_host(host):
        message = f"the ingress's domainTemplate: wanted a full host name such as a.example.com, found {host!r}"
        raise PlanRefused(
            Reason.INVALID_SPEC, message, f"correct it in the settings or in {keys.INGRESS_DOMAIN_TEMPLATE}"
        )
    return host


def hosts_in_all_domains(host: str, settings: IngressSettings) -> tuple[str, ...]:
    """The host, and the same in each further domain where it is one of `ingressDomain`. Raises `PlanRefused`."""
    found = [host]
    name = host.removesuffix(f".{settings.ingress_domain}")
    for domain in settings.additional_ingress_domains or () if name != host else ():
        if not _is_host(other := f"{name}.{domain}"):
            message = f"the ingress's additionalIngressDomains: wanted domains such as example.com, found {domain!r}"
            step = f"correct it in the settings or in {keys.INGRESS_ADDITIONAL_DOMAINS}"
            raise PlanRefused(Reason.INVALID_SPEC, message, step)
        found.append(other)
    return tuple(dict.fromkeys(found))


def path_of(service: InferenceService, settings: IngressSettings) -> str:
    """The path below `ingressDomain`, without a slash at its end; "" when there is no template.

    Raises: `PlanRefused` for one that is no path, or that is the whole domain's.
    """
    if not settings.path_template:
        return ""
    own = service.metadata
    placeholders = Placeholders(
        {"Name": own.name, "Namespace": own.namespace}, {"Labels": own.labels, "Annotations": own.annotations}
    )
    filled = placeholders.fill(settings.path_template, "the ingress's pathTemplate")
    path = f"/{filled.strip('/')}"
    if path == "/" or "//" in path or any(one in " ?#%{}\\" or not one.isprintable() for one in path):
        message = f"the ingress's pathTemplate: wanted a path such as /serving/a, found {path!r}"
        step = f"correct it in the settings or in {keys.INGRESS_PATH_TEMPLATE}"
        raise PlanRefused(Reason.INVALID_SPEC, message, step)
    return path


def _is_host(text: str) -> bool:
    labels = text.split(".")
    whole = len(labels) > 1 and len(text) <= _LONGEST_HOST
    return whole and all(one and service_object_name(one) == one and _is_label(one) for one in labels)


def _is_label(text: str) -> bool:
    bare = text.replace("-", "a")
    return bare.isascii() and bare.isalnum() and bare.lower() == bare and not (text[0] == "-" or text[-1] == "-")
