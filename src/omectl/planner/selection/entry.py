"""Whether one supported format of a runtime takes a model: every difference, as wanted and found."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from omectl.api.model_spec import DiffusionComponentSpec, DiffusionPipelineSpec, ModelFormat, ModelFrameworkSpec
from omectl.api.serving_runtime import SupportedModelFormat
from omectl.planner.model import ModelView, NamedVersion
from omectl.planner.selection.versions import exact, version_problem


class Code(StrEnum):
    """Why a runtime was passed over."""

    DISABLED = "Disabled"
    ACCELERATOR = "AcceleratorUnsupported"
    NO_FORMATS = "NoSupportedFormats"
    PIPELINE = "DiffusionPipelineMismatch"
    ARCHITECTURE = "ArchitectureMismatch"
    QUANTIZATION = "QuantizationMismatch"
    FORMAT = "FormatMismatch"
    FRAMEWORK = "FrameworkMismatch"
    SIZE = "SizeOutOfRange"
    SIZE_UNREADABLE = "SizeUnreadable"
    NOT_AUTO_SELECTABLE = "NotAutoSelectable"
    COMPONENT = "ComponentMissing"
    NEEDS_DECODER = "NeedsDecoder"


@dataclass(frozen=True, slots=True)
class Difference:
    """One reason against, for machines and in words."""

    code: Code
    text: str


def differences(entry: SupportedModelFormat, model: ModelView) -> tuple[Difference, ...]:
    """What of the model the entry does not take, all of it; nothing when it matches."""
    return tuple(Difference(code, text) for code, text in _checks(entry, model) if text)


def score(entry: SupportedModelFormat) -> int:
    """OME's score of a matching entry: priority times the weights; a weight of 0 counts as the default of 1."""
    framework = (entry.model_framework.weight or 1) if entry.model_framework is not None else 0
    return priority(entry) * ((entry.model_format.weight or 1) + framework)


def priority(entry: SupportedModelFormat) -> int:
    """The entry's priority, 1 when it states none."""
    return 1 if entry.priority is None else entry.priority


def specificity(entry: SupportedModelFormat) -> int:
    """How many attributes of a model the entry pins to one value."""
    versions = [one for one in (entry.model_format, entry.model_framework) if one is not None]
    pinned = sum(one.version is not None and exact(one.operator) for one in versions)
    return pinned + (entry.model_architecture is not None) + (entry.quantization is not None) + _pinned_parts(entry)


def _pinned_parts(entry: SupportedModelFormat) -> int:
    pipeline = entry.diffusion_pipeline
    if pipeline is None:
        return 0
    return 1 + (pipeline.class_name is not None) + sum(part is not None for _, part in _parts(pipeline))


def _checks(entry: SupportedModelFormat, model: ModelView) -> Iterator[tuple[Code, str]]:
    if entry.diffusion_pipeline is not None:
        yield Code.PIPELINE, _pipeline_difference(entry.diffusion_pipeline, model.pipeline)
    yield Code.ARCHITECTURE, _text_difference("architecture", entry.model_architecture, model.architecture)
    yield Code.QUANTIZATION, _text_difference("quantization", entry.quantization, model.quantization)
    yield Code.FORMAT, _versioned("format", entry.model_format if entry.model_format.name else None, model.format)
    if entry.model_framework is not None or model.framework is not None:
        yield Code.FRAMEWORK, _versioned("framework", entry.model_framework, model.framework)


def _text_difference(what: str, wanted: str | None, found: str | None) -> str:
    """Both absent or both equal; absence on the runtime's side does not mean "any"."""
    if wanted == found:
        return ""
    if wanted is None:
        return f"{what}: wanted none, found {found}"
    return f"{what}: wanted {wanted}, " + (f"found {found}" if found is not None else "the model has none")


def _versioned(what: str, wanted: ModelFormat | ModelFrameworkSpec | None, found: NamedVersion | None) -> str:
    if wanted is None:
        return f"{what}: the runtime states none" + (f", found {found.name}" if found is not None else "")
    if found is None:
        return f"{what}: wanted {wanted.name}, the model has none"
    if wanted.name != found.name:
        return f"{what}: wanted {wanted.name}, found {found.name}"
    problem = version_problem(wanted.version, wanted.operator, found.version)
    return f"{what} {wanted.name}: {problem}" if problem else ""


def _parts(pipeline: DiffusionPipelineSpec) -> list[tuple[str, DiffusionComponentSpec | None]]:
    fixed = [
        ("scheduler", pipeline.scheduler),
        ("textEncoder", pipeline.text_encoder),
        ("tokenizer", pipeline.tokenizer),
        ("transformer", pipeline.transformer),
        ("vae", pipeline.vae),
    ]
    return [*fixed, *sorted((pipeline.additional_components or {}).items())]


def _pipeline_difference(wanted: DiffusionPipelineSpec, found: DiffusionPipelineSpec | None) -> str:
    if found is None:
        return "diffusion pipeline: wanted one, the model has none"
    if wanted.class_name is not None and wanted.class_name != found.class_name:
        return f"diffusion pipeline: wanted class {wanted.class_name}, found {found.class_name or 'none'}"
    theirs = dict(_parts(found))
    texts = (_part_difference(name, part, theirs.get(name)) for name, part in _parts(wanted))
    return next((text for text in texts if text), "")


def _part_difference(name: str, wanted: DiffusionComponentSpec | None, found: DiffusionComponentSpec | None) -> str:
    if wanted is None:
        return ""
    if found is None:
        return f"diffusion pipeline: wanted a component {name}, the model has none"
    for what, ours, theirs in (("library", wanted.library, found.library), ("type", wanted.type, found.type)):
        if ours and ours != theirs:
            return f"diffusion pipeline: {name}: wanted {what} {ours}, found {theirs or 'none'}"
    return ""
