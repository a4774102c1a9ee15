"""Who leads: every case of the decision."""

import socket
from pathlib import Path
from uuid import UUID

import pytest

from omectl.manager.election import (
    Create,
    Decision,
    LeaseRecord,
    Observation,
    Update,
    Wait,
    decide,
    observe,
    released,
)
from omectl.manager.options import ElectionOptions, ManagerOptions, default_identity, default_namespace


def held_by(holder: str, *, transitions: int = 3, duration_s: int = 15, renewed: str = "then") -> LeaseRecord:
    return LeaseRecord(
        holder=holder, lease_duration_s=duration_s, acquired="long ago", renewed=renewed, transitions=transitions
    )


def taken(*, acquired: str = "now", transitions: int) -> LeaseRecord:
    return LeaseRecord(holder="me", lease_duration_s=15, acquired=acquired, renewed="now", transitions=transitions)


@pytest.mark.parametrize(
    ("seen", "now", "decision"),
    [
        pytest.param(None, 0.0, Create(taken(transitions=0)), id="no lease"),
        pytest.param(Observation(held_by("you"), 0.0), 14.9, Wait("you", 15.0), id="held and seen lately"),
        pytest.param(Observation(held_by("you"), 0.0), 15.0, Update(taken(transitions=4)), id="held but expired"),
        pytest.param(Observation(held_by(""), 0.0), 0.0, Update(taken(transitions=4)), id="released"),
        pytest.param(
            Observation(held_by("me"), 0.0),
            1.0,
            Update(taken(acquired="long ago", transitions=3)),
            id="ours: acquire time and transitions stay",
        ),
        pytest.param(
            Observation(held_by("me"), 0.0),
            500.0,
            Update(taken(acquired="long ago", transitions=3)),
            id="ours and expired: still ours",
        ),
        pytest.param(Observation(held_by("you", duration_s=60), 0.0), 30.0, Wait("you", 60.0), id="their duration"),
        pytest.param(
            Observation(held_by("you", duration_s=0), 0.0), 0.0, Update(taken(transitions=4)), id="no duration"
        ),
    ],
)
def test_a_candidate_decides(seen: Observation | None, now: float, decision: Decision) -> None:
    assert decide("me", seen, now, "now", 15.0) == decision


def test_a_fraction_of_a_second_of_lease_is_rounded_up() -> None:
    decision = decide("me", None, 0.0, "now", 1.2)
    assert isinstance(decision, Create)
    assert decision.record.lease_duration_s == 2


def test_an_unchanged_record_keeps_the_moment_of_its_first_sight() -> None:
    first = observe(None, held_by("you"), 10.0)
    assert observe(first, held_by("you"), 20.0) is first
    assert observe(first, held_by("you", renewed="later"), 20.0).at == 20.0


@pytest.mark.parametrize(("holder", "gives"), [("me", True), ("you", False), ("", False)])
def test_only_our_own_lease_is_released(holder: str, gives: bool) -> None:
    record = released(held_by(holder), "me", "now")
    assert (record is not None) is gives
    if record is not None:
        assert (record.holder, record.lease_duration_s, record.transitions, record.renewed) == ("", 1, 3, "now")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"retry_period_s": 0.0}, "retry_period_s > 0, found 0.0"),
        ({"retry_period_s": -1.0}, "retry_period_s > 0, found -1.0"),
        ({"retry_period_s": float("nan")}, "retry_period_s > 0, found nan"),
        ({"renew_deadline_s": 2.4}, "renew_deadline_s > 1.2 x retry_period_s, found 2.4"),
        ({"renew_deadline_s": -5.0}, "renew_deadline_s > 1.2 x retry_period_s, found -5.0"),
        ({"lease_duration_s": 10.0}, "lease_duration_s > renew_deadline_s, found 10.0"),
        ({"lease_duration_s": float("inf")}, "a finite lease_duration_s, found inf"),
        ({"lease_duration_s": 0.9, "renew_deadline_s": 0.5, "retry_period_s": 0.1}, "lease_duration_s >= 1"),
        ({"identity": ""}, "an identity, found ''"),
        ({"lease_name": ""}, "a lease name and namespace, found ''"),
        ({"namespace": ""}, "a lease name and namespace"),
    ],
)
def test_options_that_break_a_rule_are_refused(options: dict[str, object], wanted: str) -> None:
    with pytest.raises(ValueError, match=f"^leader election: wanted {wanted}"):
        ElectionOptions(**options).validated()  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=wanted):
        ManagerOptions(**options).election()  # pyright: ignore[reportArgumentType]


def test_the_defaults_are_the_fields() -> None:
    options = ManagerOptions().election()
    assert (options.lease_duration_s, options.renew_deadline_s, options.retry_period_s) == (15.0, 10.0, 2.0)
    assert options.lease_name == "ome-controller-manager-leader-lock"
    assert options.release_on_stop
    assert options.identity != ManagerOptions().identity


@pytest.mark.parametrize(
    "options",
    [
        {"retry_period_s": 0.001},
        {"renew_deadline_s": 2.41},
        {"lease_duration_s": 10.001},
        {"lease_duration_s": 1.0, "renew_deadline_s": 0.5, "retry_period_s": 0.1},
    ],
)
def test_options_just_inside_the_rules_are_taken(options: dict[str, float]) -> None:
    wanted = ElectionOptions(**options)  # pyright: ignore[reportArgumentType]
    assert wanted.validated() is wanted


def test_an_identity_is_host_and_a_random_part() -> None:
    host, _, random_part = default_identity().rpartition("_")
    assert host == socket.gethostname()
    assert str(UUID(random_part)) == random_part
    assert ElectionOptions().identity != ElectionOptions().identity


def test_the_namespace_is_that_of_the_service_account(tmp_path: Path) -> None:
    assert default_namespace(tmp_path) == "ome"
    (tmp_path / "namespace").write_text("team-a\n")
    assert default_namespace(tmp_path) == "team-a"
    (tmp_path / "namespace").write_text(" \n")
    assert default_namespace(tmp_path) == "ome"


def test_the_defaults_of_the_election_are_those_of_the_manager() -> None:
    manager, election = ManagerOptions(identity="me").election(), ElectionOptions(identity="me")
    assert manager == election
    assert election.namespace == "ome"
    assert dict(election.labels) == {}


def test_every_option_reaches_the_election() -> None:
    options = ManagerOptions(
        identity="me",
        namespace="ns",
        lease_name="lock",
        lease_labels={"a": "b"},
        lease_duration_s=30.0,
        renew_deadline_s=20.0,
        retry_period_s=3.0,
        release_on_stop=False,
    )
    assert options.election() == ElectionOptions(
        identity="me",
        namespace="ns",
        lease_name="lock",
        labels={"a": "b"},
        lease_duration_s=30.0,
        renew_deadline_s=20.0,
        retry_period_s=3.0,
        release_on_stop=False,
    )
