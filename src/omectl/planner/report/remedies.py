"""What would have to change for a runtime to be taken: for each reason against it, which field to which value.

A reason is a difference between two objects, so there are often two ways: the runtime takes more, or the model (or the
service) says something else. Whether the other way is true of the model's files only its owner knows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import ACCELERATOR_CLASS
from omectl.api.model_spec import ModelFormat, ModelFrameworkSpec
from omectl.api.serving_runtime import SupportedModelFormat
from omectl.planner.document import as_document
from omectl.planner.model import ModelView, NamedVersion, read_size
from omectl.planner.names import MAIN_CONTAINER
from omectl.planner.report.change import MORE, Change, Remedy
from omectl.planner.selection.candidates import Assessment, Runtime, entries
from omectl.planner.selection.difference import OF_THE_MODEL, Code, Difference
from omectl.planner.selection.entry import lacking, priority
from omectl.planner.selection.patterns import ANY, NONE
from omectl.planner.selection.request import brings_container, request_of, template_field
from omectl.planner.selection.size import SizeRange
from omectl.planner.selection.specifiers import parse_release, parse_specifiers
from omectl.planner.selection.versions import AT_MOST, exact, specifier_problem, version_problem

OF_THE_FORMAT: Final = frozenset(one.value for one in OF_THE_MODEL - {Code.NO_FORMATS, Code.SIZE, Code.SIZE_UNREADABLE})
"""Codes that one more format would end; it ends the two below with them."""
OF_ITS_CHOICE: Final = frozenset(one.value for one in (Code.NOT_AUTO_SELECTABLE, Code.NO_SCORE))
_IMAGE: Final = "<image>"
_SIZE: Final = "<size>"


@dataclass(frozen=True, slots=True)
class Parties:
    """Who has to agree: a service, its model, and a runtime with the entry that comes nearest."""

    service: InferenceService
    model: ModelView
    runtime: Runtime
    index: int | None

    @property
    def entry(self) -> SupportedModelFormat | None:
        """The entry that comes nearest; None when the runtime has none."""
        return entries(self.runtime)[self.index] if self.index is not None else None

    def in_runtime(self, field: str, value: JsonValue = None) -> Change:
        """A change of the runtime, below its spec."""
        return Change(f"{self.runtime.resource_kind.kind} {self.runtime.name}", f"spec.{field}", value)

    def in_entry(self, field: str, value: JsonValue = None) -> Change:
        """A change of that entry."""
        return self.in_runtime(f"supportedModelFormats[{self.index}].{field}", value)

    def in_model(self, field: str, value: JsonValue = None) -> Change:
        """A change of the model, below its spec."""
        return Change(f"{self.model.key.kind} {self.model.name}", f"spec.{field}", value)

    def in_service(self, field: str, value: JsonValue = None) -> Change:
        """A change of the service."""
        return Change(f"InferenceService {self.service.name}", field, value)


def remedy_of(difference: Difference, service: InferenceService, model: ModelView, found: Assessment) -> Remedy:
    """What would end that reason against the runtime. Total: nothing to change where nobody can say."""
    parties = Parties(service, model, found.runtime, found.entry)
    if difference.code is Code.COMPONENT:
        return _component(parties, difference.subject)
    whole = _OF_THE_RUNTIME.get(difference.code)
    if whole is not None:
        return whole(parties)
    entry = parties.entry
    if entry is None:
        return Remedy()
    if difference.code is Code.VERSION_UNREADABLE:
        return _unreadable(parties, entry, difference.subject)
    remedy = _OF_THE_ENTRY.get(difference.code)
    return remedy(parties, entry) if remedy is not None else Remedy()


def _disabled(parties: Parties) -> Remedy:
    return Remedy((parties.in_runtime("disabled", value=False),))


def _accelerator(parties: Parties) -> Remedy:
    requirements = parties.runtime.spec.accelerator_requirements
    offered = (requirements.accelerator_classes or ()) if requirements is not None else ()
    asked = request_of(parties.service).accelerator_classes
    listed: list[JsonValue] = [*offered, *sorted(asked.difference(offered))]
    more = parties.in_runtime("acceleratorRequirements.acceleratorClasses", listed)
    if not offered:
        return Remedy((more,))
    named = [field for field, name in _class_fields(parties.service) if name not in offered]
    return Remedy((more,), tuple(parties.in_service(field, offered[0]) for field in named))


def _class_fields(service: InferenceService) -> list[tuple[str, str]]:
    """The fields of a service that name an accelerator class, with the name."""
    spec = service.spec
    holders = (
        ("spec.acceleratorSelector", spec.accelerator_selector),
        ("spec.engine.acceleratorOverride", spec.engine.accelerator_override if spec.engine is not None else None),
        ("spec.decoder.acceleratorOverride", spec.decoder.accelerator_override if spec.decoder is not None else None),
    )
    found = [
        (f"{field}.acceleratorClass", holder.accelerator_class)
        for field, holder in holders
        if holder is not None and holder.accelerator_class is not None
    ]
    annotation = service.metadata.annotations.get(ACCELERATOR_CLASS)
    return [*found, *([(f"metadata.annotations[{ACCELERATOR_CLASS}]", annotation)] if annotation is not None else [])]


def _no_formats(parties: Parties) -> Remedy:
    return Remedy((parties.in_runtime("supportedModelFormats", [_taking_entry(parties)]),))


def wants_another_entry(found: Assessment) -> bool:
    """Whether it is the format that does not take the model, of which all that selection compares is known."""
    return any(difference.code.value in OF_THE_FORMAT for difference in found.differences)


def one_more_entry(service: InferenceService, model: ModelView, found: Assessment) -> Change:
    """The runtime with one more format, which takes the model and leaves to all others what they have."""
    parties = Parties(service, model, found.runtime, found.entry)
    kept = as_document(parties.entry)
    like = {name: kept[name] for name in ("acceleratorConfig",) if name in kept}
    return parties.in_runtime(f"supportedModelFormats{MORE}", {**_taking_entry(parties), **like})


def _taking_entry(parties: Parties) -> JsonObject:
    model = parties.model
    entry: JsonObject = {"modelFormat": _written(model.format)}
    if model.framework is not None:
        entry["modelFramework"] = _written(model.framework)
    if model.architecture is not None:
        entry["modelArchitecture"] = model.architecture
    if model.quantization is not None:
        entry["quantization"] = model.quantization
    if model.pipeline is not None:
        entry["diffusionPipeline"] = as_document(model.pipeline)
    if parties.service.spec.runtime is None:
        entry["autoSelect"] = True
    return entry


def _size(parties: Parties) -> Remedy:
    stated = parties.runtime.spec.model_size_range
    sizes, size = SizeRange.of(stated), parties.model.size
    if stated is None:
        return Remedy()
    if size is None:
        # Nobody but the user knows it; without one, the model's files tell it, and until then every range takes it.
        field, bounds = "modelParameterSize", (("min", stated.min, sizes.low), ("max", stated.max, sizes.high))
        odd = [
            parties.in_runtime(f"modelSizeRange.{end}")
            for end, told, read in bounds
            if told is not None and read is None
        ]
        return Remedy((parties.in_model(field, _SIZE), *odd), (parties.in_model(field), *odd))
    text = parties.model.size_text if read_size(parties.model.size_text) == size else str(size)
    changes: list[Change] = []
    if stated.min is not None and (sizes.low is None or size < sizes.low):
        changes.append(parties.in_runtime("modelSizeRange.min", text))
    if stated.max is not None and (sizes.high is None or size > sizes.high):
        changes.append(parties.in_runtime("modelSizeRange.max", text))
    return Remedy(tuple(changes))


def _component(parties: Parties, component: str) -> Remedy:
    runner: JsonObject = {"name": MAIN_CONTAINER, "image": _IMAGE}
    return Remedy(
        (parties.in_runtime(template_field(component), {"runner": runner}),),
        (parties.in_service(f"spec.{component}.runner", runner),),
    )


def _prefills(parties: Parties) -> Remedy:
    """The service asks for what the runtime has beside its engine, or the runtime's engine does both."""
    spec, has = parties.service.spec, parties.runtime.spec
    asked: list[Change] = []
    if has.decoder_config is not None and brings_container(has.decoder_config):
        asked.append(parties.in_service("spec.decoder", JsonObject()))
        if has.router_config is not None and brings_container(has.router_config) and spec.router is None:
            asked.append(parties.in_service("spec.router", JsonObject()))
    alone = (parties.in_runtime("decoderConfig"),)
    return Remedy(tuple(asked), alone) if asked else Remedy(alone)


