"""Events of our own writes are passed over; whatever may be somebody else's is looked at."""

from __future__ import annotations

import pytest
from tests.unit.reconcilers.objects import added, deleted, updated

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, key_of
from omectl.kube.resources import CONFIG_MAPS, SECRETS
from omectl.reconcilers.own_writes import OwnWrites

OWNER = ObjectKey("team", "svc")


class Looks(list[ObjectKey]):
    """What is to be looked at again."""


def version(number: int) -> JsonObject:
    metadata: JsonObject = {"name": "a", "namespace": "team", "resourceVersion": str(number)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def own(looks: Looks) -> OwnWrites:
    return OwnWrites(looks.append)


def write(own: OwnWrites, number: int) -> None:
    with own.writing(CONFIG_MAPS, key_of(version(number)), OWNER):
        own.note(CONFIG_MAPS, version(number))


def test_the_event_of_a_noted_write_is_passed_over_once(own: OwnWrites, looks: Looks) -> None:
    write(own, 7)
    keep = own.news(CONFIG_MAPS)
    assert not keep(added(version(7)))
    assert keep(added(version(7)))
    assert looks == []


def test_the_event_of_anothers_version_is_kept_and_ours_is_still_passed_over(own: OwnWrites, looks: Looks) -> None:
    write(own, 7)
    keep = own.news(CONFIG_MAPS)
    assert keep(updated(version(5), version(6)))
    assert not keep(updated(version(6), version(7)))
    assert looks == []


def test_an_object_of_another_kind_with_the_same_name_is_another(own: OwnWrites) -> None:
    write(own, 7)
    assert own.news(SECRETS)(added(version(7)))


def test_our_event_before_the_answer_is_passed_over(own: OwnWrites, looks: Looks) -> None:
    keep = own.news(CONFIG_MAPS)
    with own.writing(CONFIG_MAPS, key_of(version(7)), OWNER):
        assert not keep(added(version(7)))
        own.note(CONFIG_MAPS, version(7))
    assert looks == []
    assert keep(added(version(7)))


def test_anothers_event_before_the_answer_is_looked_at_afterwards(own: OwnWrites, looks: Looks) -> None:
    keep = own.news(CONFIG_MAPS)
    with own.writing(CONFIG_MAPS, key_of(version(7)), OWNER):
        assert not keep(updated(version(5), version(6)))
        assert looks == []
        own.note(CONFIG_MAPS, version(7))
    assert looks == [OWNER]
    assert not keep(updated(version(6), version(7)))


def test_what_came_during_a_write_that_failed_or_was_not_noted_is_looked_at(own: OwnWrites, looks: Looks) -> None:
    keep = own.news(CONFIG_MAPS)

    def refused() -> None:
        with own.writing(CONFIG_MAPS, key_of(version(7)), OWNER):
            keep(updated(version(5), version(6)))
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        refused()
    with own.writing(CONFIG_MAPS, key_of(version(7)), OWNER):
        keep(updated(version(6), version(8)))
    assert looks == [OWNER, OWNER]


def test_a_deletion_is_always_kept_and_forgets_the_write(own: OwnWrites) -> None:
    write(own, 7)
    keep = own.news(CONFIG_MAPS)
    assert keep(deleted(version(7)))
    assert keep(added(version(7)))
    with own.writing(CONFIG_MAPS, key_of(version(7)), OWNER):
        assert keep(deleted(version(7)))
