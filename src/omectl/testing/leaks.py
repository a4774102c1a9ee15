"""What a test left behind: tasks, threads, child processes."""

import asyncio
import threading
import time
from dataclasses import dataclass, field

import psutil

_GRACE_S = 2.0
_POLL_S = 0.02
# Threads that a library starts once and keeps for the process's life.
_KEPT_THREADS = ("pytest_timeout", "tqdm", "asyncio-waitpid", "ThreadPoolExecutor-hypothesis")


@dataclass(slots=True)
class Residents:
    """Threads and processes that may be there: what was there before, and what session fixtures started since."""

    threads: set[int] = field(default_factory=set)
    processes: set[int] = field(default_factory=set)

    def settle(self) -> None:
        """Take everything that is there now as belonging."""
        self.threads = {thread.ident for thread in threading.enumerate() if thread.ident is not None}
        self.processes = {process.pid for process in _children()}

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
            f"thread {thread.name}"
            for thread in threading.enumerate()
            if thread.ident not in self.threads and not thread.name.startswith(_KEPT_THREADS)
        ]
        processes = [
            f"process {process.pid} ({' '.join(process.info['cmdline'] or [process.info['name']])[:120]})"
            for process in _children()
            if process.pid not in self.processes
        ]
        return threads + processes


def leaked_tasks() -> list[str]:
    """The unfinished tasks of the running loop, but for the one that asks."""
    current = asyncio.current_task()
    return [f"task {task.get_name()}: {task.get_coro()}" for task in asyncio.all_tasks() if task is not current]


def _children() -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.Process().children(recursive=True):
        try:
            process.info = process.as_dict(["cmdline", "name", "status"])
        except psutil.NoSuchProcess:
            continue
        if process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
