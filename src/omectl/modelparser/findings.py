"""Facts while they are gathered, each with where it comes from."""

from dataclasses import dataclass, field
from enum import StrEnum

from omectl.api.facts import ModelFacts
from omectl.api.json import JsonObject, JsonValue
from omectl.api.wire import wire_name


class Source(StrEnum):
    """Where a fact comes from, the surest first."""

    TENSORS = "tensors"
    """Headers of weight files: exact."""
    FILES = "files"
    """Names and sizes of the files."""
    INDEX = "index"
    """What an index of weight files declares."""
    CONFIGURATION = "configuration"
    """A field of a document, or arithmetic over several."""
    TABLE = "table"
    """The family's row, where the document leaves a field out."""
    ESTIMATE = "estimate"
    """Rules for what is not known better."""


@dataclass(slots=True)
class Findings:
    """Facts by the names that `ModelFacts` gives them."""

    values: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    sources: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, source: Source, **known: JsonValue) -> None:
        """Facts of one source; None is not said, and so is what is empty."""
        for name, value in known.items():
            if value is None or value in ((), [], {}, ""):
                continue
            self.values[name] = value
            self.sources[wire_name(name)] = source.value

    def facts(self) -> ModelFacts:
        """All that was added."""
        sources: JsonObject = dict(self.sources)
        return ModelFacts.model_validate({**self.values, "sources": sources})
