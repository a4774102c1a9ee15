"""How the command line begins, and how errors leave it: those that explain themselves as one line, defects with their
traceback."""

import gc
import os
import sys
from collections.abc import Callable

import pytest

from omectl.cli import app
from omectl.cli.app import begin_at_once, explained
from omectl.cli.failure import CliFailure
from omectl.kube.credentials import ConfigError
from omectl.local.errors import LocalError
from omectl.manager import AddressUnavailable, BadAddress, LeadershipLost, RunnableFailed, StopTimeout


def failed(cause: Exception) -> RunnableFailed:
    error = RunnableFailed("http", cause)
    error.__cause__ = cause
    return error


TAKEN = AddressUnavailable(":8080", "--metrics-bind-address", OSError(98, "Address already in use"))


@pytest.mark.parametrize(
    ("error", "text", "code"),
    [
        (CliFailure("wrong", 2), "wrong", 2),
        (ConfigError("no kubeconfig"), "no kubeconfig", 1),
        (LocalError("no binary"), "no binary", 1),
        (BadAddress("nowhere", "--flag"), "--flag: wanted host:port", 2),
        (TAKEN, "stop it or choose another address with --metrics-bind-address", 1),
        (LeadershipLost("me", "ome/lock", "too late"), "me lost leadership of Lease ome/lock: too late", 1),
        (StopTimeout(["slow"], 3.0), "slow did not", 1),
        (PermissionError(13, "Permission denied", "/models"), "wanted to use /models, found: Permission denied", 1),
        (ExceptionGroup("", [LocalError("same"), LocalError("same")]), "same", 1),
        (ExceptionGroup("", [LocalError("one"), CliFailure("two", 2)]), "one; two", 2),
    ],
)
def test_an_error_that_explains_itself_is_one_line_and_a_code(error: Exception, text: str, code: int) -> None:
    failure = explained(error)
    assert failure is not None
    assert text in failure.message
    assert "\n" not in failure.message
    assert failure.exit_code == code


def test_a_runnable_that_failed_for_a_reason_of_the_users_gives_that_reason_alone() -> None:
    failure = explained(failed(TAKEN))
    assert failure is not None
    assert failure.message == str(TAKEN)


def test_a_runnable_that_failed_by_a_defect_is_named() -> None:
    failure = explained(failed(KeyError("x")))
    assert failure is not None
    assert "http failed and the manager stopped: KeyError" in failure.message


@pytest.mark.parametrize("error", [KeyError("x"), ExceptionGroup("", [LocalError("known"), KeyError("x")])])
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    assert explained(error) is None


def test_what_begins_at_once_neither_collects_garbage_nor_looks_for_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "")
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS")
    try:
        begin_at_once()
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__"


def test_plugins_that_the_user_asks_for_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "some")
    try:
        begin_at_once()
    finally:
        gc.enable()
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "some"


@pytest.mark.parametrize(("command", "times"), [("plan", 1), ("crds", 1), ("version", 1), ("get", 0), ("manager", 0)])
def test_only_commands_that_end_soon_begin_at_once(command: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(sys, "argv", ["omectl", command])
    monkeypatch.setattr(app, "begin_at_once", lambda: begun.append("begun"))

    def build_app(only: str) -> Callable[[], None]:
        return lambda: begun.append(only)

    monkeypatch.setattr(app, "build_app", build_app)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 0
    assert begun == [*["begun"] * times, command]
