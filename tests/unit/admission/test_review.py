"""AdmissionReview on the wire."""

import base64
import json
from typing import Any

import pytest

from omectl.admission.review import (
    BODY_LIMIT,
    AdmissionRequest,
    AdmissionResponse,
    ReviewInvalid,
    allowed,
    decode_admission,
    denied,
    encode_admission,
    errored,
)

REQUEST: dict[str, Any] = {
    "uid": "u-1",
    "kind": {"group": "ome.io", "version": "v1beta1", "kind": "InferenceService"},
    "resource": {"group": "ome.io", "version": "v1beta1", "resource": "inferenceservices"},
    "subResource": "status",
    "name": "svc",
    "namespace": "ns",
    "operation": "UPDATE",
    "userInfo": {"username": "ann"},
    "object": {"metadata": {"name": "svc"}, "new": True},
    "oldObject": {"metadata": {"name": "svc"}},
    "dryRun": True,
    "options": {"kind": "UpdateOptions"},
}


def review(request: Any = REQUEST, **changes: Any) -> bytes:
    body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request, **changes}
    return json.dumps(body).encode()


def refused(body: bytes, content_type: str = "application/json") -> ReviewInvalid:
    with pytest.raises(ReviewInvalid) as caught:
        decode_admission(body, content_type)
    return caught.value


def test_a_request_is_read() -> None:
    decoded = decode_admission(review(), "application/json")
    assert decoded.api_version == "admission.k8s.io/v1"
    assert decoded.request == AdmissionRequest(
        uid="u-1",
        operation="UPDATE",
        name="svc",
        namespace="ns",
        object=REQUEST["object"],
        old_object=REQUEST["oldObject"],
        kind="InferenceService.ome.io",
        version="v1beta1",
        sub_resource="status",
        dry_run=True,
        user={"username": "ann"},
        options={"kind": "UpdateOptions"},
    )


def test_what_a_request_does_not_say_is_empty() -> None:
    request = {"uid": "u", "operation": "DELETE", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": None}
    decoded = decode_admission(review(request), "application/json").request
    assert decoded == AdmissionRequest(uid="u", operation="DELETE", kind="Pod", version="v1")
    assert (decoded.object, decoded.old_object, decoded.dry_run, decoded.user, decoded.options) == (
        None,
        None,
        False,
        {},
        {},
    )


@pytest.mark.parametrize("version", ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"])
def test_both_versions_are_read(version: str) -> None:
    assert decode_admission(review(apiVersion=version), "application/json").api_version == version


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_may_have_parameters(content_type: str) -> None:
    assert decode_admission(review(), content_type).request.uid == "u-1"


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (b"", "application/json", "wanted a body of kind AdmissionReview, found an empty body"),
        (review(), "", "wanted the content type application/json, found ''"),
        (review(), "application/yaml", "wanted the content type application/json, found 'application/yaml'"),
        (b"{", "application/json", "wanted an object of kind AdmissionReview in JSON, found something else: "),
        (b"[]", "application/json", "wanted an object of kind AdmissionReview in JSON, found something else: "),
        (b'"\xff"', "application/json", "wanted an object of kind AdmissionReview in JSON, found something else: "),
        (
            review(apiVersion="admission.k8s.io/v2"),
            "application/json",
            "of admission.k8s.io/v1 or admission.k8s.io/v1beta1, found 'AdmissionReview' of 'admission.k8s.io/v2'",
        ),
        (review(kind="ConversionReview"), "application/json", "found 'ConversionReview' of 'admission.k8s.io/v1'"),
        (review(None), "application/json", "wanted an AdmissionReview with a request, found one without"),
    ],
)
def test_what_is_no_review_is_refused_by_400(body: bytes, content_type: str, problem: str) -> None:
    error = refused(body, content_type)
    assert problem in str(error)
    assert (error.code, error.api_version, error.uid) == (400, "admission.k8s.io/v1", "")


@pytest.mark.parametrize(
    ("value", "found"), [("text", "a text"), ([1], "a list"), (True, "a truth value"), (3, "a number")]
)
def test_an_object_of_another_shape_is_refused_and_named(value: Any, found: str) -> None:
    error = refused(review({**REQUEST, "oldObject": value}, apiVersion="admission.k8s.io/v1beta1"))
    assert str(error) == f"wanted an object in request.oldObject, found {found}"
    assert (error.code, error.api_version, error.uid) == (400, "admission.k8s.io/v1beta1", "u-1")


def answer(response: AdmissionResponse) -> Any:
    wire = json.loads(encode_admission("admission.k8s.io/v1beta1", "u-1", response))
    assert (wire["apiVersion"], wire["kind"]) == ("admission.k8s.io/v1beta1", "AdmissionReview")
    assert wire["response"]["uid"] == "u-1"
    return wire["response"]


def test_an_answer_that_allows_has_code_200_and_nothing_else() -> None:
    assert answer(allowed()) == {"uid": "u-1", "allowed": True, "status": {"code": 200}}


def test_a_patch_is_sent_as_a_json_patch() -> None:
    patch = [{"op": "add", "path": "/a", "value": "ü"}]
    response = answer(allowed(patch=patch))
    assert response["patchType"] == "JSONPatch"
    assert json.loads(base64.b64decode(response["patch"])) == patch


def test_warnings_messages_and_annotations_are_sent() -> None:
    assert answer(allowed("fine", warnings=("a", "b")))["warnings"] == ["a", "b"]
    assert answer(allowed("fine"))["status"] == {"code": 200, "message": "fine"}
    noted = AdmissionResponse(allowed=True, audit_annotations={"why": "so"})
    assert answer(noted)["auditAnnotations"] == {"why": "so"}


def test_a_denial_says_why() -> None:
    response = answer(denied("no GPU", warnings=["w"]))
    assert response["allowed"] is False
    assert response["status"] == {"code": 403, "reason": "Forbidden", "message": "no GPU"}
    assert response["warnings"] == ["w"]
    assert answer(denied("gone", code=404, reason="NotFound"))["status"]["code"] == 404


def test_a_denial_without_code_is_forbidden() -> None:
    assert AdmissionResponse(allowed=False).status_code == 403


def test_what_could_not_be_judged_has_its_code_and_details_are_passed_on() -> None:
    assert answer(errored(500, "boom"))["status"] == {"code": 500, "message": "boom"}
    response = AdmissionResponse(allowed=False, code=422, reason="Invalid", details={"name": "svc"})
    assert answer(response)["status"] == {"code": 422, "reason": "Invalid", "details": {"name": "svc"}}


def test_a_review_may_have_seven_mebibytes() -> None:
    assert BODY_LIMIT == 7340032
