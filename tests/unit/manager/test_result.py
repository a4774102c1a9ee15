"""What follows from a reconcile's end."""

import pytest

from omectl.kube.errors import NotFound
from omectl.manager import Result, TerminalError
from omectl.manager.result import Requeue, is_bug, outcome_of


@pytest.mark.parametrize(
    ("result", "requeue", "label", "after_s"),
    [
        (Result(), Requeue.FORGET, "success", 0.0),
        (Result(requeue_after_s=None), Requeue.FORGET, "success", 0.0),
        (Result(requeue_after_s=0.0), Requeue.FORGET, "success", 0.0),
        (Result(requeue_after_s=-1.0), Requeue.FORGET, "success", 0.0),
        (Result(requeue_after_s=30.0), Requeue.AFTER, "requeue_after", 30.0),
        (Result(priority=7), Requeue.FORGET, "success", 0.0),
    ],
)
def test_a_result_says_what_becomes_of_the_key(result: Result, requeue: Requeue, label: str, after_s: float) -> None:
    outcome = outcome_of(result)
    assert (outcome.requeue, outcome.label, outcome.after_s) == (requeue, label, after_s)


@pytest.mark.parametrize(
    ("error", "bug"),
    [
        (KeyError("spec"), True),
        (TypeError("not callable"), True),
        (AssertionError(), True),
        (RuntimeError("boom"), True),
        (OSError("disk full"), False),
        (ConnectionResetError(), False),
        (TimeoutError(), False),
        (ExceptionGroup("several", [ValueError()]), False),
        (NotFound(404, "NotFound", "gone"), False),
        (TerminalError("never"), False),
    ],
)
def test_only_exceptions_that_nobody_designed_are_bugs(error: Exception, bug: bool) -> None:
    assert is_bug(error) is bug


def test_a_terminal_error_speaks_for_itself_or_for_its_cause() -> None:
    assert str(TerminalError("spec.size is negative")) == "spec.size is negative"
    assert str(TerminalError()) == "terminal error"
    with pytest.raises(TerminalError) as caught:
        raise TerminalError from ValueError("the cause")
    assert str(caught.value) == "the cause"
