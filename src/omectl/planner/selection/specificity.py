"""How closely an entry describes the models that it takes."""

from functools import lru_cache
from typing import NamedTuple

from omectl.api.serving_runtime import SupportedModelFormat
from omectl.planner.selection.patterns import narrows, pins
from omectl.planner.selection.pipeline import pinned_parts
from omectl.planner.selection.specifiers import parse_specifiers
from omectl.planner.selection.versions import exact


class Specificity(NamedTuple):
    """Attributes pinned to one value come before those held to a list, a glob or a range of versions."""

    pinned: int
    narrowed: int


def specificity(entry: SupportedModelFormat) -> Specificity:
    """How many attributes of a model the entry pins to one value, and how many it narrows."""
    pinned, narrowed = _listed(entry.model_architectures)
    more_pinned, more_narrowed = _listed(entry.quantizations)
    format_, framework = entry.model_format, entry.model_framework
    version_pinned, version_narrowed = _versioned(format_.version, format_.operator, entry.model_format_versions)
    pinned += more_pinned + version_pinned
    narrowed += more_narrowed + version_narrowed
    if framework is not None:
        version_pinned, version_narrowed = _versioned(
            framework.version, framework.operator, entry.model_framework_versions
        )
        pinned += version_pinned
        narrowed += version_narrowed
    if entry.diffusion_pipeline is not None:
        pinned += pinned_parts(entry.diffusion_pipeline)
    if entry.required_capabilities:
        narrowed += len(set(entry.required_capabilities))
    return Specificity(pinned, narrowed)


@lru_cache(maxsize=4096)
def _listed(patterns: tuple[str, ...] | None) -> Specificity:
    """Of a list; without one the older field counts, which means one value, or none when it is absent."""
    return Specificity(int(pins(patterns)), int(narrows(patterns))) if patterns else Specificity(1, 1)


@lru_cache(maxsize=4096)
def _versioned(version: str | None, operator: str, specifiers: str | None) -> Specificity:
    """Of a format or framework: its specifiers, or else the older fields."""
    if specifiers:
        known = parse_specifiers(specifiers)
        return Specificity(int(known is not None and known.exact), int(known is not None))
    return Specificity(int(exact(operator)), 1) if version is not None else Specificity(0, 0)