def _pipeline(parties: Parties, entry: SupportedModelFormat) -> Remedy:
    return Remedy((parties.in_entry("diffusionPipeline", as_document(parties.model.pipeline) or None),))


def _architecture(parties: Parties, entry: SupportedModelFormat) -> Remedy:
    listed, single = entry.model_architectures, entry.model_architecture
    return _attribute(parties, "modelArchitecture", "modelArchitectures", listed, single, parties.model.architecture)


def _quantization(parties: Parties, entry: SupportedModelFormat) -> Remedy:
    listed, single = entry.quantizations, entry.quantization
    return _attribute(parties, "quantization", "quantizations", listed, single, parties.model.quantization)


def _attribute(
    parties: Parties, field: str, list_field: str, listed: tuple[str, ...] | None, single: str | None, found: str | None
) -> Remedy:
    taken = [one for one in listed or (single or "",) if one and one not in (ANY, NONE) and "*" not in one]
    # A list goes on taking what the entry takes now; a runtime serves other models too.
    longer: list[JsonValue] = [*(listed or (single or NONE,)), found or NONE]
    wider = (parties.in_entry(list_field, longer),)
    stated = (parties.in_model(field, taken[0]),) if taken else ()
    if stated and field in parties.model.facts_missing:
        return Remedy(stated, wider)
    return Remedy(wider, stated)


def _format(parties: Parties, entry: SupportedModelFormat) -> Remedy:
    named = entry.model_format if entry.model_format.name else None
    return _named(parties, "modelFormat", named, entry.model_format_versions, parties.model.format)


