"""Children that somebody else changes: what is told, and when they are left alone for a while."""

from omectl.api.json import JsonObject
from omectl.clock import FakeClock
from omectl.kube.apply import Applied, Outcome, Undone
from omectl.kube.resources import DEPLOYMENTS
from omectl.reconcilers.contests import MOST, Contests

UNDONE = Undone("spec.template.spec", "argocd")


def child(uid: str = "u") -> Applied:
    live: JsonObject = {"metadata": {"name": "svc-engine", "namespace": "team", "uid": uid}}
    return Applied(Outcome.UPDATED, live, UNDONE)


def test_field_and_manager_are_told_with_what_to_do() -> None:
    contests = Contests(FakeClock(), 10)
    assert contests.note(DEPLOYMENTS, child(), UNDONE) == (
        "argocd changed spec.template.spec of Deployment team/svc-engine, which was set back; "
        "next: change it in the service, its runtime or the settings, or have argocd leave it"
    )
    assert contests.note(DEPLOYMENTS, child(), Undone("spec", "")) == (
        "somebody changed spec of Deployment team/svc-engine, which was set back; "
        "next: change it in the service, its runtime or the settings"
    )


def test_a_child_that_is_set_back_again_and_again_is_left_alone_for_a_while() -> None:
    clock = FakeClock()
    contests = Contests(clock, 10)
    assert not contests.pauses("u")
    for _ in range(MOST - 1):
        contests.note(DEPLOYMENTS, child(), UNDONE)
        assert not contests.pauses("u")
    contests.note(DEPLOYMENTS, child(), UNDONE)
    assert contests.pauses("u")
    assert not contests.pauses("another")
    clock.advance(9.9)
    assert contests.pauses("u")
    clock.advance(0.1)
    assert not contests.pauses("u")
    contests.note(DEPLOYMENTS, child(), UNDONE)
    assert contests.pauses("u"), "the contest goes on: one write in ten seconds"


def test_changes_that_come_now_and_then_are_set_back_at_once() -> None:
    clock = FakeClock()
    contests = Contests(clock, 10)
    for _ in range(3 * MOST):
        contests.note(DEPLOYMENTS, child(), UNDONE)
        assert not contests.pauses("u")
        clock.advance(16)


def test_what_was_contested_long_ago_is_forgotten() -> None:
    clock = FakeClock()
    contests = Contests(clock, 10)
    for _ in range(MOST):
        contests.note(DEPLOYMENTS, child(), UNDONE)
    clock.advance(61)
    contests.note(DEPLOYMENTS, child("v"), UNDONE)
    contests.note(DEPLOYMENTS, child(), UNDONE)
    assert not contests.pauses("u")
