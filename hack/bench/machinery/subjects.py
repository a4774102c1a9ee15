"""The subjects and how each is called."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hack.bench.machinery.peers import Peers

OMECTL = "omectl"
GO = "controller-runtime unstructured"
GO_TYPED = "controller-runtime typed"
KOPF = "kopf"
KOPF_UPDATE = "kopf create/update"
LIGHTKUBE = "lightkube"
KUBERNETES_ASYNCIO = "kubernetes_asyncio"

MACHINERIES = (OMECTL, GO, GO_TYPED)
_PACKAGE = "hack.bench.subjects"


@dataclass(frozen=True, slots=True)
class Programs:
    """Command lines on one API server."""

    peers: Peers
    kubeconfig: Path

    def tool(self, name: str, *flags: str) -> list[str]:
        """One of the tools that all subjects share: fill, write, load."""
        return [str(self.peers.go), name, f"--kubeconfig={self.kubeconfig}", *flags]

    def command(self, subject: str, job: str, *flags: str, kubeconfig: Path | None = None) -> list[str]:
        """A subject doing a job: `cold_sync`, `first_pass`, ... (the peer in Go has its own name for some)."""
        where = f"--kubeconfig={kubeconfig or self.kubeconfig}"
        if subject in (GO, GO_TYPED):
            typed = ["--typed"] if subject == GO_TYPED else []
            return [str(self.peers.go), _GO_JOBS.get(job, job.replace("_", "-")), where, *typed, *flags]
        if subject == OMECTL:
            return [sys.executable, "-m", f"{_PACKAGE}.{job}", where, *flags]
        if subject in (LIGHTKUBE, KUBERNETES_ASYNCIO):
            return [str(self.peers.python), "-m", f"{_PACKAGE}.client_list", where, f"--client={subject}", *flags]
        mode = "update" if subject == KOPF_UPDATE else "event"
        hold = ["--hold=1"] if job == "latency" else []
        return [str(self.peers.python), "-m", f"{_PACKAGE}.kopf_operator", where, f"--mode={mode}", *hold, *flags]


_GO_JOBS = {"cold_sync": "sync", "read_path": "read"}


def chosen(subjects: Iterable[str], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `subjects` whose name has a wanted part in it; all when nothing is wanted."""
    return tuple(name for name in subjects if not wanted or any(part in name for part in wanted))
