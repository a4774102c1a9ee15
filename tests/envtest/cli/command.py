"""Running the real command, as a user does, and judging how it ended."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def failed(self, code: int, *texts: str) -> None:
        """Asserts that it failed with this code, without a traceback, in one line that holds the texts."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        line = self.err.rstrip("\n").rpartition("\n")[2]
        assert line.startswith("omectl: "), self.err
        for text in texts:
            assert text in line


def omectl(*arguments: object, stdin: str = "", **environment: str) -> Ended:
    """`python -m omectl` with these arguments, without this machine's kubeconfig."""
    ended = subprocess.run(
        [sys.executable, "-m", "omectl", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        env={**os.environ, "KUBECONFIG": "", "NO_COLOR": "1", **environment},
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)
