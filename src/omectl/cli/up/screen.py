"""Where `omectl up` shows itself: a live view on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from omectl.cli.overview import Snapshot
from omectl.cli.progress import build_progress
from omectl.cli.up.view import SIMULATED, live_view, plain_lines
from omectl.local.assets import Progress

_FRAMES_PER_SECOND = 8


class Screen(Protocol):
    """What the command tells its user."""

    progress: Progress

    def announce(self, doing: str) -> None:
        """Say what is being done now."""
        ...

    def show(self, snapshot: Snapshot) -> None:
        """Show the cluster as it is."""
        ...

    def finish(self, elapsed_s: float, advice: RenderableType | None) -> None:
        """Say that everything is Ready, and what to do next."""
        ...


class LiveScreen:
    """Redraws in place. `progress` may be called from another thread."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._doing = ""
        self._snapshot: Snapshot | None = None
        self._advice: RenderableType = Text()

    def progress(self, what: str, elapsed_s: float) -> None:
        self.announce(f"{what} ({elapsed_s:.0f} s; only the first time)")

    def announce(self, doing: str) -> None:
        self._doing = doing
        self._draw()

    def show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._draw()

    def finish(self, elapsed_s: float, advice: RenderableType | None) -> None:
        self._doing = "" if advice is None else "Ctrl-C stops everything"
        self._advice = Group(Text(f"Ready after {elapsed_s:.1f} s", style="bold green"), advice or Text())
        self._draw()

    def _draw(self) -> None:
        if self._snapshot is None:
            self._live.update(Spinner("dots", text=self._doing))
        else:
            self._live.update(Group(live_view(self._snapshot, self._doing), self._advice))


class PlainScreen:
    """One line for each change, with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._snapshot: Snapshot | None = None
        self.progress = build_progress()

    def announce(self, doing: str) -> None:
        self._line(doing)

    def show(self, snapshot: Snapshot) -> None:
        if self._snapshot is None:
            self._line(SIMULATED)
        for line in plain_lines(self._snapshot, snapshot):
            self._line(line)
        self._snapshot = snapshot

    def finish(self, elapsed_s: float, advice: RenderableType | None) -> None:
        self._line(f"Ready after {elapsed_s:.1f} s")
        if advice is not None:
            self._console.print(advice)

    def _line(self, text: str) -> None:
        elapsed = time.monotonic() - self._started
        self._console.print(f"[{elapsed:7.1f} s] {text}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def make_screen() -> Generator[Screen]:
    """The screen that fits standard output."""
    if not sys.stdout.isatty():
        yield PlainScreen(Console(file=sys.stdout, width=160))
        return
    with Live(Text(), console=Console(), refresh_per_second=_FRAMES_PER_SECOND) as live:
        yield LiveScreen(live)
