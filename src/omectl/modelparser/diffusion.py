"""A diffusers pipeline's `model_index.json`."""

from dataclasses import dataclass

from omectl.api.json import JsonObject, JsonValue
from omectl.modelparser.document import Section
from omectl.modelparser.errors import ModelParseError

_SLOTS = {
    "scheduler": "scheduler",
    "text_encoder": "textEncoder",
    "tokenizer": "tokenizer",
    "transformer": "transformer",
    "unet": "transformer",
    "vae": "vae",
}
_MAX_COMPONENTS = 100
_MAX_TEXT = 1000
_CLASS_NAMES = ("_class_name", "class_name", "className")


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a pipeline: the folder it lies in, its library and its class (either may be unknown)."""

    folder: str
    library: str | None
    type: str | None

    def record(self) -> JsonObject:
        """As the API writes it: what is unknown is left out."""
        named: list[tuple[str, str | None]] = [("library", self.library), ("type", self.type)]
        return {name: value for name, value in named if value}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline's class, diffusers version and components in the file's order."""

    class_name: str | None
    version: str | None
    components: tuple[Component, ...]

    def has(self, folder: str) -> bool:
        """Whether a component of this name is there and not switched off (`[null, null]`)."""
        return any(component.folder == folder for component in self.components)

    def record(self) -> JsonObject:
        """`diffusionPipeline` of a model's spec. A transformer goes before a unet when both are there."""
        result: JsonObject = {"className": self.class_name} if self.class_name else {}
        extra: JsonObject = {}
        for component in sorted(self.components, key=lambda component: component.folder.lower() == "unet"):
            slot = _SLOTS.get(component.folder.lower())
            if slot is not None and slot not in result:
                result[slot] = component.record()
            else:
                extra[component.folder] = component.record()
        if extra:
            result["additionalComponents"] = extra
        return result


def is_pipeline(index: Section) -> bool:
    """Whether an object looks like a pipeline's index."""
    return any(index.has(name) for name in (*_CLASS_NAMES, "_diffusers_version"))


def read_pipeline(index: Section) -> Pipeline:
    """The pipeline that an index describes; `ModelParseError` when it names neither a class nor a component."""
    components = tuple(
        component
        for name, value in index.values.items()
        if not name.startswith("_") and (component := _component(name, value)) is not None
    )
    if len(components) > _MAX_COMPONENTS:
        raise ModelParseError(index.path, "", f"{len(components)} components", f"at most {_MAX_COMPONENTS}")
    class_name = index.text(*_CLASS_NAMES)
    if class_name is None and not components:
        raise ModelParseError(index.path, "_class_name", "neither a class nor a component", "a diffusers pipeline")
    return Pipeline(class_name, index.text("_diffusers_version", "diffusers_version"), components)


def _component(name: str, value: JsonValue) -> Component | None:
    if isinstance(value, list) and value:
        words = [item[:_MAX_TEXT] if isinstance(item, str) else "" for item in value[:2]]
        library, kind = words if len(words) == 2 else ("", words[0])
        return Component(name, library or None, kind or None) if library or kind else None
    if isinstance(value, dict):
        kind = _first_text(value, (*_CLASS_NAMES, "type"))
        library = _first_text(value, ("_library", "library"))
        return Component(name, library, kind) if kind or library else None
    return None


def _first_text(values: JsonObject, names: tuple[str, ...]) -> str | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value:
            return value[:_MAX_TEXT]
    return None
