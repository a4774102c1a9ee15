"""Conversion between the versions of a kind."""

import json
from typing import Any

import pytest

from omectl.admission import ConversionFailed, HubAndSpokes, Spoke
from omectl.admission.conversion import ConversionRequest, convert_all, decode_conversion
from omectl.admission.review import ReviewInvalid


def renaming(old: str, new: str) -> Any:
    def convert(obj: dict[str, Any]) -> dict[str, Any]:
        obj["way"] = [*obj.get("way", []), f"{old}-{new}"]
        return obj

    return convert


VERSIONS = HubAndSpokes(
    "ome.io",
    "Thing",
    "v1",
    {
        "v1alpha1": Spoke(renaming("alpha", "hub"), renaming("hub", "alpha")),
        "v1beta1": Spoke(renaming("beta", "hub"), renaming("hub", "beta")),
    },
)


def thing(version: str = "v1alpha1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": f"ome.io/{version}", "kind": "Thing", "metadata": {"name": "t", "uid": "u"}, **more}


@pytest.mark.parametrize(
    ("found", "desired", "way"),
    [
        ("v1alpha1", "v1", ["alpha-hub"]),
        ("v1", "v1beta1", ["hub-beta"]),
        ("v1alpha1", "v1beta1", ["alpha-hub", "hub-beta"]),
        ("v1beta1", "v1alpha1", ["beta-hub", "hub-alpha"]),
    ],
)
def test_the_way_between_two_spokes_leads_through_the_hub(found: str, desired: str, way: list[str]) -> None:
    given = thing(found)
    assert VERSIONS.convert(given, f"ome.io/{desired}") == thing(desired, way=way)
    assert given == thing(found)


@pytest.mark.parametrize("version", ["v1", "v1alpha1", "v1beta1"])
def test_an_object_that_has_the_version_already_is_answered_as_it_is(version: str) -> None:
    given = thing(version)
    assert VERSIONS.convert(given, f"ome.io/{version}") is given


@pytest.mark.parametrize(
    ("given", "desired", "problem"),
    [
        (thing("v2"), "ome.io/v1", "wanted one of ome.io/v1, ome.io/v1alpha1, ome.io/v1beta1 for a Thing, found"),
        (thing(), "ome.io/v2", "for a Thing, found 'ome.io/v2'"),
        (thing(), "other.io/v1", "for a Thing, found 'other.io/v1'"),
        ({**thing(), "kind": "Other"}, "ome.io/v1", "wanted a Thing to convert, found 'Other'"),
        ({}, "ome.io/v1", "wanted a Thing to convert, found ''"),
    ],
)
def test_what_nobody_can_convert_is_named(given: Any, desired: str, problem: str) -> None:
    with pytest.raises(ConversionFailed, match=problem):
        VERSIONS.convert(given, desired)


def test_a_hub_is_no_spoke() -> None:
    spoke = Spoke(lambda obj: obj, lambda obj: obj)
    with pytest.raises(ValueError, match=r"wanted a hub that is no spoke of Thing.ome.io, found 'v1' as both"):
        HubAndSpokes("ome.io", "Thing", "v1", {"v1": spoke})


@pytest.mark.parametrize("name", ["name", "uid", "finalizers"])
def test_a_conversion_may_not_change_metadata(name: str) -> None:
    def meddle(obj: dict[str, Any]) -> dict[str, Any]:
        return {**obj, "metadata": {**obj["metadata"], name: "changed"}}

    versions = HubAndSpokes("ome.io", "Thing", "v1", {"v1alpha1": Spoke(meddle, meddle)})
    with pytest.raises(ConversionFailed) as caught:
        versions.convert(thing(), "ome.io/v1")
    assert str(caught.value) == (
        "wanted the metadata of Thing 't' unchanged but for labels and annotations, "
        "found a conversion from ome.io/v1alpha1 to ome.io/v1 that changes it"
    )


def test_a_conversion_may_change_labels_and_annotations() -> None:
    def note(obj: dict[str, Any]) -> dict[str, Any]:
        return {**obj, "metadata": {**obj["metadata"], "labels": {"a": "b"}, "annotations": {"c": "d"}}}

    versions = HubAndSpokes("ome.io", "Thing", "v1", {"v1alpha1": Spoke(note, note)})
    converted: Any = versions.convert(thing(), "ome.io/v1")
    assert converted["metadata"] == {"name": "t", "uid": "u", "labels": {"a": "b"}, "annotations": {"c": "d"}}


def body(objects: Any, version: str = "v1", desired: str = "ome.io/v1") -> bytes:
    request = {"uid": "u-1", "desiredAPIVersion": desired, "objects": objects}
    review = {"apiVersion": f"apiextensions.k8s.io/{version}", "kind": "ConversionReview", "request": request}
    return json.dumps(review).encode()


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_all_objects_are_converted_in_order_and_answered_in_the_version_asked(version: str) -> None:
    request = decode_conversion(body([thing(), thing("v1")], version), "application/json")
    assert json.loads(convert_all(request, VERSIONS.convert)) == {
        "apiVersion": f"apiextensions.k8s.io/{version}",
        "kind": "ConversionReview",
        "response": {
            "uid": "u-1",
            "convertedObjects": [thing("v1", way=["alpha-hub"]), thing("v1")],
            "result": {"status": "Success"},
        },
    }


def test_one_failure_is_the_answer_for_all() -> None:
    request = ConversionRequest("apiextensions.k8s.io/v1", "u-1", "ome.io/v1", (thing(), {"kind": "Other"}))
    assert json.loads(convert_all(request, VERSIONS.convert))["response"] == {
        "uid": "u-1",
        "convertedObjects": [],
        "result": {"status": "Failure", "message": "wanted a Thing to convert, found 'Other'"},
    }


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (b"", "wanted a body of kind ConversionReview, found an empty body"),
        (b"{}", "wanted ConversionReview of apiextensions.k8s.io/v1 or apiextensions.k8s.io/v1beta1"),
        (
            b'{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview"}',
            "wanted a ConversionReview with a request, found one without",
        ),
    ],
)
def test_what_is_no_conversion_review_is_refused(sent: bytes, problem: str) -> None:
    with pytest.raises(ReviewInvalid, match=problem) as caught:
        decode_conversion(sent, "application/json")
    assert caught.value.code == 400
