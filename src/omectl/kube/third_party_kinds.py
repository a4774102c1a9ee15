"""Kinds of other projects that a service's plan may hold or follow. A cluster need not serve them."""

from omectl.api.resource import ResourceKind

GATEWAYS = ResourceKind(
    group="gateway.networking.k8s.io", version="v1", kind="Gateway", plural="gateways", namespaced=True
)
HTTP_ROUTES = ResourceKind(
    group="gateway.networking.k8s.io", version="v1", kind="HTTPRoute", plural="httproutes", namespaced=True
)
INFERENCE_POOLS = ResourceKind(
    group="inference.networking.k8s.io", version="v1", kind="InferencePool", plural="inferencepools", namespaced=True
)
KNATIVE_SERVICES = ResourceKind(
    group="serving.knative.dev", version="v1", kind="Service", plural="services", namespaced=True
)
LEADER_WORKER_SETS = ResourceKind(
    group="leaderworkerset.x-k8s.io", version="v1", kind="LeaderWorkerSet", plural="leaderworkersets", namespaced=True
)
RAY_CLUSTERS = ResourceKind(group="ray.io", version="v1", kind="RayCluster", plural="rayclusters", namespaced=True)
SIDECARS = ResourceKind(group="networking.istio.io", version="v1", kind="Sidecar", plural="sidecars", namespaced=True)
VIRTUAL_SERVICES = ResourceKind(
    group="networking.istio.io", version="v1", kind="VirtualService", plural="virtualservices", namespaced=True
)
SCALED_OBJECTS = ResourceKind(
    group="keda.sh", version="v1alpha1", kind="ScaledObject", plural="scaledobjects", namespaced=True
)