def _framework(parties: Parties, entry: SupportedModelFormat) -> Remedy:
    model = parties.model.framework
    return _named(parties, "modelFramework", entry.model_framework, entry.model_framework_versions, model)


def _named(
    parties: Parties,
    field: str,
    wanted: ModelFormat | ModelFrameworkSpec | None,
    specifiers: str | None,
    found: NamedVersion | None,
) -> Remedy:
    """For a format or framework: the same name and version on both sides."""
    instead = ()
    if wanted is not None and not specifiers and exact(wanted.operator):
        instead = (parties.in_model(field, _written(NamedVersion(wanted.name, wanted.version))),)
    if found is None:
        return _stated(parties, field, wanted, instead)
    if wanted is None or wanted.name != found.name:
        changes = [parties.in_entry(field, _written(found))]
        if specifiers:
            changes.append(parties.in_entry(f"{field}Versions"))
        return Remedy(tuple(changes), instead)
    if specifiers and found.version and not specifier_problem(f"=={found.version}", found.version):
        return Remedy((parties.in_entry(f"{field}Versions", _wider(specifiers, found.version)),))
    changes = [parties.in_entry(f"{field}Versions")] if specifiers else []
    changes.append(parties.in_entry(f"{field}.version", found.version))
    if wanted.operator == AT_MOST and not version_problem(found.version, AT_MOST, found.version):
        return Remedy(tuple(changes), instead)
    if not exact(wanted.operator):
        changes.append(parties.in_entry(f"{field}.operator", "Equal"))
    return Remedy(tuple(changes), instead)


def _wider(specifiers: str, found: str) -> str:
    """The set with its bounds moved so far that it takes the version, where that is enough."""
    known, release = parse_specifiers(specifiers), parse_release(found)
    only = f"=={found}"
    if known is None or release is None:
        return only
    bounds = [
        clause.text if clause.takes(release) else f"{clause.operator[0]}={found}"
        for clause in known.clauses
        if clause.takes(release) or clause.operator != "!="
    ]
    text = ",".join(dict.fromkeys(bounds))
    return text if text and not specifier_problem(text, found) else only


def _stated(
    parties: Parties, field: str, wanted: ModelFormat | ModelFrameworkSpec | None, exactly: tuple[Change, ...]
) -> Remedy:
    """The model states what nobody has told of it yet; only a framework may be left out on both sides."""
    name = wanted.name if wanted is not None else "<name>"
    stated = exactly or (parties.in_model(field, {"name": name, "version": "<version>"}),)
    return Remedy(stated, (parties.in_entry(field),) if field == "modelFramework" else ())


def _unreadable(parties: Parties, entry: SupportedModelFormat, field: str) -> Remedy:
    """A set of versions that is none."""
    return (_format if field == "modelFormatVersions" else _framework)(parties, entry)


def _capability(parties: Parties, entry: SupportedModelFormat) -> Remedy:
    wanted, known = entry.required_capabilities or (), parties.model.capabilities
    missing = lacking(wanted, known)
    kept: list[JsonValue] = [one for one in wanted if one not in missing]
    more: list[JsonValue] = [*known, *missing]
    return Remedy(
        (parties.in_entry("requiredCapabilities", kept or None),), (parties.in_model("modelCapabilities", more),)
    )


def _by_name_only(parties: Parties, entry: SupportedModelFormat) -> Remedy:
    return Remedy(
        (parties.in_entry("autoSelect", value=True),), (parties.in_service("spec.runtime.name", parties.runtime.name),)
    )


def _score(parties: Parties, entry: SupportedModelFormat) -> Remedy:
    changes: list[Change] = []
    if priority(entry) < 1:
        changes.append(parties.in_entry("priority", 1))
    for field, named in (("modelFormat", entry.model_format), ("modelFramework", entry.model_framework)):
        if named is not None and named.weight < 0:
            changes.append(parties.in_entry(f"{field}.weight", 1))
    return Remedy(tuple(changes), (parties.in_service("spec.runtime.name", parties.runtime.name),))


def _written(named: NamedVersion | None) -> JsonObject:
    if named is None:
        return {}
    return {"name": named.name} if named.version is None else {"name": named.name, "version": named.version}


_OF_THE_RUNTIME: Final[Mapping[Code, Callable[[Parties], Remedy]]] = {
    Code.DISABLED: _disabled,
    Code.ACCELERATOR: _accelerator,
    Code.NO_FORMATS: _no_formats,
    Code.SIZE: _size,
    Code.SIZE_UNREADABLE: _size,
    Code.NEEDS_DECODER: _prefills,
}
_OF_THE_ENTRY: Final[Mapping[Code, Callable[[Parties, SupportedModelFormat], Remedy]]] = {
    Code.PIPELINE: _pipeline,
    Code.ARCHITECTURE: _architecture,
    Code.QUANTIZATION: _quantization,
    Code.FORMAT: _format,
    Code.FORMAT_VERSION: _format,
    Code.FRAMEWORK: _framework,
    Code.FRAMEWORK_VERSION: _framework,
    Code.CAPABILITY: _capability,
    Code.NOT_AUTO_SELECTABLE: _by_name_only,
    Code.NO_SCORE: _score,
}
