"""Which models a runtime could be chosen for: a change of it concerns the services of no others."""

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
