"""The built-in kinds that omectl reads or writes. Our own eight kinds are in `omectl.api.kinds`."""

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind


def _core(kind: str, plural: str, *, namespaced: bool = True) -> ResourceKind:
    return ResourceKind(group="", version="v1", kind=kind, plural=plural, namespaced=namespaced)


def _kind(group: str, version: str, kind: str, plural: str, *, namespaced: bool = True) -> ResourceKind:
    return ResourceKind(group=group, version=version, kind=kind, plural=plural, namespaced=namespaced)


CONFIG_MAPS = _core("ConfigMap", "configmaps")
ENDPOINTS = _core("Endpoints", "endpoints")
NAMESPACES = _core("Namespace", "namespaces", namespaced=False)
NODES = _core("Node", "nodes", namespaced=False)
PERSISTENT_VOLUME_CLAIMS = _core("PersistentVolumeClaim", "persistentvolumeclaims")
PERSISTENT_VOLUMES = _core("PersistentVolume", "persistentvolumes", namespaced=False)
PODS = _core("Pod", "pods")
SECRETS = _core("Secret", "secrets")
SERVICES = _core("Service", "services")
SERVICE_ACCOUNTS = _core("ServiceAccount", "serviceaccounts")
CORE_EVENTS = _core("Event", "events")

CONTROLLER_REVISIONS = _kind("apps", "v1", "ControllerRevision", "controllerrevisions")
DAEMON_SETS = _kind("apps", "v1", "DaemonSet", "daemonsets")
DEPLOYMENTS = _kind("apps", "v1", "Deployment", "deployments")
REPLICA_SETS = _kind("apps", "v1", "ReplicaSet", "replicasets")
STATEFUL_SETS = _kind("apps", "v1", "StatefulSet", "statefulsets")

JOBS = _kind("batch", "v1", "Job", "jobs")
HORIZONTAL_POD_AUTOSCALERS = _kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
POD_DISRUPTION_BUDGETS = _kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
LEASES = _kind("coordination.k8s.io", "v1", "Lease", "leases")
EVENTS = _kind("events.k8s.io", "v1", "Event", "events")
ENDPOINT_SLICES = _kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
INGRESSES = _kind("networking.k8s.io", "v1", "Ingress", "ingresses")
NETWORK_POLICIES = _kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")

CLUSTER_ROLES = _kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDINGS = _kind(
    "rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False
)
ROLES = _kind("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDINGS = _kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")

CUSTOM_RESOURCE_DEFINITIONS = _kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
MUTATING_WEBHOOK_CONFIGURATIONS = _kind(
    "admissionregistration.k8s.io",
    "v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    namespaced=False,
)
VALIDATING_WEBHOOK_CONFIGURATIONS = _kind(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
)
VALIDATING_ADMISSION_POLICIES = _kind(
    "admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False
)
VALIDATING_ADMISSION_POLICY_BINDINGS = _kind(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    namespaced=False,
)
SELF_SUBJECT_ACCESS_REVIEWS = _kind(
    "authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False
)
SUBJECT_ACCESS_REVIEWS = _kind(
    "authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False
)
TOKEN_REVIEWS = _kind("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", namespaced=False)
RUNTIME_CLASSES = _kind("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", namespaced=False)
PRIORITY_CLASSES = _kind("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", namespaced=False)
DEVICE_CLASSES = _kind("resource.k8s.io", "v1", "DeviceClass", "deviceclasses", namespaced=False)
RESOURCE_CLAIMS = _kind("resource.k8s.io", "v1", "ResourceClaim", "resourceclaims")
RESOURCE_SLICES = _kind("resource.k8s.io", "v1", "ResourceSlice", "resourceslices", namespaced=False)

BUILT_IN_KINDS: tuple[ResourceKind, ...] = (
    CONFIG_MAPS,
    ENDPOINTS,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    SECRETS,
    SERVICES,
    SERVICE_ACCOUNTS,
    CORE_EVENTS,
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    JOBS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    LEASES,
    EVENTS,
    ENDPOINT_SLICES,
    INGRESSES,
    NETWORK_POLICIES,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    ROLES,
    ROLE_BINDINGS,
    CUSTOM_RESOURCE_DEFINITIONS,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
    VALIDATING_ADMISSION_POLICIES,
    VALIDATING_ADMISSION_POLICY_BINDINGS,
    SELF_SUBJECT_ACCESS_REVIEWS,
    SUBJECT_ACCESS_REVIEWS,
    TOKEN_REVIEWS,
    RUNTIME_CLASSES,
    PRIORITY_CLASSES,
    DEVICE_CLASSES,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
)
_BY_TYPE = {(kind.api_version, kind.kind): kind for kind in BUILT_IN_KINDS}


def built_in_kind(obj: JsonObject) -> ResourceKind | None:
    """The built-in kind that `apiVersion` and `kind` of an object name; None for anything else."""
    return _BY_TYPE.get((str(obj.get("apiVersion", "")), str(obj.get("kind", ""))))
