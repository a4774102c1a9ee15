"""Runtimes that a service has pinned: it keeps what the runtime said when it was taken, whatever becomes of it since.

What it said is kept in a ControllerRevision that the service owns. That object is the only memory: it names the
runtime, and the value of the annotation that it was taken for, so that every value asks once.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from omectl.api.codec import DecodeError, decode_as
from omectl.api.conditions import TRUE
from omectl.api.document import as_number, as_object, as_text, at
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import INFERENCE_SERVICE, LABEL_VALUE_LENGTH, RUNTIME_OF, RUNTIME_SYNC, dns_shorten, shorten
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.planner.document import as_document
from omectl.planner.inputs import LiveState, PlanInputs
from omectl.planner.names import label_value
from omectl.planner.preview import field_changes
from omectl.planner.selection.terms import Runtime
from omectl.planner.verdict import Verdict

KIND: Final = "ControllerRevision"
DRIFTED: Final = "RuntimeDrifted"
CHANGED: Final = "RevisionMismatch"
GONE: Final = "SourceRuntimeMissing"
_HASH: Final = 10
_LONGEST_SERVICE: Final = 200
_MOST_FIELDS: Final = 6
_KINDS: Final = {cls.resource_kind.kind: cls for cls in (ServingRuntime, ClusterServingRuntime)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A runtime as it was, the name and number of the revision that keeps it, and the value it was taken for.

    `data` are the runtime as it is written there, which nobody may change.
    """

    runtime: Runtime
    data: JsonObject
    name: str
    number: int
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A service that pins its runtime. `kept` is what it has, None while it is to take the runtime as it is now.

    `token` is the value of the annotation that asks for that, and `newest` the number of the newest revision.
    """

    service: InferenceService
    kept: Snapshot | None
    token: str
    newest: int

    def over(self, runtimes: Iterable[Runtime]) -> tuple[Runtime, ...]:
        """The runtimes, of which the pinned one is as it was, and the only one of its name."""
        if self.kept is None:
            return tuple(runtimes)
        pinned = self.kept.runtime
        return (pinned, *(one for one in runtimes if one.name != pinned.name))

    def revision_of(self, runtime: Runtime) -> JsonObject:
        """The object that keeps that runtime."""
        kept = self.kept
        data = kept.data if kept is not None else _data(runtime)
        number = kept.number if kept is not None else self.newest + 1
        name = kept.name if kept is not None else revision_name(self.service.name, data)
        labels: JsonObject = {
            INFERENCE_SERVICE: label_value(self.service.name),
            RUNTIME_OF: label_value(runtime.name),
        }
        metadata: JsonObject = {"name": name, "namespace": self.service.namespace, "labels": labels}
        if self.token:
            metadata["annotations"] = {RUNTIME_SYNC: self.token}
        return {"apiVersion": "apps/v1", "kind": KIND, "metadata": metadata, "data": data, "revision": number}

    def drift(self, runtimes: Iterable[Runtime]) -> Verdict | None:
        """In what the runtime differs now from what the service has; None where it does not."""
        if self.kept is None:
            return None
        pinned = self.kept.runtime
        about = f"{pinned.resource_kind.kind} {pinned.name}"
        now = next((one for one in runtimes if _place(one) == _place(pinned)), None)
        if now is None:
            text = f"{about} is gone; the service keeps it as {self.kept.name}; next: name another one to leave it"
            return Verdict.informing(TRUE, GONE, text)
        fields = [one.path for one in field_changes(_data(pinned), _data(now))]
        if not fields:
            return None
        more = f" and {len(fields) - _MOST_FIELDS} more" if len(fields) > _MOST_FIELDS else ""
        text = (
            f"{about} is another one than the service keeps as {self.kept.name}, in "
            f"{', '.join(fields[:_MOST_FIELDS])}{more}; "
            f"next: to take it as it is now, set the service's annotation {RUNTIME_SYNC} to a new value"
        )
        return Verdict.informing(TRUE, CHANGED, text)


def pin_of(service: InferenceService, live: LiveState) -> Pin | None:
    """How the service pins its runtime; None when it follows it."""
    reference = service.spec.runtime
    if reference is None or reference.auto_sync is not False:
        return None
    snapshots = sorted(_snapshots(live), key=lambda one: (one.number, one.name))
    newest = snapshots[-1] if snapshots else None
    token = shorten(service.metadata.annotations.get(RUNTIME_SYNC, ""), LABEL_VALUE_LENGTH)
    kept = newest
    if newest is not None:
        pinned = newest.runtime
        only_here = reference.kind == ServingRuntime.resource_kind.kind
        named = pinned.name == reference.name and not (only_here and not isinstance(pinned, ServingRuntime))
        if not named or token not in ("", newest.token):
            kept = None
    return Pin(service=service, kept=kept, token=token, newest=newest.number if newest is not None else 0)


def as_pinned(inputs: PlanInputs, service: InferenceService) -> PlanInputs:
    """The inputs with the runtime as the service has it, which is in the new form."""
    pin = pin_of(service, inputs.live)
    return replace(inputs, runtimes=pin.over(inputs.runtimes)) if pin is not None else inputs


def revision_name(service: str, data: JsonObject) -> str:
    """The name of the revision that keeps these data."""
    digest = hashlib.sha256(msgspec.json.encode(data, order="sorted")).hexdigest()[:_HASH]
    return f"{dns_shorten(service, _LONGEST_SERVICE)}-runtime-{digest}"


def _snapshots(live: LiveState) -> Iterable[Snapshot]:
    """What is kept for the service and can be read."""
    for (kind, name), obj in live.children.items():
        data = as_object(obj.get("data"))
        cls = _KINDS.get(as_text(data.get("kind")))
        if kind != KIND or cls is None:
            continue
        try:
            runtime = decode_as(cls, data)
        except DecodeError:
            continue
        token = as_text(at(obj, "metadata", "annotations", RUNTIME_SYNC))
        number = as_number(obj.get("revision"))
        yield Snapshot(runtime=runtime, data=data, name=name, number=number, token=token)


def _data(runtime: Runtime) -> JsonObject:
    metadata: JsonObject = {"name": runtime.name}
    if runtime.namespace:
        metadata["namespace"] = runtime.namespace
    kind = runtime.resource_kind
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": _spec(runtime)}


def _spec(runtime: Runtime) -> JsonObject:
    return as_document(runtime.spec)


def _place(runtime: Runtime) -> Sequence[JsonValue]:
    return (runtime.resource_kind.kind, runtime.namespace, runtime.name)
