"""What models and runtimes both say about a model: format, framework, pipeline, catalogue data."""

from typing import Annotated

from omectl.api.wire import ATOMIC_MAP, REQUIRED, Flag, Int64, WireType


class ModelExtensionSpec(WireType):
    """Catalogue data of a model or a weight."""

    display_name: str | None = None
    version: str | None = None
    disabled: Flag | None = None
    vendor: str | None = None
    compartment_id: str | None = None


class ModelFormat(WireType):
    """A weight file format. On a runtime `operator` says how its version compares with the model's."""

    name: Annotated[str, REQUIRED] = ""
    version: str | None = None
    operator: str = "Equal"
    weight: Int64 = 1


class ModelFrameworkSpec(WireType):
    """The library that loads a model; same rules as `ModelFormat`."""

    name: Annotated[str, REQUIRED] = ""
    version: str | None = None
    operator: str = "Equal"
    weight: Int64 = 1


class DiffusionComponentSpec(WireType):
    """One part of a diffusion pipeline."""

    library: str | None = None
    type: str | None = None


class DiffusionPipelineSpec(WireType):
    """Mirror of a `model_index.json`."""

    class_name: str | None = None
    scheduler: DiffusionComponentSpec | None = None
    text_encoder: DiffusionComponentSpec | None = None
    tokenizer: DiffusionComponentSpec | None = None
    transformer: DiffusionComponentSpec | None = None
    vae: DiffusionComponentSpec | None = None
    additional_components: Annotated[dict[str, DiffusionComponentSpec], ATOMIC_MAP] | None = None
