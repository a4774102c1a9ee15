"""Names that are refused, fields that nobody reads, and groups of pods that lack a part."""

import re
from collections.abc import Iterator
from typing import Final, cast

from omectl.api.json import JsonObject
from omectl.api.object import Resource
from omectl.api.pods import CONTAINER_FIELDS, POD_FIELDS, InlinesContainer, InlinesPod
from omectl.api.wire import WireType, wire_name
from omectl.planner.lint.about import About
from omectl.planner.lint.finding import Finding
from omectl.planner.lint.rules import Code
from omectl.planner.names import DECODER, ENGINE
from omectl.planner.selection.candidates import Runtime
from omectl.planner.selection.request import template_field
from omectl.planner.spelling import similar

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_LONGEST_NAME: Final = 253
_UNREAD: Final = {
    "affinity": "affinity",
    "tolerations": "tolerations",
    "volumes": "volumes",
    "imagePullSecrets": "image_pull_secrets",
    "schedulerName": "scheduler_name",
    "hostIPC": "host_ipc",
    "hostNetwork": "host_network",
    "dnsPolicy": "dns_policy",
    "labels": "labels",
    "annotations": "annotations",
}
"""Fields of a runtime's old top level that are not read, with their attributes."""


def name_findings(resource: Resource, about: About) -> Iterator[Finding]:
    """Names that the API server refuses."""
    name = resource.name
    if name and (len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None):
        yield about.finding(
            Code.NAME_INVALID,
            "metadata.name",
            wanted=f"lower-case letters, digits, hyphens and dots, at most {_LONGEST_NAME}",
            found=repr(name),
            do="rename the object",
        )


def unknown_fields(resource: Resource, about: About) -> Iterator[Finding]:
    """Fields below `spec` that no type has."""
    spec: object = getattr(resource, "spec", None)
    if isinstance(spec, WireType):
        yield from _unknown(spec, "spec", about)


def _unknown(part: WireType, path: str, about: About) -> Iterator[Finding]:
    cls = type(part)
    known = [wire_name(name) for name in cls.model_fields]
    known += POD_FIELDS if issubclass(cls, InlinesPod) else ()
    known += CONTAINER_FIELDS if issubclass(cls, InlinesContainer) else ()
    yield from _told(part.extra_fields(), known, path, about)
    for name in cls.model_fields:
        value: object = getattr(part, name)
        where = f"{path}.{wire_name(name)}"
        if isinstance(value, WireType):
            yield from _unknown(value, where, about)
        elif isinstance(value, tuple):
            for index, item in enumerate(cast("tuple[object, ...]", value)):
                if isinstance(item, WireType):
                    yield from _unknown(item, f"{where}[{index}]", about)
        elif isinstance(value, dict):
            values = cast("dict[str, object]", value)
            if name == "runner":
                yield from _told(cast("JsonObject", values), CONTAINER_FIELDS, where, about)
            for key, item in values.items():
                if isinstance(item, WireType):
                    yield from _unknown(item, f"{where}[{key}]", about)


def _told(found: JsonObject, known: list[str] | tuple[str, ...], path: str, about: About) -> Iterator[Finding]:
    for name in found:
        if name not in known:
            near = similar(name, known)
            do = f"write {near[0]}, or remove it" if near else "remove it"
            yield about.finding(
                Code.FIELD_UNKNOWN, f"{path}.{name}", wanted="a field of the kind", found=repr(name), do=do
            )


def template_findings(runtime: Runtime, about: About) -> Iterator[Finding]:
    """What of a runtime's templates is not read, and groups of pods without a leader or workers."""
    spec = runtime.spec
    unread = [name for name, attribute in _UNREAD.items() if getattr(spec, attribute)]
    if unread:
        yield about.finding(
            Code.TOP_LEVEL_IGNORED,
            "spec",
            wanted="pod fields in engineConfig, decoderConfig or routerConfig",
            found=", ".join(unread),
            do="move them there, or remove them",
        )
    for component, engine in ((ENGINE, spec.engine_config), (DECODER, spec.decoder_config)):
        if engine is None or (engine.leader is None and engine.worker is None):
            continue
        where = f"spec.{template_field(component)}"
        if engine.worker is None or (engine.leader is None and not engine.runner):
            found = "only a leader" if engine.worker is None else "only workers"
            yield about.finding(
                Code.GROUP_INCOMPLETE, where, wanted="a leader and workers", found=found, do="add what is missing"
            )
        elif engine.worker.size is None or engine.worker.size < 1:
            size = "nothing" if engine.worker.size is None else str(engine.worker.size)
            yield about.finding(
                Code.WORKER_SIZE_MISSING, f"{where}.worker.size", wanted="1 or more", found=size, do="state the number"
            )
