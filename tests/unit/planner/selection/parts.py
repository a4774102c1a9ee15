"""Parts of runtimes and models that the selection's tests vary, in the worked examples' terms."""

from tests.unit.planner.build import FORMAT, FRAMEWORK, Json, Runtime, entry, model, service

from omectl.api.settings import SelectionSettings, Settings
from omectl.planner.model import ModelView, view_model
from omectl.planner.selection.choice import Selection, select_runtime

E0 = entry()


def classes(*names: str) -> Json:
    """The accelerator classes that a runtime lists."""
    return {"acceleratorRequirements": {"acceleratorClasses": list(names)}}


def sized(low: str | None, high: str | None) -> Json:
    """A runtime's size range; None leaves a bound out."""
    return {"modelSizeRange": {key: text for key, text in (("min", low), ("max", high)) if text is not None}}


def weighted(format_weight: int, framework_weight: int, **changes: Json) -> Json:
    """E0 with these weights."""
    weights = {"modelFormat": {**FORMAT, "weight": format_weight}}
    return entry(**weights, modelFramework={**FRAMEWORK, "weight": framework_weight}, **changes)


def framework(version: str | None, operator: str | None = None) -> Json:
    """The framework of a model or an entry."""
    given = {"name": "transformers", "version": version, "operator": operator}
    return {"modelFramework": {key: value for key, value in given.items() if value is not None}}


def fmt(version: str, operator: str = "Equal") -> Json:
    """The format of an entry."""
    return {"modelFormat": {"name": "safetensors", "version": version, "operator": operator}}


def view(**changes: Json) -> ModelView:
    """Model M0 as the planner sees it, with these changes of its spec."""
    return view_model(model(**changes), Settings.defaults())


def picked(
    *runtimes: Runtime,
    asked: Json = None,
    ranking: str = "default",
    strict: bool = False,
    previous: Json = None,
    **changes: Json,
) -> Selection:
    """The selection for a service (M0's, with these changes of the model) among the runtimes."""
    settings = SelectionSettings.model_validate({"ranking": ranking, "strict": strict})
    return select_runtime(asked or service(), view(**changes), runtimes, settings, previous)


def name_of(found: Selection) -> str:
    """The chosen runtime's name, "" for none."""
    return found.runtime.name if found.runtime is not None else ""
