"""Models made up to fit two entries at once: what an overlap is shown by."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import isqrt
from typing import Final

from omectl.api.labels import ModelKey
from omectl.api.model_size import format_model_size
from omectl.api.model_spec import DiffusionComponentSpec, DiffusionPipelineSpec, ModelFormat, ModelFrameworkSpec
from omectl.api.serving_runtime import SupportedModelFormat
from omectl.api.settings import Settings
from omectl.planner.model import ModelView, NamedVersion
from omectl.planner.model_files import ModelFiles
from omectl.planner.selection.entry import differences
from omectl.planner.selection.patterns import ANY, NONE
from omectl.planner.selection.size import SizeRange
from omectl.planner.selection.specifiers import parse_specifiers

_SOME_SIZE: Final = 7 * 10**9
_LETTER: Final = "X"
_PLAIN: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,8}", re.ASCII)
_NUMBER: Final = re.compile("[0-9]{1,9}", re.ASCII)
_BLANK: Final = ModelView(
    key=ModelKey("ClusterBaseModel", "", "sample"),
    model_type=None,
    format=None,
    framework=None,
    architecture=None,
    quantization=None,
    pipeline=None,
    capabilities=(),
    size=None,
    size_text="",
    size_readable=True,
    files=ModelFiles(path=""),
    settings=Settings.defaults(),
    annotations={},
    weight=None,
    revision="",
    ready=True,
    state="",
)


def common_model(left: SupportedModelFormat, right: SupportedModelFormat) -> ModelView | None:
    """A model of unknown size that both entries take; None when none was found, which nearly always means none is."""
    named = {
        "pipeline": [_pipeline(left.diffusion_pipeline, right.diffusion_pipeline)],
        "capabilities": [
            tuple(dict.fromkeys((*(left.required_capabilities or ()), *(right.required_capabilities or ()))))
        ],
        "architecture": _attributes(
            (left.model_architectures, left.model_architecture), (right.model_architectures, right.model_architecture)
        ),
        "quantization": _attributes((left.quantizations, left.quantization), (right.quantizations, right.quantization)),
        "format": _versions(
            left.model_format, left.model_format_versions, right.model_format, right.model_format_versions
        ),
        "framework": _versions(
            left.model_framework, left.model_framework_versions, right.model_framework, right.model_framework_versions
        ),
    }
    model = _BLANK
    for attribute, values in named.items():
        tried = (replace(model, **{attribute: value}) for value in values)
        wanted = _fewest(tried, lambda one: len(differences(left, one)) + len(differences(right, one)))
        if wanted is None:
            return None
        model = wanted
    return model if not differences(left, model) and not differences(right, model) else None


def sizes_in_both(left: SizeRange, right: SizeRange) -> list[int]:
    """Sizes inside both ranges at which their merits might be equal: the middles, between these, any, and the ends."""
    if left.unreadable or right.unreadable:
        return []
    low = max(left.low or 1, right.low or 1)
    highs = [one.high for one in (left, right) if one.high is not None]
    high = min(highs) if highs else None
    middles = [one.low + one.high for one in (left, right) if one.low is not None and one.high is not None]
    tried = [total // 2 for total in middles] + ([isqrt(middles[0] * middles[1]) // 2] if len(middles) == 2 else [])
    tried += [_SOME_SIZE, low, *highs]
    return [size for size in dict.fromkeys(tried) if low <= size and (high is None or size <= high)]


def of_size(model: ModelView, size: int) -> ModelView:
    """The model with that many parameters."""
    return replace(model, size=size, size_text=format_model_size(size))


def _fewest(values: Iterable[ModelView], misses: Callable[[ModelView], int]) -> ModelView | None:
    return min(values, key=misses, default=None)


def _attributes(*sides: tuple[tuple[str, ...] | None, str | None]) -> list[str | None]:
    """Values that a list or an older field takes, and what two globs might have in common."""
    patterns = [pattern for listed, single in sides for pattern in (listed or (single or NONE,))]
    globs = [pattern for pattern in patterns if pattern not in (ANY, NONE)]
    joined = [f"{one.partition('*')[0]}{other.rpartition('*')[2]}" for one in globs for other in globs]
    return [None, *(glob.replace("*", "") or _LETTER for glob in globs), *joined]


def _versions(
    left: ModelFormat | ModelFrameworkSpec | None,
    left_specifiers: str | None,
    right: ModelFormat | ModelFrameworkSpec | None,
    right_specifiers: str | None,
) -> list[NamedVersion | None]:
    """Versions at and beside every bound."""
    values: list[NamedVersion | None] = [None]
    for named, specifiers in ((left, left_specifiers), (right, right_specifiers)):
        if named is None or not named.name:
            continue
        known = parse_specifiers(specifiers) if specifiers else None
        bounds = [clause.release.text for clause in known.clauses] if known is not None else [named.version]
        values.append(NamedVersion(named.name))
        for bound in bounds:
            values += [NamedVersion(named.name, text) for text in _beside(bound or "1.0.0")]
    return values


def _beside(version: str) -> Iterator[str]:
    """The version, it with one of its numbers one more or one less, and one between it and the next."""
    yield version
    for number in _NUMBER.finditer(version):
        for changed in (int(number[0]) + 1, int(number[0]) - 1):
            if changed >= 0:
                yield f"{version[: number.start()]}{changed}{version[number.end() :]}"
    if _PLAIN.fullmatch(version):
        yield f"{version}.1"


def _pipeline(left: DiffusionPipelineSpec | None, right: DiffusionPipelineSpec | None) -> DiffusionPipelineSpec | None:
    """A pipeline with every part that one of the two asks for."""
    if left is None or right is None:
        return left or right
    ours, theirs = left.additional_components or {}, right.additional_components or {}
    return DiffusionPipelineSpec(
        class_name=left.class_name or right.class_name,
        scheduler=_part(left.scheduler, right.scheduler),
        text_encoder=_part(left.text_encoder, right.text_encoder),
        tokenizer=_part(left.tokenizer, right.tokenizer),
        transformer=_part(left.transformer, right.transformer),
        vae=_part(left.vae, right.vae),
        additional_components={name: _part(ours.get(name), theirs.get(name)) for name in sorted({*ours, *theirs})},
    )


def _part(left: DiffusionComponentSpec | None, right: DiffusionComponentSpec | None) -> DiffusionComponentSpec:
    ours, theirs = left or DiffusionComponentSpec(), right or DiffusionComponentSpec()
    return DiffusionComponentSpec(library=ours.library or theirs.library, type=ours.type or theirs.type)
