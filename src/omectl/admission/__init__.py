"""Admission and conversion webhooks: the server, what judges requests, and the certificates that it makes itself."""

from omectl.admission.certificate_secret import SecretCertificate
from omectl.admission.conversion import ConversionFailed, HubAndSpokes, Spoke
from omectl.admission.handlers import AdmissionHandler, Defaulter, Refused, Validator, defaulting, validating
from omectl.admission.review import AdmissionRequest, AdmissionResponse, allowed, denied, errored
from omectl.admission.rotation import Lifetimes
from omectl.admission.rotator import CertificateRotator, RotatorOptions, service_hosts
from omectl.admission.server import WebhookOptions, WebhookServer
from omectl.admission.trust import TrustTarget, trust_patch

__all__ = [
    "AdmissionHandler",
    "AdmissionRequest",
    "AdmissionResponse",
    "CertificateRotator",
    "ConversionFailed",
    "Defaulter",
    "HubAndSpokes",
    "Lifetimes",
    "Refused",
    "RotatorOptions",
    "SecretCertificate",
    "Spoke",
    "TrustTarget",
    "Validator",
    "WebhookOptions",
    "WebhookServer",
    "allowed",
    "defaulting",
    "denied",
    "errored",
    "service_hosts",
    "trust_patch",
    "validating",
]
