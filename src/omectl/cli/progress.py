"""Showing how a build goes on, which takes minutes the first time."""

import sys

import typer

from omectl.local.assets import Progress

_PLAIN_STEP_S = 30.0


def build_progress() -> Progress:
    """Progress on standard error: one line that changes on a terminal, else a line every half minute."""
    state: dict[str, float] = {}

    def changing(what: str, elapsed_s: float) -> None:
        typer.echo(f"\r\x1b[2K{what} ({elapsed_s:.0f} s; only the first time)", nl=False, err=True)

    def plain(what: str, elapsed_s: float) -> None:
        if what not in state or elapsed_s - state[what] >= _PLAIN_STEP_S:
            state[what] = elapsed_s
            typer.echo(f"{what} ({elapsed_s:.0f} s; only the first time)", err=True)

    return changing if sys.stderr.isatty() else plain
