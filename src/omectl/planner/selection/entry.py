"""Whether one supported format of a runtime takes a model: every difference, as wanted and found."""

from omectl.api.model_spec import ModelFormat, ModelFrameworkSpec
from omectl.api.serving_runtime import SupportedModelFormat
from omectl.planner.model import ModelView, NamedVersion
from omectl.planner.selection.difference import Code, Difference
from omectl.planner.selection.patterns import NONE, takes
from omectl.planner.selection.pipeline import pipeline_difference
from omectl.planner.selection.specifiers import parse_specifiers
from omectl.planner.selection.versions import exact, specifier_problem, version_problem


def differences(entry: SupportedModelFormat, model: ModelView) -> list[Difference]:
    """What of the model the entry does not take, all of it; nothing when it matches."""
    found: list[Difference] = []
    if entry.diffusion_pipeline is not None and (text := pipeline_difference(entry.diffusion_pipeline, model.pipeline)):
        found.append(Difference(Code.PIPELINE, text))
    listed, single, stated = entry.model_architectures, entry.model_architecture, model.architecture
    if not _takes(listed, single, stated):
        found.append(Difference(Code.ARCHITECTURE, _attribute("architecture", listed, single, stated)))
    listed, single, stated = entry.quantizations, entry.quantization, model.quantization
    if not _takes(listed, single, stated):
        found.append(Difference(Code.QUANTIZATION, _attribute("quantization", listed, single, stated)))
    named = entry.model_format if entry.model_format.name else None
    if (difference := _versioned("format", named, entry.model_format_versions, model.format)) is not None:
        found.append(difference)
    framework, known = entry.model_framework, model.framework
    if framework is not None or known is not None:
        difference = _versioned("framework", framework, entry.model_framework_versions, known)
        if difference is not None:
            found.append(difference)
    if entry.required_capabilities and (lacking := _lacking(entry.required_capabilities, model.capabilities)):
        text = f"capability: wanted {', '.join(lacking)}, found {', '.join(model.capabilities) or 'none'}"
        found.append(Difference(Code.CAPABILITY, text))
    return found


def score(entry: SupportedModelFormat) -> int:
    """OME's score of a matching entry: priority times the weights, where 0 counts as 10 (format) or 5 (framework)."""
    framework = (entry.model_framework.weight or 5) if entry.model_framework is not None else 0
    return priority(entry) * ((entry.model_format.weight or 10) + framework)


def priority(entry: SupportedModelFormat) -> int:
    """The entry's priority, 1 when it states none."""
    return 1 if entry.priority is None else entry.priority


def _takes(listed: tuple[str, ...] | None, single: str | None, found: str | None) -> bool:
    """The list where there is one; else both state nothing or the same. There, absence does not mean "any"."""
    return takes(listed, found) if listed else (single or None) == found


def _attribute(what: str, listed: tuple[str, ...] | None, single: str | None, found: str | None) -> str:
    wanted = " or ".join(listed) if listed else single or NONE
    return f"{what}: wanted {wanted}, " + (f"found {found}" if found is not None else "the model has none")


def _versioned(
    what: str, wanted: ModelFormat | ModelFrameworkSpec | None, specifiers: str | None, found: NamedVersion | None
) -> Difference | None:
    code = Code.FORMAT if what == "format" else Code.FRAMEWORK
    if wanted is None:
        return Difference(code, f"{what}: the runtime states none" + (f", found {found.name}" if found else ""))
    if found is None:
        return Difference(code, f"{what}: wanted {wanted.name}, the model has none")
    if wanted.name != found.name:
        return Difference(code, f"{what}: wanted {wanted.name}, found {found.name}")
    if not specifiers and wanted.version == found.version and exact(wanted.operator):
        return None  # the same text, which is most of them
    if not specifiers:
        problem = version_problem(wanted.version, wanted.operator, found.version)
    elif parse_specifiers(specifiers) is None:
        field = "modelFormatVersions" if what == "format" else "modelFrameworkVersions"
        return Difference(Code.VERSION_UNREADABLE, f"{field}: wanted versions as in >=4.43,<5, found {specifiers!r}")
    else:
        problem = specifier_problem(specifiers, found.version)
    if not problem:
        return None
    code = Code.FORMAT_VERSION if what == "format" else Code.FRAMEWORK_VERSION
    return Difference(code, f"{what} {wanted.name}: {problem}")


def _lacking(wanted: tuple[str, ...], found: tuple[str, ...]) -> list[str]:
    """Capabilities are told apart by their letters alone: `text-to-image` is `TEXT_TO_IMAGE`."""
    known = {_plain(one) for one in found}
    return [one for one in wanted if _plain(one) not in known]


def _plain(capability: str) -> str:
    return capability.upper().replace("-", "_")
