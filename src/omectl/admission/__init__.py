"""Admission and conversion webhooks: the server, what judges requests, and the certificates that it makes itself."""

from omectl.admission.conversion import ConversionFailed, HubAndSpokes, Spoke
from omectl.admission.handlers import AdmissionHandler, Defaulter, Refused, Validator, defaulting, validating
from omectl.admission.review import AdmissionRequest, AdmissionResponse, allowed, denied, errored
from omectl.admission.server import WebhookOptions, WebhookServer

__all__ = [
    "AdmissionHandler",
    "AdmissionRequest",
    "AdmissionResponse",
    "ConversionFailed",
    "Defaulter",
    "HubAndSpokes",
    "Refused",
    "Spoke",
    "Validator",
    "WebhookOptions",
    "WebhookServer",
    "allowed",
    "defaulting",
    "denied",
    "errored",
    "validating",
]
