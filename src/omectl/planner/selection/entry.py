"""Whether one supported format of a runtime takes a model: every difference, as wanted and found.

Hundreds of runtimes state the same few things, and each is held against every service's model: what one statement
says of one attribute is worked out once and remembered.
"""

from functools import lru_cache
from typing import Final

from omectl.api.serving_runtime import SupportedModelFormat
from omectl.planner.model import ModelView
from omectl.planner.selection.difference import Code, Difference
from omectl.planner.selection.patterns import NONE, takes
from omectl.planner.selection.pipeline import pipeline_difference
from omectl.planner.selection.specifiers import parse_specifiers
from omectl.planner.selection.versions import specifier_problem, version_problem

_REMEMBERED: Final = 16384
_WORDS: Final = {
    Code.ARCHITECTURE: "architecture",
    Code.QUANTIZATION: "quantization",
    Code.FORMAT: "format",
    Code.FRAMEWORK: "framework",
}
_OF_THE_VERSION: Final = {Code.FORMAT: Code.FORMAT_VERSION, Code.FRAMEWORK: Code.FRAMEWORK_VERSION}


def differences(entry: SupportedModelFormat, model: ModelView) -> list[Difference]:
    """What of the model the entry does not take, all of it; nothing when it matches."""
    found: list[Difference] = []
    if entry.diffusion_pipeline is not None and (text := pipeline_difference(entry.diffusion_pipeline, model.pipeline)):
        found.append(Difference(Code.PIPELINE, text))
    if (
        difference := _attribute(
            Code.ARCHITECTURE, entry.model_architectures, entry.model_architecture, model.architecture
        )
    ) is not None:
        found.append(difference)
    if (
        difference := _attribute(Code.QUANTIZATION, entry.quantizations, entry.quantization, model.quantization)
    ) is not None:
        found.append(difference)
    named, known = entry.model_format, model.format
    name, version = (known.name, known.version) if known is not None else (None, None)
    if (
        difference := _versioned(
            Code.FORMAT, named.name or None, named.version, named.operator, entry.model_format_versions, name, version
        )
    ) is not None:
        found.append(difference)
    framework, known = entry.model_framework, model.framework
    if framework is not None or known is not None:
        name, version = (known.name, known.version) if known is not None else (None, None)
        wanted = (framework.name, framework.version, framework.operator) if framework is not None else (None, None, "")
        difference = _versioned(Code.FRAMEWORK, *wanted, entry.model_framework_versions, name, version)
        if difference is not None:
            found.append(difference)
    if (
        entry.required_capabilities
        and (difference := _capability(entry.required_capabilities, model.capabilities)) is not None
    ):
        found.append(difference)
    return found


def score(entry: SupportedModelFormat) -> int:
    """OME's score of a matching entry: priority times the weights, where 0 counts as 10 (format) or 5 (framework)."""
    framework = (entry.model_framework.weight or 5) if entry.model_framework is not None else 0
    return priority(entry) * ((entry.model_format.weight or 10) + framework)


def priority(entry: SupportedModelFormat) -> int:
    """The entry's priority, 1 when it states none."""
    return 1 if entry.priority is None else entry.priority


@lru_cache(maxsize=_REMEMBERED)
def _attribute(code: Code, listed: tuple[str, ...] | None, single: str | None, found: str | None) -> Difference | None:
    """The list where there is one; else both state nothing or the same. There, absence does not mean "any"."""
    if takes(listed, found) if listed else (single or None) == found:
        return None
    wanted = " or ".join(listed) if listed else single or NONE
    told = f"found {found}" if found is not None else "the model has none"
    return Difference(code, f"{_WORDS[code]}: wanted {wanted}, {told}")


@lru_cache(maxsize=_REMEMBERED)
def _versioned(
    code: Code,
    wanted: str | None,
    version: str | None,
    operator: str,
    specifiers: str | None,
    found: str | None,
    found_version: str | None,
) -> Difference | None:
    """A format or framework with its version; names are None where the runtime or the model states none."""
    what = _WORDS[code]
    if wanted is None:
        return Difference(code, f"{what}: the runtime states none" + (f", found {found}" if found else ""))
    if found is None:
        return Difference(code, f"{what}: wanted {wanted}, the model has none")
    if wanted != found:
        return Difference(code, f"{what}: wanted {wanted}, found {found}")
    if not specifiers:
        problem = version_problem(version, operator, found_version)
    elif parse_specifiers(specifiers) is None:
        field = "modelFormatVersions" if code is Code.FORMAT else "modelFrameworkVersions"
        return Difference(Code.VERSION_UNREADABLE, f"{field}: wanted versions as in >=4.43,<5, found {specifiers!r}")
    else:
        problem = specifier_problem(specifiers, found_version)
    if not problem:
        return None
    return Difference(_OF_THE_VERSION[code], f"{what} {wanted}: {problem}")


@lru_cache(maxsize=_REMEMBERED)
def _capability(wanted: tuple[str, ...], found: tuple[str, ...]) -> Difference | None:
    missing = _lacking(wanted, found)
    if not missing:
        return None
    text = f"capability: wanted {', '.join(missing)}, found {', '.join(found) or 'none'}"
    return Difference(Code.CAPABILITY, text)


def _lacking(wanted: tuple[str, ...], found: tuple[str, ...]) -> list[str]:
    """Capabilities are told apart by their letters alone: `text-to-image` is `TEXT_TO_IMAGE`."""
    known = {_plain(one) for one in found}
    return [one for one in wanted if _plain(one) not in known]


def _plain(capability: str) -> str:
    return capability.upper().replace("-", "_")
