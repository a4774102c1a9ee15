"""The objects of the files: read one by one, so that a broken one stands in nobody's way."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from omectl.api.codec import DecodeError, decode
from omectl.api.document import as_object, as_text, text_values
from omectl.api.installation import SETTINGS_CONFIG_MAP
from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import GROUP
from omectl.api.object import Resource
from omectl.api.resource import ObjectKey, key_of
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import Settings, SettingsError, parse_settings
from omectl.planner.lint.about import About, Read, about_of
from omectl.planner.lint.finding import NOWHERE, Finding, Source
from omectl.planner.lint.rules import Code
from omectl.planner.selection.candidates import Runtime

_Kind = TypeVar("_Kind", bound=Resource)


@dataclass(frozen=True, slots=True)
class Document:
    """What stands at one place of a file; `problem` says why it cannot be read at all."""

    raw: JsonValue
    source: Source = NOWHERE
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All objects that could be read, in the order of the files, and the settings that hold."""

    objects: tuple[Read[Resource], ...] = ()
    settings: Settings = field(default_factory=Settings.defaults)

    @property
    def runtimes(self) -> tuple[Read[Runtime], ...]:
        """The runtimes; of several of one name the last, as a cluster would have it after applying the files."""
        return (*self._last(ServingRuntime), *self._last(ClusterServingRuntime))

    def _last(self, kind: type[_Kind]) -> tuple[Read[_Kind], ...]:
        found: dict[ObjectKey, Read[_Kind]] = {}
        for one in self.objects:
            if isinstance(one.resource, kind):
                found[one.resource.key] = Read(one.resource, one.about)
        return tuple(found.values())


def read(documents: Iterable[Document], namespace: str) -> tuple[Catalogue, tuple[Finding, ...]]:
    """The catalogue, and what could not be read. Objects that belong into a namespace and name none are put into
    `namespace`; kinds that are not ours are passed over."""
    objects: list[Read[Resource]] = []
    settings = Settings.defaults()
    findings: list[Finding] = []
    for document in documents:
        raw, source = document.raw, document.source
        if document.problem or not isinstance(raw, dict):
            found = document.problem or _type_name(raw)
            about = About(source=source)
            findings.append(
                about.finding(
                    Code.DOCUMENT_UNREADABLE, "", wanted="objects in YAML or JSON", found=found, do="correct the file"
                )
            )
        elif raw.get("kind") == "ConfigMap" and key_of(raw).name == SETTINGS_CONFIG_MAP:
            try:
                settings = parse_settings(text_values(raw.get("data")))
            except SettingsError as error:
                findings.append(_settings_finding(error, raw, source))
        elif as_text(raw.get("apiVersion")).startswith(f"{GROUP}/"):
            try:
                resource = decode(raw).placed(namespace)
                objects.append(Read(resource, about_of(resource, source)))
            except DecodeError as error:
                about = About(error.kind, error.name, source)
                where = _in_brackets(error.field)
                findings.append(
                    about.finding(
                        Code.OBJECT_UNREADABLE, where, wanted=error.wanted, found=error.found, do="correct the manifest"
                    )
                )
    return Catalogue(objects=tuple(objects), settings=settings), tuple(findings)


def _settings_finding(error: SettingsError, raw: JsonObject, source: Source) -> Finding:
    about = About("ConfigMap", str(key_of(raw)), source)
    where = ".".join(part for part in (f"data.{error.key}", error.field) if part)
    return about.finding(
        Code.SETTINGS_UNREADABLE, where, wanted=error.wanted, found=error.found, do="correct the ConfigMap"
    )


def _in_brackets(path: str) -> str:
    """A path with list indexes in brackets, as every other finding writes them."""
    parts = path.split(".")
    return parts[0] + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts[1:])


def _type_name(raw: JsonValue) -> str:
    return "an object" if as_object(raw) else type(raw).__name__
