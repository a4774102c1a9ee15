"""How many parameters a pipeline's component has by its own configuration, where its weights were not read."""

from omectl.modelparser.configuration import Configuration, read_configuration
from omectl.modelparser.convolutions import autoencoder_parameters, unet_parameters
from omectl.modelparser.counts import configured_parameters
from omectl.modelparser.document import Section, read_object
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.families import family_of

_CONVOLUTIONS = {"UNet2DConditionModel": unet_parameters, "AutoencoderKL": autoencoder_parameters}


def component_parameters(path: str, data: bytes) -> int | None:
    """The count by the class that a component's `config.json` names; None when there is no formula for it."""
    try:
        config = Section(path, read_object(path, data))
        name = config.hint("_class_name")
        if name in _CONVOLUTIONS:
            return _CONVOLUTIONS[name](config)
        if not name:
            return configured_parameters(read_configuration(config))
        kind = name.lower()
        return configured_parameters(Configuration(config, config, family_of(kind), kind, name))
    except ModelParseError:
        return None
