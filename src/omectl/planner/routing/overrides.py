"""What a service's annotations say instead of the settings of its route."""

from omectl.api import labels as keys
from omectl.api.inference_service import InferenceService
from omectl.api.settings import IngressSettings
from omectl.planner.result import PlanRefused, Reason

_TEXTS = {
    keys.INGRESS_DOMAIN_TEMPLATE: "domain_template",
    keys.INGRESS_DOMAIN: "ingress_domain",
    keys.INGRESS_URL_SCHEME: "url_scheme",
    keys.INGRESS_CLASS_NAME: "ingress_class_name",
    keys.INGRESS_TLS_SECRET: "tls_secret_name",
}
"""Annotations that count when they are not empty."""
_SWITCHES = {
    keys.INGRESS_DISABLE_CREATION: "disable_ingress_creation",
    keys.INGRESS_DISABLE_ISTIO_VIRTUAL_HOST: "disable_istio_virtual_host",
}
"""Annotations that mean False unless they are exactly "true"."""


def with_overrides(service: InferenceService, settings: IngressSettings) -> IngressSettings:
    """The settings with what the service's annotations say instead. Raises `PlanRefused`."""
    annotations = service.metadata.annotations
    changed: dict[str, object] = {field: annotations[key] for key, field in _TEXTS.items() if annotations.get(key)}
    changed |= {field: annotations[key] == "true" for key, field in _SWITCHES.items() if key in annotations}
    if keys.INGRESS_PATH_TEMPLATE in annotations:
        changed["path_template"] = annotations[keys.INGRESS_PATH_TEMPLATE]
    if annotations.get(keys.INGRESS_ADDITIONAL_DOMAINS):
        domains = (domain.strip() for domain in annotations[keys.INGRESS_ADDITIONAL_DOMAINS].split(","))
        changed["additional_ingress_domains"] = tuple(domain for domain in domains if domain)
    if (scheme := changed.get("url_scheme")) not in (None, "http", "https"):
        field = f"metadata.annotations.{keys.INGRESS_URL_SCHEME}"
        message = f"{field}: wanted http or https, found {scheme!r}"
        raise PlanRefused(Reason.INVALID_SPEC, message, "correct it, or remove it", field=field)
    return settings.model_copy(update=changed) if changed else settings
