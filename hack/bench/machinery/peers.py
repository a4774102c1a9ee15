"""The peers, built or installed once into the cache folder: a Go program, and an environment with kopf."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from omectl.local.assets import cache_directory

_PEERS = Path(__file__).parent.parent / "peers"
_GO_SOURCE = _PEERS / "controller-runtime"
_LOCK = _PEERS / "kopf" / "requirements.lock"
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Peers:
    """The Go program, and the Python of the environment that has kopf."""

    go: Path
    python: Path


def prepare() -> Peers:
    """Both peers, ready to run. Raises CalledProcessError; ends the process where Go is missing."""
    return Peers(_go_program(), _python_environment())


def _folder() -> Path:
    folder = cache_directory(os.environ) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _digest(files: list[Path]) -> str:
    content = hashlib.sha256()
    for file in sorted(files):
        content.update(file.name.encode() + file.read_bytes())
    return content.hexdigest()[:16]


def _go_program() -> Path:
    target = _folder() / f"controller-runtime-{_digest(list(_GO_SOURCE.iterdir()))}"
    if not target.exists():
        go = shutil.which("go")
        if go is None:
            raise SystemExit("bench-machinery: wanted Go to build the peer, found none on the PATH; install Go 1.26")
        print("building the controller-runtime peer (only the first time) ...", file=sys.stderr)
        unfinished = target.with_suffix(".unfinished")
        subprocess.run([go, "build", "-o", str(unfinished), "."], cwd=_GO_SOURCE, check=True)
        unfinished.rename(target)
    return target


def _python_environment() -> Path:
    target = _folder() / f"kopf-{_digest([_LOCK])}"
    python = target / "bin" / "python"
    if not (target / "complete").exists():
        print("installing the kopf peer (only the first time) ...", file=sys.stderr)
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        subprocess.run([*install, "--require-hashes", "--requirement", str(_LOCK)], check=True)
        (target / "complete").touch()
    return python


def versions() -> dict[str, str]:
    """The versions of the peers' packages, from their locks."""
    module = "sigs.k8s.io/controller-runtime v"
    go = next(line for line in (_GO_SOURCE / "go.mod").read_text().splitlines() if module in line)
    found = {"controller-runtime": go.split(" v")[1].split()[0]}
    for line in _LOCK.read_text().splitlines():
        name, equals, rest = line.partition("==")
        if equals and name in ("kopf", "lightkube", "kubernetes-asyncio"):
            found[name] = rest.split()[0]
    return found
