"""What a test left behind: tasks, threads, child processes."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

_GRACE_S = 2.0
_POLL_S = 0.02
# Threads that a library starts once and keeps for the process's life.
_KEPT_THREADS = ("pytest_timeout", "tqdm", "asyncio-waitpid", "ThreadPoolExecutor-hypothesis")


@dataclass(slots=True)
class Residents:
    """Threads and processes that may be there: what was there before, and what session fixtures started since."""

    threads: set[int] = field(default_factory=set[int])
    processes: set[int] = field(default_factory=set[int])
    keepers: list[Callable[[], Iterable[int]]] = field(default_factory=list[Callable[[], Iterable[int]]])
    """Each names processes that belong now, such as those of a control plane that a test restarted."""

    @contextmanager
    def admitted(self) -> Generator[None]:
        """Take what starts inside, and only that, as belonging."""
        threads, processes = _threads(), set(_children())
        yield
        self.threads |= _threads().keys() - threads.keys()
        self.processes |= _children().keys() - processes

    def settle(self) -> None:
        """Take everything that is there now as belonging."""
        self.threads = set(_threads())
        self.processes = set(_children())

    def strangers(self) -> list[str]:
        """What is there and does not belong, after a short grace for what is just ending."""
        deadline = time.monotonic() + _GRACE_S
        while found := self._strangers():
            if time.monotonic() > deadline:
                return found
            time.sleep(_POLL_S)
        return []

    def _strangers(self) -> list[str]:
        threads = [
            f"thread {name}"
            for ident, name in _threads().items()
            if ident not in self.threads and not name.startswith(_KEPT_THREADS)
        ]
        kept = self.processes.union(*(keeper() for keeper in self.keepers))
        processes = [f"process {pid} ({text})" for pid, text in _children().items() if pid not in kept]
        return threads + processes


def leaked_tasks() -> list[str]:
    """The unfinished tasks of the running loop, but for the one that asks."""
    current = asyncio.current_task()
    return [f"task {task.get_name()}: {task.get_coro()}" for task in asyncio.all_tasks() if task is not current]


def _threads() -> dict[int, str]:
    """The living threads: their names by identity."""
    return {thread.ident: thread.name for thread in threading.enumerate() if thread.ident is not None}


def _children() -> dict[int, str]:
    """The living descendants of this process: their command lines by process id."""
    found: dict[int, str] = {}
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline() or [process.name()])[:120]
        except psutil.NoSuchProcess:
            continue
    return found
