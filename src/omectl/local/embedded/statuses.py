"""What the API server says when it refuses: `Status` documents, word for word those of a 1.36 server. Pure."""

from collections.abc import Sequence

import msgspec

from omectl.api.json import JsonObject, JsonValue
from omectl.local.embedded.served_kind import ServedKind

_JSON = "application/json"


class Refusal(Exception):
    """An answer that is not what was asked for: `body` is a Status, or `text` where the server has none."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: JsonObject | None = None,
        *,
        retry_after_s: int | None = None,
        text: bool = False,
    ) -> None:
        super().__init__(code, reason, message)
        self.code = code
        self.retry_after_s = retry_after_s
        self.text = message if text else None
        self.body: JsonObject = {} if text else status(code, reason, message, details)


class VersionTooNew(Exception):
    """A read at a resource version that this server has not reached; it may wait for it."""

    def __init__(self, wanted: int, current: int) -> None:
        super().__init__(f"wanted resource version {wanted}, the newest is {current}")
        self.wanted = wanted
        self.current = current


def status(code: int, reason: str, message: str, details: JsonObject | None = None) -> JsonObject:
    """A failure as the server writes it; an empty reason is left out, `details` too where there are none."""
    made: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    if reason:
        made["reason"] = reason
    if details is not None:
        made["details"] = details
    made["code"] = code
    return made


def deleted(served: ServedKind, name: str, uid: str) -> JsonObject:
    """What a delete answers once the object is gone."""
    details = {**_about(served, name), "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def page_not_found() -> Refusal:
    """No such path: no group, or no custom kind, of that name."""
    return Refusal(404, "", "404 page not found\n", text=True)


def no_such_resource() -> Refusal:
    """The group is there, the resource or subresource is not."""
    return Refusal(404, "NotFound", "the server could not find the requested resource", {})


def not_found(served: ServedKind, name: str) -> Refusal:
    """The kind is there, the object is not."""
    return Refusal(404, "NotFound", f'{served.resource} "{name}" not found', _about(served, name))


def no_namespace(name: str) -> Refusal:
    """A namespaced object can't be made in a namespace that does not exist."""
    return Refusal(404, "NotFound", f'namespaces "{name}" not found', {"name": name, "kind": "namespaces"})


def namespace_terminating(served: ServedKind, name: str, namespace: str) -> Refusal:
    """Nothing new in a namespace that is being deleted."""
    cause: JsonObject = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    return Refusal(
        403,
        "Forbidden",
        f'{served.resource} "{name}" is forbidden: unable to create new content in namespace {namespace} '
        "because it is being terminated",
        {**_about(served, name), "causes": [cause]},
    )


def method_not_allowed() -> Refusal:
    """The path is there, the verb is not."""
    message = "the server does not allow this method on the requested resource"
    return Refusal(405, "MethodNotAllowed", message, {})


def not_acceptable(message: str = f"only the following media types are accepted: {_JSON}") -> Refusal:
    """No representation that the client accepts."""
    return Refusal(406, "NotAcceptable", message)


def unsupported_media_type(accepted: Sequence[str]) -> Refusal:
    """The body's format is not one of these."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return Refusal(415, "UnsupportedMediaType", message)


def bad_request(message: str) -> Refusal:
    """The request makes no sense."""
    return Refusal(400, "BadRequest", message)


def inapplicable_patch() -> Refusal:
    """A JSON patch that the object does not take; the server does not say why."""
    return Refusal(422, "Invalid", "the server rejected our request due to an error in our request", {})


def patched_to_no_object(found: JsonValue) -> Refusal:
    """A JSON patch that leaves something else than an object."""
    cause = ("FieldValueInvalid", "patch", f'Invalid value: "{msgspec.json.encode(found).decode()}": wanted an object')
    return invalid("", {}, [cause])


def plain_error(message: str) -> Refusal:
    """A 500 without a reason, as the server gives for some malformed numbers."""
    return Refusal(500, "", message)


def already_exists(served: ServedKind, name: str, *, ending: bool) -> Refusal:
    """The name is taken, perhaps by an object that is about to go."""
    before = "object is being deleted: " if ending else ""
    return Refusal(409, "AlreadyExists", f'{before}{served.resource} "{name}" already exists', _about(served, name))


def modified(served: ServedKind, name: str) -> Refusal:
    """The object is newer than the writer thought."""
    return conflict(
        served.resource,
        _about(served, name),
        "the object has been modified; please apply your changes to the latest version and try again",
    )


def conflict(resource: str, details: JsonObject, why: str) -> Refusal:
    """A write that would undo somebody else's."""
    return Refusal(
        409, "Conflict", f'Operation cannot be fulfilled on {resource} "{details.get("name", "")}": {why}', details
    )


