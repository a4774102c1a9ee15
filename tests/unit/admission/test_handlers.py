"""Defaulters and validators: what they are asked, and what their errors become."""

from collections.abc import Sequence
from typing import Any

import pytest

from omectl.admission import AdmissionRequest, AdmissionResponse, Refused, allowed, defaulting, errored, validating
from omectl.api.json import JsonObject
from omectl.kube.errors import ApiError, Cause, ConnectionFailed, Details, Invalid, NotFound
from omectl.manager import ManagerError


def request(operation: str = "CREATE", new: Any = None, old: Any = None) -> AdmissionRequest:
    return AdmissionRequest(uid="u", operation=operation, object=new, old_object=old)


def labelling(name: str, value: str = "x") -> Any:
    async def label(request: AdmissionRequest, obj: JsonObject) -> JsonObject | None:
        obj.setdefault("labels", {})[name] = value  # type: ignore[index, union-attr]
        return None

    return label


def raising(error: Exception) -> Any:
    async def refuse(request: AdmissionRequest, obj: JsonObject) -> None:
        raise error

    return refuse


class Journal:
    """A validator that writes down what it was asked."""

    def __init__(self, warnings: Sequence[str] = (), error: Exception | None = None) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._warnings = warnings
        self._error = error

    async def create(self, request: AdmissionRequest, obj: JsonObject) -> Sequence[str]:
        return self._judge("create", obj)

    async def update(self, request: AdmissionRequest, old: JsonObject, new: JsonObject) -> Sequence[str]:
        return self._judge("update", old, new)

    async def delete(self, request: AdmissionRequest, old: JsonObject) -> Sequence[str]:
        return self._judge("delete", old)

    def _judge(self, *asked: Any) -> Sequence[str]:
        self.asked.append(asked)
        if self._error is not None:
            raise self._error
        return self._warnings


async def test_a_defaulter_that_changes_nothing_gives_no_patch() -> None:
    async def nothing(request: AdmissionRequest, obj: JsonObject) -> None:
        return None

    assert await defaulting(nothing)(request(new={"a": 1})) == allowed()


async def test_what_a_defaulter_changes_in_place_is_the_patch() -> None:
    asked = request(new={"a": 1})
    response = await defaulting(labelling("x"))(asked)
    assert response == allowed(patch=[{"op": "add", "path": "/labels", "value": {"x": "x"}}])
    assert asked.object == {"a": 1}


async def test_what_a_defaulter_answers_is_compared_with_what_came() -> None:
    async def other(request: AdmissionRequest, obj: JsonObject) -> JsonObject:
        return {"b": obj["a"]}

    response = await defaulting(other)(request(new={"a": 1}))
    assert response.patch == ({"op": "move", "from": "/a", "path": "/b"},)


async def test_fields_that_nobody_knows_stay() -> None:
    response = await defaulting(labelling("x"))(request(new={"labels": {}, "unknown": {"deep": [1]}}))
    assert response.patch == ({"op": "add", "path": "/labels/x", "value": "x"},)


async def test_a_defaulter_is_not_asked_about_a_deletion() -> None:
    assert await defaulting(raising(KeyError("never")))(request("DELETE", old={"a": 1})) == allowed()


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "CONNECT"])
async def test_a_defaulter_is_asked_about_everything_else(operation: str) -> None:
    assert (await defaulting(labelling("x"))(request(operation, new={}))).patch


async def test_a_request_without_its_object_is_an_error() -> None:
    assert await defaulting()(request("CREATE")) == errored(400, "wanted an object to CREATE, found none")


async def test_of_several_defaulters_each_sees_what_those_before_it_made() -> None:
    asked = request(new={})
    response = await defaulting(labelling("x"), labelling("y"))(asked)
    assert response.patch == ({"op": "add", "path": "/labels", "value": {"x": "x", "y": "x"}},)


async def test_of_several_defaulters_the_first_refusal_wins_and_nothing_is_patched() -> None:
    handler = defaulting(labelling("x"), raising(Refused("first")), raising(Refused("second")))
    response = await handler(request(new={}))
    assert (response.allowed, response.message, response.patch) == (False, "first", ())


