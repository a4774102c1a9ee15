"""BaseModel and ClusterBaseModel: one specification in two scopes."""

from typing import Annotated

from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS
from omectl.api.model_spec import DiffusionPipelineSpec, ModelExtensionSpec, ModelFormat, ModelFrameworkSpec
from omectl.api.model_status import ModelStatusSpec
from omectl.api.object import Resource
from omectl.api.storage import StorageSpec
from omectl.api.wire import EMPTY_IS_ABSENT, NAMELESS_IS_ABSENT, FreeForm, Int32, StringMap, Strings


class BaseModelSpec(ModelExtensionSpec):
    """What the model is and where its files come from. Absent facts are filled by the controller."""

    storage: StorageSpec
    model_format: Annotated[ModelFormat | None, NAMELESS_IS_ABSENT] = None
    model_type: str | None = None
    model_framework: Annotated[ModelFrameworkSpec | None, NAMELESS_IS_ABSENT] = None
    model_architecture: str | None = None
    quantization: str | None = None
    model_parameter_size: str | None = None
    model_capabilities: Strings | None = None
    api_capabilities: Strings | None = None
    model_configuration: Annotated[FreeForm | None, EMPTY_IS_ABSENT] = None
    serving_mode: Strings | None = None
    max_tokens: Int32 | None = None
    diffusion_pipeline: Annotated[DiffusionPipelineSpec | None, EMPTY_IS_ABSENT] = None
    additional_metadata: StringMap | None = None


class BaseModel(Resource):
    """A model of one namespace."""

    resource_kind = BASE_MODELS
    spec: BaseModelSpec
    status: Annotated[ModelStatusSpec | None, EMPTY_IS_ABSENT] = None


class ClusterBaseModel(Resource):
    """A model for the whole cluster."""

    resource_kind = CLUSTER_BASE_MODELS
    spec: BaseModelSpec
    status: Annotated[ModelStatusSpec | None, EMPTY_IS_ABSENT] = None
