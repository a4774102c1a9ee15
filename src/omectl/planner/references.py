"""Which objects a service refers to: one resolver for the controller, the command line and admission."""

from collections.abc import Callable

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.inference_service import InferenceService
from omectl.api.references import ModelRef
from omectl.api.resource import ObjectKey


def resolve_model(
    service: InferenceService, find: Callable[[ObjectKey], BaseModel | ClusterBaseModel | None]
) -> BaseModel | ClusterBaseModel | None:
    """The model that the service means, None when there is none; `find` knows a model by its key."""
    reference = model_reference(service)
    if reference is None:
        return None
    found = (find(ObjectKey(namespace, reference.name)) for namespace in model_namespaces(service, reference))
    return next((model for model in found if model is not None), None)


def model_reference(service: InferenceService) -> ModelRef | None:
    """The model as the service names it, in the new form or the old."""
    if service.spec.model is not None:
        return service.spec.model
    old = service.spec.predictor.model if service.spec.predictor is not None else None
    return ModelRef(name=old.base_model) if old is not None and old.base_model else None


def model_namespaces(service: InferenceService, reference: ModelRef) -> tuple[str, ...]:
    """Where the model is looked for, in order; "" is cluster scope.

    The kind cannot decide alone: the API server writes `ClusterBaseModel` where a user wrote none. Only `BaseModel`,
    which somebody wrote, rules the cluster's out.
    """
    if reference.kind == BaseModel.resource_kind.kind:
        return (service.namespace,)
    return (service.namespace, "")
