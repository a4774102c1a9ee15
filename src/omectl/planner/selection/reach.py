"""Which models a runtime could be chosen for, and what changes of it a choice sees: other services sleep on."""

from omectl.api.json import JsonValue
from omectl.planner.dialects import dialect_of
from omectl.planner.model import ModelView
from omectl.planner.selection.candidates import Runtime, entries
from omectl.planner.selection.entry import differences
from omectl.planner.selection.size import SizeRange


def could_take(runtime: Runtime, model: ModelView) -> bool:
    """Whether a service of the model might be given the runtime, whatever else the service asks for."""
    spec = runtime.spec
    if spec.disabled or SizeRange.of(spec.model_size_range).difference(model) is not None:
        return False
    return any(entry.auto_select and not differences(entry, model) for entry in entries(runtime))


def chosen_alike(old: JsonValue, new: JsonValue) -> bool:
    """Whether a choice can see no difference between a runtime's old `spec` and its new one.

    That is so where only images changed, as when a catalogue takes up a new release, and their names still tell the
    same engine: of an image a choice reads nothing else.
    """
    return _by_engine(old) == _by_engine(new)


def _by_engine(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: _engine(one) if name == "image" else _by_engine(one) for name, one in value.items()}
    return [_by_engine(one) for one in value] if isinstance(value, list) else value


def _engine(image: JsonValue) -> JsonValue:
    """What an image's name tells; one that is no text, or tells nothing, stays apart from one that is not there."""
    if not isinstance(image, str) or not image:
        return _by_engine(image)
    dialect = dialect_of(image, (), ())
    return dialect.name if dialect is not None else "image"
