"""Whether one supported format of a runtime takes a model: every difference, as wanted and found."""

from functools import lru_cache
from typing import Final

from omectl.api.model_spec import DiffusionPipelineSpec
from omectl.api.serving_runtime import SupportedModelFormat
from omectl.planner.model import ModelView, NamedVersion
from omectl.planner.selection.difference import Code, Difference
from omectl.planner.selection.inquiry import Answers, Inquiry, Statement
from omectl.planner.selection.patterns import NONE, takes
from omectl.planner.selection.pipeline import pipeline_difference
from omectl.planner.selection.specifiers import parse_specifiers
from omectl.planner.selection.versions import specifier_problem, version_problem

_REMEMBERED: Final = 8192
_LISTED: Final = 8
"""So many names of a list are told."""
_WORDS: Final = {
    Code.ARCHITECTURE: "architecture",
    Code.QUANTIZATION: "quantization",
    Code.FORMAT: "format",
    Code.FRAMEWORK: "framework",
}
_OF_THE_VERSION: Final = {Code.FORMAT: Code.FORMAT_VERSION, Code.FRAMEWORK: Code.FRAMEWORK_VERSION}


def statements_of(entry: SupportedModelFormat) -> tuple[Statement, ...]:
    """Everything that an entry states, in the order in which differences are told."""
    named, framework = entry.model_format, entry.model_framework
    wanted = (framework.name, framework.version, framework.operator) if framework is not None else (None, None, "")
    found = [
        _architecture(entry.model_architectures, entry.model_architecture),
        _quantization(entry.quantizations, entry.quantization),
        _format(named.name or None, named.version, named.operator, entry.model_format_versions),
        _framework(*wanted, entry.model_framework_versions),
    ]
    if entry.diffusion_pipeline is not None:
        found.insert(0, _pipeline(entry.diffusion_pipeline))
    if entry.required_capabilities:
        found.append(_capabilities(entry.required_capabilities))
    if not entry.auto_select:
        found.append(_by_name_only)
    if (points := score(entry)) <= 0:
        found.append(_no_score(points, priority(entry)))
    return tuple(found)


def differences(entry: SupportedModelFormat, model: ModelView) -> list[Difference]:
    """What of the model the entry does not take, all of it; nothing when it matches."""
    return Answers(Inquiry(model)).against(statements_of(entry))


def score(entry: SupportedModelFormat) -> int:
    """OME's score of a matching entry: priority times the weights, where 0 counts as 10 (format) or 5 (framework)."""
    framework = (entry.model_framework.weight or 5) if entry.model_framework is not None else 0
    return priority(entry) * ((entry.model_format.weight or 10) + framework)


def priority(entry: SupportedModelFormat) -> int:
    """The entry's priority, 1 when it states none."""
    return 1 if entry.priority is None else entry.priority


def lacking(wanted: tuple[str, ...], found: tuple[str, ...]) -> list[str]:
    """The wanted capabilities that are not there, told apart by letters alone: `text-to-image` is `TEXT_TO_IMAGE`."""
    known = {_plain(one) for one in found}
    return [one for one in wanted if _plain(one) not in known]


@lru_cache(maxsize=_REMEMBERED)
def _architecture(listed: tuple[str, ...] | None, single: str | None) -> Statement:
    return lambda inquiry: _attribute(Code.ARCHITECTURE, listed, single, inquiry.model.architecture)


@lru_cache(maxsize=_REMEMBERED)
def _quantization(listed: tuple[str, ...] | None, single: str | None) -> Statement:
    return lambda inquiry: _attribute(Code.QUANTIZATION, listed, single, inquiry.model.quantization)


@lru_cache(maxsize=_REMEMBERED)
def _format(name: str | None, version: str | None, operator: str, specifiers: str | None) -> Statement:
    return lambda inquiry: _versioned(Code.FORMAT, name, version, operator, specifiers, inquiry.model.format)


@lru_cache(maxsize=_REMEMBERED)
def _framework(name: str | None, version: str | None, operator: str, specifiers: str | None) -> Statement:
    def statement(inquiry: Inquiry) -> Difference | None:
        if name is None and inquiry.model.framework is None:
            return None
        return _versioned(Code.FRAMEWORK, name, version, operator, specifiers, inquiry.model.framework)

    return statement


@lru_cache(maxsize=_REMEMBERED)
def _capabilities(wanted: tuple[str, ...]) -> Statement:
    def statement(inquiry: Inquiry) -> Difference | None:
        missing = lacking(wanted, inquiry.model.capabilities)
        if not missing:
            return None
        text = f"capability: wanted {', '.join(missing)}, found {', '.join(inquiry.model.capabilities) or 'none'}"
        return Difference(Code.CAPABILITY, text)

    return statement


def _pipeline(wanted: DiffusionPipelineSpec) -> Statement:
    def statement(inquiry: Inquiry) -> Difference | None:
        text = pipeline_difference(wanted, inquiry.model.pipeline)
        return Difference(Code.PIPELINE, text) if text else None

    return statement


def _by_name_only(inquiry: Inquiry) -> Difference | None:
    if not inquiry.rules.automatic:
        return None
    return Difference(Code.NOT_AUTO_SELECTABLE, "it may only be chosen by name (autoSelect is not true on the format)")


@lru_cache(maxsize=_REMEMBERED)
def _no_score(points: int, factor: int) -> Statement:
    def statement(inquiry: Inquiry) -> Difference | None:
        if not (inquiry.rules.automatic and inquiry.rules.needs_score):
            return None
        text = f"score: wanted more than 0, found {points} (priority {factor} times the weights)"
        return Difference(Code.NO_SCORE, text)

    return statement


def _attribute(code: Code, listed: tuple[str, ...] | None, single: str | None, found: str | None) -> Difference | None:
    """The list where there is one; else both state nothing or the same. There, absence does not mean "any"."""
    if takes(listed, found) if listed else (single or None) == found:
        return None
    more = f" or {len(listed) - _LISTED} others" if listed and len(listed) > _LISTED else ""
    wanted = " or ".join(listed[:_LISTED]) + more if listed else single or NONE
    told = f"found {found}" if found is not None else "the model has none"
    return Difference(code, f"{_WORDS[code]}: wanted {wanted}, {told}")


def _versioned(
    code: Code,
    wanted: str | None,
    version: str | None,
    operator: str,
    specifiers: str | None,
    found: NamedVersion | None,
) -> Difference | None:
    """A format or framework with its version; None where the runtime or the model states none."""
    what = _WORDS[code]
    if wanted is None:
        return Difference(code, f"{what}: the runtime states none" + (f", found {found.name}" if found else ""))
    if found is None:
        return Difference(code, f"{what}: wanted {wanted}, the model has none")
    if wanted != found.name:
        return Difference(code, f"{what}: wanted {wanted}, found {found.name}")
    if not specifiers:
        problem = version_problem(version, operator, found.version)
    elif parse_specifiers(specifiers) is None:
        field = "modelFormatVersions" if code is Code.FORMAT else "modelFrameworkVersions"
        text = f"{field}: wanted versions as in >=4.43,<5, found {specifiers!r}"
        return Difference(Code.VERSION_UNREADABLE, text, field)
    else:
        problem = specifier_problem(specifiers, found.version)
    if not problem:
        return None
    return Difference(_OF_THE_VERSION[code], f"{what} {wanted}: {problem}")


def _plain(capability: str) -> str:
    return capability.upper().replace("-", "_")
