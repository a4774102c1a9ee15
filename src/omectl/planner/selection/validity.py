"""What in a runtime's statements about models cannot mean anything: for its author, before a service meets it.

Selection copes with all of it, but a runtime with such a field serves less than its author thinks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from omectl.api.model_spec import ModelFormat, ModelFrameworkSpec
from omectl.api.model_version import ModelVersion
from omectl.api.serving_runtime import ServingRuntimeSpec, SupportedModelFormat
from omectl.planner.selection.size import SizeRange
from omectl.planner.selection.specifiers import parse_specifiers
from omectl.planner.selection.versions import OPERATORS


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A field by its path below `spec`, and what was wanted and found there."""

    field: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.field}: wanted {self.wanted}, found {self.found}"


def field_problems(spec: ServingRuntimeSpec) -> tuple[FieldProblem, ...]:
    """Every such field, in the order of the manifest."""
    found: list[FieldProblem] = []
    for index, entry in enumerate(spec.supported_model_formats or ()):
        found += _entry(f"supportedModelFormats[{index}]", entry)
    if spec.model_size_range is not None:
        found += _size_range(SizeRange.of(spec.model_size_range), spec.model_size_range.min, spec.model_size_range.max)
    return tuple(found)


def _entry(path: str, entry: SupportedModelFormat) -> Iterator[FieldProblem]:
    if not entry.model_format.name:
        yield FieldProblem(f"{path}.modelFormat.name", "a name", "nothing")
    yield from _version(f"{path}.modelFormat", entry.model_format)
    if entry.model_framework is not None:
        yield from _version(f"{path}.modelFramework", entry.model_framework)
    if entry.priority is not None and entry.priority < 1:
        yield FieldProblem(f"{path}.priority", "1 or more", str(entry.priority))
    for name, specifiers in (
        ("modelFormatVersions", entry.model_format_versions),
        ("modelFrameworkVersions", entry.model_framework_versions),
    ):
        if specifiers and parse_specifiers(specifiers) is None:
            yield FieldProblem(f"{path}.{name}", "versions as in >=4.43,<5", repr(specifiers))
    for name, listed in (
        ("modelArchitectures", entry.model_architectures),
        ("quantizations", entry.quantizations),
        ("requiredCapabilities", entry.required_capabilities),
    ):
        if any(not item.strip() for item in listed or ()):
            yield FieldProblem(f"{path}.{name}", "names", "a blank one")


def _version(path: str, named: ModelFormat | ModelFrameworkSpec) -> Iterator[FieldProblem]:
    if named.version is not None and ModelVersion.parse(named.version) is None:
        yield FieldProblem(f"{path}.version", "a version as in 4.43.0", repr(named.version))
    if named.operator and named.operator not in OPERATORS:
        yield FieldProblem(f"{path}.operator", f"one of {', '.join(OPERATORS)}", repr(named.operator))
    if named.weight < 1:
        yield FieldProblem(f"{path}.weight", "1 or more", str(named.weight))


def _size_range(sizes: SizeRange, low: str | None, high: str | None) -> Iterator[FieldProblem]:
    for name, text, bound in (("min", low, sizes.low), ("max", high, sizes.high)):
        if text is not None and bound is None:
            yield FieldProblem(f"modelSizeRange.{name}", "a size as in 7B or 350M", repr(text))
    if sizes.low is not None and sizes.high is not None and sizes.low > sizes.high:
        yield FieldProblem("modelSizeRange", "min below max", f"{low} to {high}")
