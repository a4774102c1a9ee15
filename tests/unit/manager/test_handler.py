"""Which keys an event queues."""

from typing import Any

from omectl.api.kinds import CLUSTER_BASE_MODELS, INFERENCE_SERVICES
from omectl.api.resource import ObjectKey
from omectl.informers import ObjectEvent, Owner
from omectl.manager import enqueue_mapped, enqueue_object, enqueue_owner

V1BETA1 = "ome.io/v1beta1"


def owner(
    name: str, *, kind: str = "InferenceService", api_version: str = V1BETA1, controller: bool | None = True
) -> Owner:
    return Owner(uid=f"uid-{name}", kind=kind, name=name, api_version=api_version, controller=controller)


def test_an_object_queues_itself(told: Any) -> None:
    assert list(enqueue_object()(told.updated(told.record(), told.record(version="2")))) == [ObjectKey("ns", "a")]


def test_an_owned_object_queues_its_controller_whatever_its_version(told: Any) -> None:
    handle = enqueue_owner(INFERENCE_SERVICES)
    assert list(handle(told.added(owners=(owner("s"),)))) == [ObjectKey("ns", "s")]
    assert list(handle(told.added(owners=(owner("s", api_version="ome.io/v2"),)))) == [ObjectKey("ns", "s")]


def test_owners_of_another_group_or_kind_or_without_a_readable_group_are_skipped(told: Any) -> None:
    handle = enqueue_owner(INFERENCE_SERVICES)
    others = (
        owner("s", api_version="serving.kserve.io/v1beta1"),
        owner("s", kind="BenchmarkJob"),
        owner("s", api_version=""),
        owner("s", api_version="v1"),
    )
    assert list(handle(told.added(owners=others))) == []


def test_owners_that_are_not_the_controller_count_only_when_asked_for(told: Any) -> None:
    event = told.added(owners=(owner("boss"), owner("friend", controller=None)))
    assert list(enqueue_owner(INFERENCE_SERVICES)(event)) == [ObjectKey("ns", "boss")]
    assert list(enqueue_owner(INFERENCE_SERVICES, only_controller=False)(event)) == [
        ObjectKey("ns", "boss"),
        ObjectKey("ns", "friend"),
    ]


def test_a_cluster_scoped_owner_has_no_namespace(told: Any) -> None:
    event = told.added(owners=(owner("m", kind="ClusterBaseModel"),))
    assert list(enqueue_owner(CLUSTER_BASE_MODELS)(event)) == [ObjectKey("", "m")]


def test_a_change_of_owner_queues_both(told: Any) -> None:
    event = told.updated(told.record(owners=(owner("old"),)), told.record(owners=(owner("new"),)))
    assert set(enqueue_owner(INFERENCE_SERVICES)(event)) == {ObjectKey("ns", "old"), ObjectKey("ns", "new")}


def test_a_deleted_object_queues_its_owner(told: Any) -> None:
    assert list(enqueue_owner(INFERENCE_SERVICES)(told.deleted(owners=(owner("s"),)))) == [ObjectKey("ns", "s")]


def test_a_map_is_called_once_per_event(told: Any) -> None:
    calls: list[ObjectEvent] = []

    def map_event(event: ObjectEvent) -> list[str]:
        calls.append(event)
        return ["x", "y"]

    event = told.updated(told.record(), told.record(version="2"))
    assert list(enqueue_mapped(map_event)(event)) == ["x", "y"]
    assert calls == [event]


def test_a_map_can_be_asked_about_the_object_before_too(told: Any) -> None:
    handle = enqueue_mapped(lambda event: [event.header.labels["model"]], also_before=True)
    old, new = told.record(labels={"model": "old"}), told.record(labels={"model": "new"})
    assert list(handle(told.updated(old, new))) == ["new", "old"]
    assert list(handle(told.added(labels={"model": "only"}))) == ["only"]
