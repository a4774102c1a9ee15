"""FineTunedWeight: what was trained on top of a base model."""

from typing import Annotated

from omectl.api.kinds import FINE_TUNED_WEIGHTS
from omectl.api.model_spec import ModelExtensionSpec
from omectl.api.model_status import LifecycleStatus
from omectl.api.object import Resource
from omectl.api.references import ObjectReference
from omectl.api.storage import StorageSpec
from omectl.api.wire import EMPTY_IS_ABSENT, NAMELESS_IS_ABSENT, REQUIRED, FreeForm


class FineTunedWeightSpec(ModelExtensionSpec):
    """The base model, the kind of weight and its files."""

    base_model_ref: ObjectReference
    model_type: str
    storage: StorageSpec
    hyper_parameters: Annotated[FreeForm | None, REQUIRED, EMPTY_IS_ABSENT] = None
    configuration: Annotated[FreeForm | None, EMPTY_IS_ABSENT] = None
    training_job_ref: Annotated[ObjectReference | None, NAMELESS_IS_ABSENT] = None


class FineTunedWeight(Resource):
    """A fine-tuned weight for the whole cluster."""

    resource_kind = FINE_TUNED_WEIGHTS
    spec: FineTunedWeightSpec
    status: Annotated[LifecycleStatus | None, EMPTY_IS_ABSENT] = None
