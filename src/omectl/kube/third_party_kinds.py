"""Kinds of other projects that a service's plan may hold. A cluster need not serve them."""

from omectl.api.resource import ResourceKind

SCALED_OBJECTS = ResourceKind(
    group="keda.sh", version="v1alpha1", kind="ScaledObject", plural="scaledobjects", namespaced=True
)
