"""Which pod and container fields lie beside ours, and the types that have them."""

from typing import ClassVar

from omectl.api.json import JsonObject
from omectl.api.wire import WireType

POD_FIELDS: tuple[str, ...] = (
    "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "containers", "dnsConfig", "dnsPolicy",
    "enableServiceLinks", "ephemeralContainers", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostUsers",
    "hostname", "imagePullSecrets", "initContainers", "nodeName", "nodeSelector", "os", "overhead",
    "preemptionPolicy", "priority", "priorityClassName", "readinessGates", "resourceClaims", "restartPolicy",
    "runtimeClassName", "schedulerName", "schedulingGates", "securityContext", "serviceAccount",
    "serviceAccountName", "setHostnameAsFQDN", "shareProcessNamespace", "subdomain",
    "terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints", "volumes",
)  # fmt: skip
"""Fields of OME's copy of core/v1 PodSpec; none is required."""

CONTAINER_FIELDS: tuple[str, ...] = (
    "args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "name", "ports",
    "readinessProbe", "resizePolicy", "resources", "restartPolicy", "securityContext", "startupProbe", "stdin",
    "stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts",
    "workingDir",
)  # fmt: skip
"""Fields of core/v1 Container as OME knows it."""


class InlinesPod(WireType):
    """A type with every pod field at its own level."""

    inlined: ClassVar[str] = "PodSpec"

    @property
    def pod_fields(self) -> JsonObject:
        """The pod fields that are present, as they were read. Unknown fields are not among them."""
        extra = self.model_extra or {}
        return {name: extra[name] for name in POD_FIELDS if name in extra}


class InlinesContainer(WireType):
    """A type with every container field at its own level."""

    inlined: ClassVar[str] = "Container"

    @property
    def container_fields(self) -> JsonObject:
        """The container fields that are present, as they were read."""
        extra = self.model_extra or {}
        return {name: extra[name] for name in CONTAINER_FIELDS if name in extra}
