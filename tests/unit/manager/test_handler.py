"""Which keys an event queues."""

from typing import Any

from omectl.api.kinds import CLUSTER_BASE_MODELS, INFERENCE_SERVICES
from omectl.api.resource import ObjectKey
from omectl.informers import EventType, ObjectEvent, Owner
from omectl.kube.resources import CONFIG_MAPS
from omectl.manager import KeyOnly, enqueue_by_type, enqueue_mapped, enqueue_object, enqueue_owner

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


def test_several_owners_are_all_queued_and_an_unchanged_one_counts_for_both_states(told: Any) -> None:
    both = (owner("first"), owner("second"))
    handle = enqueue_owner(INFERENCE_SERVICES)
    assert list(handle(told.added(owners=both))) == [ObjectKey("ns", "first"), ObjectKey("ns", "second")]
    update = told.updated(told.record(owners=both), told.record(owners=both[:1]))
    assert set(handle(update)) == {ObjectKey("ns", "first"), ObjectKey("ns", "second")}


def test_an_owner_of_the_core_group_has_a_version_without_a_group(told: Any) -> None:
    handle = enqueue_owner(CONFIG_MAPS)
    assert list(handle(told.added(owners=(owner("c", kind="ConfigMap", api_version="v1"),)))) == [ObjectKey("ns", "c")]
    assert list(handle(told.added(owners=(owner("c", kind="ConfigMap", api_version=""),)))) == []
    assert list(handle(told.added(owners=(owner("c", kind="ConfigMap", api_version="ome.io/v1"),)))) == []


def test_an_owner_whose_api_version_is_none_is_skipped_and_the_others_count(told: Any) -> None:
    event = told.added(
        owners=(owner("bad", api_version="ome.io/v1/x"), owner("worse", api_version="ome.io/"), owner("good"))
    )
    assert list(enqueue_owner(INFERENCE_SERVICES)(event)) == [ObjectKey("ns", "good")]


def test_an_object_without_owners_queues_nothing(told: Any) -> None:
    assert list(enqueue_owner(INFERENCE_SERVICES)(told.added())) == []


def test_a_namespaced_owner_is_looked_for_in_the_namespace_of_the_object(told: Any) -> None:
    event = told.added(namespace="there", owners=(owner("s"),))
    assert list(enqueue_owner(INFERENCE_SERVICES)(event)) == [ObjectKey("there", "s")]


def test_a_map_may_queue_nothing_or_the_same_key_twice(told: Any) -> None:
    assert list(enqueue_mapped(lambda event: [])(told.added())) == []
    assert list(enqueue_mapped(lambda event: ["x", "x"])(told.added())) == ["x", "x"]


def test_the_event_about_the_state_before_is_of_the_same_kind(told: Any) -> None:
    seen: list[tuple[Any, ...]] = []

    def map_event(event: ObjectEvent) -> list[str]:
        seen.append((event.type.value, event.header.resource_version, event.initial, event.resync, event.old_record))
        return []

    old = told.record(version="1")
    list(enqueue_mapped(map_event, also_before=True)(told.updated(old, told.record(version="2"), resync=True)))
    assert seen == [("updated", "2", False, True, old), ("updated", "1", False, True, None)]
    seen.clear()
    list(enqueue_mapped(map_event, also_before=True)(ObjectEvent(EventType.UPDATED, old, old, initial=True)))
    assert seen == [("updated", "1", True, False, old), ("updated", "1", True, False, None)]


def test_each_type_of_event_has_its_handler(told: Any) -> None:
    handle = enqueue_by_type(
        created=lambda event: ["created"], updated=lambda event: ["updated"], deleted=lambda event: ["deleted"]
    )
    events = (told.added(), told.updated(told.record(), told.record()), told.deleted())
    assert [list(handle(event)) for event in events] == [["created"], ["updated"], ["deleted"]]
    told_whole = enqueue_by_type(created=lambda event: [event.key], deleted=lambda event: [event.key])
    assert list(told_whole(events[0])) == [events[0].key]
    nothing = enqueue_by_type()
    assert [list(nothing(event)) for event in events] == [[], [], []]


def test_handlers_that_only_need_keys_say_so(told: Any) -> None:
    assert isinstance(enqueue_object(), KeyOnly)
    assert isinstance(enqueue_owner(INFERENCE_SERVICES), KeyOnly)
    assert not isinstance(enqueue_mapped(lambda event: ["x"]), KeyOnly)
