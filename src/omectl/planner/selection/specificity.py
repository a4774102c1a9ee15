"""How closely an entry describes the models that it takes."""

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
    pinned = 0 if entry.diffusion_pipeline is None else pinned_parts(entry.diffusion_pipeline)
    narrowed = len(set(entry.required_capabilities or ()))
    for listed in (entry.model_architectures, entry.quantizations):
        pinned += not listed or pins(listed)  # the older field means one value, or none when it is absent
        narrowed += not listed or narrows(listed)
    framework = entry.model_framework
    for named, specifiers in (
        (entry.model_format, entry.model_format_versions),
        (framework, entry.model_framework_versions),
    ):
        if named is None:
            continue
        if specifiers:
            known = parse_specifiers(specifiers)
            pinned += known is not None and known.exact
            narrowed += known is not None
        elif named.version is not None:
            pinned += exact(named.operator)
            narrowed += 1
    return Specificity(pinned, narrowed)
