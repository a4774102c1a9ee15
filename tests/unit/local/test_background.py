"""Who holds a folder."""

import os
from pathlib import Path

import pytest

from omectl.local.background import AlreadyRunning, Supervisor, claimed, running_supervisor, stop_detached


def test_holder_is_known_while_it_holds_and_not_after(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    assert running_supervisor(folder) is None
    with claimed(folder) as claim:
        assert running_supervisor(folder) == Supervisor(os.getpid(), ready=False)
        claim.announce()
        assert running_supervisor(folder) == Supervisor(os.getpid(), ready=True)
    assert running_supervisor(folder) is None


def test_second_holder_is_told_of_the_first_and_what_to_do(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(AlreadyRunning) as raised, claimed(tmp_path):
        pytest.fail("held twice")
    assert f"process {os.getpid()}" in str(raised.value)
    assert f"omectl cluster down --dir {tmp_path}" in str(raised.value)


def test_note_of_a_process_that_died_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "supervisor.json").write_text(f'{{"pid": {os.getpid()}, "ready": true}}')
    assert running_supervisor(tmp_path) is None
    assert not stop_detached(tmp_path)
    with claimed(tmp_path):
        pass
