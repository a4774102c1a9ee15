"""Building the binaries with the ordinary `go build` from the pinned tool modules (`hack/tools`)."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import omectl
from omectl.local.assets.binaries import KUBERNETES_VERSION, Binary
from omectl.local.errors import LocalError

BUILD_TIMEOUT_S = 3600.0
_TICK_S = 1.0

Progress = Callable[[str, float], None]
"""Told what is being done and for how many seconds already, about once a second."""


@dataclass(frozen=True, slots=True)
class Target:
    """One Go package of a tools module, and the program that it becomes."""

    module: str
    package: str
    built_name: str


TARGETS: Mapping[Binary, Target] = {
    Binary.ETCD: Target("kubernetes", "go.etcd.io/etcd/server/v3", "server"),
    Binary.KUBE_APISERVER: Target("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver"),
    Binary.KUBE_CONTROLLER_MANAGER: Target(
        "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager"
    ),
    Binary.KUBE_SCHEDULER: Target("kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", "kube-scheduler"),
    Binary.KUBECTL: Target("kubernetes", "k8s.io/kubernetes/cmd/kubectl", "kubectl"),
    Binary.KWOK: Target("kwok", "sigs.k8s.io/kwok/cmd/kwok", "kwok"),
}

KWOK_STAGES = (
    "kustomize/stage/pod/fast/pod-ready.yaml",
    "kustomize/stage/pod/fast/pod-complete.yaml",
    "kustomize/stage/pod/fast/pod-delete.yaml",
    "kustomize/stage/node/fast/node-initialize.yaml",
    "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
)


class BuildFailed(LocalError):
    """A Go command failed; the text holds the exact command and the end of what it said."""

    def __init__(self, command: list[str], output: str) -> None:
        super().__init__(command, output)
        self.command = command
        self.output = output

    def __str__(self) -> str:
        tail = "\n".join(self.output.strip().splitlines()[-20:])
        return f"this command failed: {' '.join(self.command)}\n{tail}"


def tools_directory() -> Path:
    """The folder of the pinned tool modules: inside an installed wheel, else in the source tree."""
    package = Path(omectl.__file__).parent
    installed = package / "tools"
    return installed if installed.is_dir() else package.parents[1] / "hack" / "tools"


def go_command() -> str | None:
    """The path of the Go command, when there is one."""
    return shutil.which("go")


def build(binaries: frozenset[Binary], store: Path, progress: Progress) -> None:
    """Build the binaries into the store; each appears there whole or not at all. Raises BuildFailed.

    The caller holds the store's lock.
    """
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=store) as scratch:
        for module in ("kubernetes", "kwok"):
            wanted = [binary for binary in sorted(binaries) if TARGETS[binary].module == module]
            if not wanted:
                continue
            source = Path(shutil.copytree(tools_directory() / module, Path(scratch) / module))
            output = source / "bin"
            output.mkdir()
            _go_build(source, [TARGETS[binary].package for binary in wanted], output, ", ".join(wanted), progress)
            if Binary.KWOK in wanted:
                _copy_stages(source, store, progress)
            for binary in wanted:
                (output / TARGETS[binary].built_name).replace(store / binary)


def _go_build(source: Path, packages: list[str], output: Path, what: str, progress: Progress) -> None:
    version = f"-X k8s.io/component-base/version.gitVersion=v{KUBERNETES_VERSION}"
    arguments = ["build", "-mod=readonly", "-trimpath", "-ldflags", f"-s -w {version}", "-o", f"{output}/", *packages]
    _go(arguments, source, f"building {what} with Go", progress)


def _copy_stages(source: Path, store: Path, progress: Progress) -> None:
    listed = _go(
        ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"], source, "finding kwok's stages", progress
    )
    module = Path(listed.strip())
    stages = store / "kwok-stages"
    stages.mkdir(exist_ok=True)
    for stage in KWOK_STAGES:
        (stages / Path(stage).name).write_bytes((module / stage).read_bytes())


def _go(arguments: list[str], source: Path, what: str, progress: Progress) -> str:
    """Run Go in the module's folder; returns what it printed."""
    go = go_command()
    assert go is not None, "the caller has looked for Go"
    command = [go, *arguments]
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        with subprocess.Popen(command, cwd=source, env=environment, stdout=log, stderr=subprocess.STDOUT) as process:
            try:
                while True:
                    progress(what, time.monotonic() - started)
                    try:
                        process.wait(timeout=_TICK_S)
                        break
                    except subprocess.TimeoutExpired:
                        if time.monotonic() - started > BUILD_TIMEOUT_S:
                            raise BuildFailed(command, f"not done after {BUILD_TIMEOUT_S:.0f} s") from None
            except BaseException:
                process.kill()
                raise
        log.seek(0)
        printed = log.read()
    if process.returncode != 0:
        raise BuildFailed(command, printed)
    return printed
