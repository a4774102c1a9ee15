"""What judges an admission request: defaulters, validators, and several of either behind one path.

Errors become answers in one place: what the API server said is passed through, an error that says why a request is
refused is a 403, what could not be judged is a 500.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from omectl.admission.patch import diff
from omectl.admission.review import AdmissionRequest, AdmissionResponse, allowed, denied, errored
from omectl.api.json import JsonObject
from omectl.kube.errors import ApiError, KubeError
from omectl.manager.result import is_bug

AdmissionHandler: TypeAlias = Callable[[AdmissionRequest], Awaitable[AdmissionResponse]]
"""Judges a request. What it raises is answered by 500."""

Defaulter: TypeAlias = Callable[[AdmissionRequest, JsonObject], Awaitable[JsonObject | None]]
"""Changes the object it is given, or answers another one; raises to refuse. Not called for a DELETE."""


class Refused(Exception):
    """A defaulter or validator refuses a request; the text is what the user reads."""

    def __init__(self, message: str, *, warnings: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.warnings = tuple(warnings)


class Validator(Protocol):
    """Judges objects of a kind. Each answers warnings for the user, or raises to refuse."""

    async def create(self, request: AdmissionRequest, obj: JsonObject) -> Sequence[str]: ...

    async def update(self, request: AdmissionRequest, old: JsonObject, new: JsonObject) -> Sequence[str]: ...

    async def delete(self, request: AdmissionRequest, old: JsonObject) -> Sequence[str]: ...


def defaulting(*defaulters: Defaulter) -> AdmissionHandler:
    """A handler that answers what the defaulters change, one after the other; the first refusal wins.

    Each is given what those before it made, and the patch is the difference of the whole: two that add to one map do
    not overwrite each other.
    """

    async def handle(request: AdmissionRequest) -> AdmissionResponse:
        if request.operation == "DELETE":
            return allowed()
        if request.object is None:
            return errored(400, f"wanted an object to {request.operation}, found none")
        changed = copy.deepcopy(request.object)
        for defaulter in defaulters:
            try:
                answered = await defaulter(request, changed)
            except Exception as error:
                return _judged(error)
            changed = changed if answered is None else answered
        return allowed(patch=diff(request.object, changed))

    return handle


def validating(*validators: Validator) -> AdmissionHandler:
    """A handler that asks every validator, by operation; the first refusal is the answer, with the warnings of all.

    Other operations than CREATE, UPDATE and DELETE pass.
    """

    async def handle(request: AdmissionRequest) -> AdmissionResponse:
        asked = _question(request)
        if isinstance(asked, AdmissionResponse):
            return asked
        warnings: list[str] = []
        refusal: AdmissionResponse | None = None
        for validator in validators:
            try:
                warnings += await asked(validator)
            except Exception as error:
                response = _judged(error)
                warnings += response.warnings
                refusal = refusal or response
        return allowed(warnings=warnings) if refusal is None else replace(refusal, warnings=tuple(warnings))

    return handle


def _question(request: AdmissionRequest) -> Callable[[Validator], Awaitable[Sequence[str]]] | AdmissionResponse:
    """What to ask each validator, or the answer for all."""
    new, old = request.object, request.old_object
    match request.operation:
        case "CREATE" if new is not None:
            return lambda validator: validator.create(request, new)
        case "UPDATE" if new is not None and old is not None:
            return lambda validator: validator.update(request, old, new)
        case "DELETE" if old is not None:
            return lambda validator: validator.delete(request, old)
        case "CREATE" | "UPDATE" | "DELETE":
            return errored(400, f"wanted the objects of a {request.operation}, found one missing")
        case _:
            return allowed()


def _judged(error: Exception) -> AdmissionResponse:
    """The answer that an error stands for; raises it again when nobody designed it or nothing could be asked."""
    if isinstance(error, ApiError):
        return AdmissionResponse(
            allowed=False,
            code=error.status,
            reason=error.reason,
            message=error.message,
            details=_details(error),
        )
    if is_bug(error) or isinstance(error, (KubeError, OSError, ExceptionGroup)):
        raise error
    return denied(str(error), warnings=error.warnings if isinstance(error, Refused) else ())


def _details(error: ApiError) -> JsonObject | None:
    found = error.details
    parts: JsonObject = {"name": found.name, "group": found.group, "kind": found.kind, "uid": found.uid}
    details: JsonObject = {name: value for name, value in parts.items() if value}
    if found.causes:
        details["causes"] = [
            {"reason": cause.type, "field": cause.field, "message": cause.message} for cause in found.causes
        ]
    return details or None
