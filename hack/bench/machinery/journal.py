"""What was measured, kept line by line as it is measured, so that an interrupted run goes on where it was."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hack.bench.machinery.peers import ROOT

Key = tuple[str, str, str, int]
"""Benchmark, case, subject, repetition."""


class Journal:
    """JSON lines in `runs.jsonl` of a folder; only those of `commit` count."""

    def __init__(self, folder: Path, commit: str, versions: Mapping[str, str], flags: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "runs.jsonl"
        self.commit = commit
        self._about = {"commit": self.commit, "versions": dict(versions), "flags": list(flags)}
        self._runs: dict[Key, dict[str, Any]] = {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        text = self.path.read_text()
        if text and not text.endswith("\n"):
            with self.path.open("a") as out:
                out.write("\n")
        for line in text.splitlines():
            try:
                run = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line that an interruption cut off
            if run["commit"] == self.commit:
                self._runs[(run["bench"], run["case"], run["subject"], run["repetition"])] = run["figures"]

    def __contains__(self, key: Key) -> bool:
        return key in self._runs

    def add(self, key: Key, figures: dict[str, Any]) -> None:
        """Keep a run's figures."""
        self._runs[key] = figures
        bench, case, subject, repetition = key
        run = {"bench": bench, "case": case, "subject": subject, "repetition": repetition, "figures": figures}
        with self.path.open("a") as out:
            out.write(json.dumps(run | self._about) + "\n")

    def runs(self, bench: str, case: str, subject: str, repetitions: int) -> list[dict[str, Any]]:
        """The figures of the first repetitions, as far as they were measured."""
        keys = ((bench, case, subject, repetition) for repetition in range(repetitions))
        return [self._runs[key] for key in keys if key in self._runs]


def commit() -> str:
    """The commit of this tree, with a plus sign when it was changed since."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    if head.returncode != 0:
        return "unknown"
    changed = subprocess.run([*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True)
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")