@pytest.mark.parametrize(
    ("asked", "journal"),
    [
        (request("CREATE", new={"n": 1}), ("create", {"n": 1})),
        (request("UPDATE", new={"n": 1}, old={"o": 1}), ("update", {"o": 1}, {"n": 1})),
        (request("DELETE", old={"o": 1}), ("delete", {"o": 1})),
    ],
    ids=["create", "update", "delete"],
)
async def test_a_validator_is_asked_by_operation(asked: AdmissionRequest, journal: tuple[Any, ...]) -> None:
    validator = Journal()
    assert await validating(validator)(asked) == allowed()
    assert validator.asked == [journal]


async def test_other_operations_pass_a_validator() -> None:
    validator = Journal(error=KeyError("never"))
    assert await validating(validator)(request("CONNECT", new={})) == allowed()
    assert validator.asked == []


@pytest.mark.parametrize(
    "asked",
    [
        request("CREATE", old={}),
        request("UPDATE", new={}),
        request("UPDATE", old={}),
        request("DELETE", new={}),
    ],
)
async def test_a_validator_is_not_asked_without_the_objects_it_needs(asked: AdmissionRequest) -> None:
    response = await validating(Journal())(asked)
    assert response == errored(400, f"wanted the objects of a {asked.operation}, found one missing")


async def test_warnings_come_with_a_permission_and_with_a_refusal() -> None:
    assert (await validating(Journal(["a", "b"]))(request(new={}))).warnings == ("a", "b")
    response = await validating(Journal(error=Refused("no", warnings=["c"])))(request(new={}))
    assert (response.allowed, response.warnings) == (False, ("c",))


async def test_of_several_validators_all_are_asked_and_the_first_refusal_is_the_answer() -> None:
    validators = [
        Journal(["one"]),
        Journal(error=Refused("first", warnings=["two"])),
        Journal(["three"]),
        Journal(error=NotFound(404, "NotFound", "second")),
    ]
    response = await validating(*validators)(request(new={}))
    assert [len(validator.asked) for validator in validators] == [1, 1, 1, 1]
    assert (response.code, response.message, response.warnings) == (403, "first", ("one", "two", "three"))


ERRORS = [
    (Refused("no GPU"), AdmissionResponse(allowed=False, code=403, reason="Forbidden", message="no GPU")),
    (ManagerError("by us"), AdmissionResponse(allowed=False, code=403, reason="Forbidden", message="by us")),
    (
        NotFound(404, "NotFound", 'configmaps "c" not found', Details(name="c", kind="configmaps")),
        AdmissionResponse(
            allowed=False,
            code=404,
            reason="NotFound",
            message='configmaps "c" not found',
            details={"name": "c", "kind": "configmaps"},
        ),
    ),
    (
        Invalid(422, "Invalid", "bad", Details(group="g", uid="u", causes=(Cause("Required", "spec.a", "wanted"),))),
        AdmissionResponse(
            allowed=False,
            code=422,
            reason="Invalid",
            message="bad",
            details={
                "group": "g",
                "uid": "u",
                "causes": [{"reason": "Required", "field": "spec.a", "message": "wanted"}],
            },
        ),
    ),
    (ApiError(418, "Teapot", ""), AdmissionResponse(allowed=False, code=418, reason="Teapot")),
]


@pytest.mark.parametrize(("error", "answer"), ERRORS, ids=lambda value: type(value).__name__)
async def test_errors_become_answers(error: Exception, answer: AdmissionResponse) -> None:
    assert await defaulting(raising(error))(request(new={})) == answer
    assert await validating(Journal(error=error))(request(new={})) == answer


@pytest.mark.parametrize(
    "error",
    [
        KeyError("spec"),
        TypeError("odd"),
        ConnectionFailed("https://api", "refused"),
        OSError("disk"),
        ExceptionGroup("unhandled errors in a TaskGroup", [ConnectionFailed("https://api", "refused")]),
    ],
)
async def test_what_could_not_be_judged_is_no_denial(error: Exception) -> None:
    with pytest.raises(type(error)):
        await defaulting(raising(error))(request(new={}))
    with pytest.raises(type(error)):
        await validating(Journal(error=error))(request(new={}))