def uid_conflict(served: ServedKind, key: str, name: str, wanted: str, found: str) -> Refusal:
    """An update that names another incarnation of the object."""
    return conflict(
        served.resource,
        _about(served, name),
        f"StorageError: invalid object, Code: 4, Key: /registry/{served.kind.plural}/{key}, ResourceVersion: 0, "
        f"AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}",
    )


def precondition_failed(served: ServedKind, name: str, part: str, wanted: str, found: str) -> Refusal:
    """A delete whose precondition does not hold; `part` is "UID" or "ResourceVersion"."""
    hint = "deleted and then recreated" if part == "UID" else "modified"
    return conflict(
        served.kind.group_kind,
        _about_kind(served, name),
        f"the {part} in the precondition ({wanted}) does not match the {part} in record ({found}). "
        f"The object might have been {hint}",
    )


def invalid(about: str, details: JsonObject, causes: Sequence[tuple[str, str, str]]) -> Refusal:
    """422; each cause is its type, the field, and what is said of the field."""
    texts = list(dict.fromkeys(f"{field}: {message}" for _, field, message in causes))
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    listed: list[JsonValue] = [
        {"reason": reason, "message": message, "field": field} for reason, field, message in causes
    ]
    name = details.get("name", "")
    return Refusal(422, "Invalid", f'{about} "{name}" is invalid: {joined}', {**details, "causes": listed})


def invalid_object(served: ServedKind, name: str, cause: tuple[str, str, str], *, times: int = 1) -> Refusal:
    """An object that breaks a rule; some rules are checked twice, and listed so."""
    return invalid(served.kind.group_kind, _about_kind(served, name), [cause] * times)


def wrong_kind(served: ServedKind, found: str, name: str) -> Refusal:
    """A custom resource that says it is something else."""
    details = _details(name, served.kind.group, found)
    cause = ("FieldValueInvalid", "kind", f'Invalid value: "{found}": must be {served.kind.kind}')
    return invalid(f"{found}.{served.kind.group}", details, [cause])


def version_required(served: ServedKind, name: str) -> Refusal:
    """An update without a resource version, of a kind that demands one."""
    cause = ("FieldValueInvalid", "metadata.resourceVersion", "Invalid value: 0: must be specified for an update")
    return invalid(served.resource, _about(served, name), [cause])


def invalid_options(kind: str, causes: Sequence[tuple[str, str, str]]) -> Refusal:
    """Parameters that contradict each other; `kind` is ListOptions, PatchOptions or DeleteOptions."""
    return invalid(f"{kind}.meta.k8s.io", {"group": "meta.k8s.io", "kind": kind}, causes)


def manager_conflicts(conflicts: Sequence[tuple[str, str]]) -> Refusal:
    """An apply that would change fields of others: pairs of who ("\"one\"", "\"two\" using v1") and the field."""
    causes: list[JsonValue] = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": field}
        for who, field in conflicts
    ]
    if len(conflicts) == 1:
        who, field = conflicts[0]
        text = f"Apply failed with 1 conflict: conflict with {who}: {field}"
    else:
        parts = [
            f"conflicts with {who}:\n" + "\n".join(f"- {field}" for found, field in conflicts if found == who)
            for who in sorted({who for who, _ in conflicts})
        ]
        text = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(parts)
    return Refusal(409, "Conflict", text, {"causes": causes})


def version_expired(wanted: int, oldest: int) -> Refusal:
    """A watch from before what the server remembers."""
    return Refusal(410, "Expired", f"too old resource version: {wanted} ({oldest})")


def list_expired() -> Refusal:
    """A list at an exact version that was compacted away."""
    return Refusal(410, "Expired", "The resourceVersion for the provided list is too old.")


def continue_expired(token: str) -> Refusal:
    """A later page of a list whose version was compacted away; `token` goes on without consistency."""
    refusal = Refusal(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    )
    refusal.body["metadata"] = {"continue": token}
    return refusal


def version_too_large(wanted: int, current: int) -> Refusal:
    """A version that did not come although the server waited for it."""
    cause: JsonObject = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return Refusal(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {wanted}, current: {current}",
        {"causes": [cause], "retryAfterSeconds": 1},
        retry_after_s=1,
    )


def initializing() -> Refusal:
    """Every request just after a start."""
    message = "storage is (re)initializing"
    return Refusal(429, "TooManyRequests", message, {"retryAfterSeconds": 1}, retry_after_s=1)


def _about(served: ServedKind, name: str) -> JsonObject:
    return _details(name, served.kind.group, served.kind.plural)


def _about_kind(served: ServedKind, name: str) -> JsonObject:
    return _details(name, served.kind.group, served.kind.kind)


def _details(name: str, group: str, kind: str) -> JsonObject:
    details: JsonObject = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = kind
    return details
