"""All that a runtime states, taken apart once for each version of it."""

from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from omectl.api.serving_runtime import (
    ClusterServingRuntime,
    ServingRuntime,
    ServingRuntimeSpec,
    SupportedModelFormat,
)
from omectl.planner.names import DECODER, ENGINE, ROUTER
from omectl.planner.once import once_per_version
from omectl.planner.selection.difference import Code, Difference
from omectl.planner.selection.entry import statements_of
from omectl.planner.selection.inquiry import Answers, EntryMerit, Inquiry, Statement
from omectl.planner.selection.request import template_field
from omectl.planner.selection.size import SizeRange

Runtime: TypeAlias = ServingRuntime | ClusterServingRuntime

PREFILLS_ONLY: Final = "the runtime's engine only prefills (it has a decoderConfig) and the service has no decoder"


class Terms(NamedTuple):
    """The formats, what each states, and how good each is in the eyes of those who asked.

    `first` and `last` is what the runtime states for all of its formats, told before and after what one of them does;
    `throughout` is both.
    """

    entries: tuple[SupportedModelFormat, ...]
    statements: tuple[tuple[Statement, ...], ...]
    first: tuple[Statement, ...]
    last: tuple[Statement, ...]
    throughout: tuple[Statement, ...]
    sizes: SizeRange
    known_merits: dict[EntryMerit, tuple[tuple[int, ...], ...]]

    def merits(self, merit: EntryMerit) -> tuple[tuple[int, ...], ...]:
        """The merit of each format."""
        known = self.known_merits.get(merit)
        if known is None:
            known = self.known_merits[merit] = tuple(merit(entry) for entry in self.entries)
        return known

    def met(self, answers: Answers) -> bool:
        """Whether nothing speaks against the runtime, by one of its formats."""
        agree = answers.agree
        return agree(self.throughout) and any(map(agree, self.statements))

    def misses(self, answers: Answers) -> int:
        """How much speaks against it, by the format that comes nearest."""
        return answers.misses(self.throughout) + min(map(answers.misses, self.statements), default=0)


@once_per_version
def terms_of(runtime: Runtime) -> Terms:
    """What a runtime states; one without formats takes no model."""
    spec = runtime.spec
    entries, sizes = spec.supported_model_formats or (), SizeRange.of(spec.model_size_range)
    first, last = _first(spec), _last(spec, sizes)
    return Terms(entries, tuple(map(statements_of, entries)), first, last, (*first, *last), sizes, {})


def _first(spec: ServingRuntimeSpec) -> tuple[Statement, ...]:
    requirements = spec.accelerator_requirements
    found = [_accelerators((requirements.accelerator_classes or ()) if requirements is not None else ())]
    if spec.disabled:
        found.insert(0, _disabled)
    if not spec.supported_model_formats:
        found.append(_no_formats)
    return tuple(found)


def _last(spec: ServingRuntimeSpec, sizes: SizeRange) -> tuple[Statement, ...]:
    found: list[Statement] = [] if sizes.open else [_size(sizes)]
    templates = ((ENGINE, spec.engine_config), (DECODER, spec.decoder_config), (ROUTER, spec.router_config))
    found += [_without(component) for component, template in templates if template is None]
    if spec.decoder_config is not None:
        found.append(_prefills_only)
    return tuple(found)


def _disabled(inquiry: Inquiry) -> Difference:
    return Difference(Code.DISABLED, "the runtime is disabled (spec.disabled is true)")


def _no_formats(inquiry: Inquiry) -> Difference:
    return Difference(Code.NO_FORMATS, "the runtime supports no formats (supportedModelFormats is empty)")


@lru_cache(maxsize=1024)
def _accelerators(offered: tuple[str, ...]) -> Statement:
    def statement(inquiry: Inquiry) -> Difference | None:
        missing = sorted(inquiry.request.accelerator_classes.difference(offered))
        if not missing:
            return None
        text = f"accelerator class: wanted {', '.join(missing)}, the runtime lists {', '.join(offered) or 'none'}"
        return Difference(Code.ACCELERATOR, text)

    return statement


@lru_cache(maxsize=4096)
def _size(sizes: SizeRange) -> Statement:
    return lambda inquiry: sizes.difference(inquiry.model)


@lru_cache(maxsize=3)
def _without(component: str) -> Statement:
    def statement(inquiry: Inquiry) -> Difference | None:
        if component not in inquiry.request.components:
            return None
        text = f"{component}: wanted by the service without an image, the runtime has no {template_field(component)}"
        return Difference(Code.COMPONENT, text, component)

    return statement


def _prefills_only(inquiry: Inquiry) -> Difference | None:
    if inquiry.request.wants_decoder or not inquiry.rules.automatic:
        return None
    return Difference(Code.NEEDS_DECODER, PREFILLS_ONLY)
