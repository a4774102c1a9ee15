"""Building the binaries with the ordinary `go build` from the pinned tool modules (`hack/tools`)."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import omectl
from omectl.local.assets.binaries import KUBERNETES_VERSION, Binary
from omectl.local.assets.go import BuildFailed, Progress, go_command, run_go

__all__ = ["STAGES_FOLDER", "TARGETS", "BuildFailed", "Progress", "build", "fetch_stages", "go_command"]

STAGES_FOLDER = "kwok-stages"
_SCRATCH = ".building-"


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
    Binary.LWS_CONTROLLER: Target("lws", "sigs.k8s.io/lws/cmd", "cmd"),
}

KWOK_STAGES = (
    "kustomize/stage/pod/fast/pod-ready.yaml",
    "kustomize/stage/pod/fast/pod-complete.yaml",
    "kustomize/stage/pod/fast/pod-delete.yaml",
    "kustomize/stage/node/fast/node-initialize.yaml",
    "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
)


def tools_directory() -> Path:
    """The folder of the pinned tool modules: inside an installed wheel, else in the source tree."""
    package = Path(omectl.__file__).parent
    installed = package / "tools"
    return installed if installed.is_dir() else package.parents[1] / "hack" / "tools"


def build(binaries: frozenset[Binary], store: Path, progress: Progress) -> None:
    """Build the binaries into the store; each appears there whole or not at all. Raises BuildFailed.

    The caller holds the store's lock.
    """
    _sweep(store)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=store) as scratch:
        for module in dict.fromkeys(target.module for target in TARGETS.values()):
            wanted = [binary for binary in sorted(binaries) if TARGETS[binary].module == module]
            if not wanted:
                continue
            source = _copy_module(module, Path(scratch))
            output = source / "bin"
            output.mkdir()
            _go_build(source, [TARGETS[binary].package for binary in wanted], output, ", ".join(wanted), progress)
            if Binary.KWOK in wanted:
                _place_stages(source, store, progress)
            for binary in wanted:
                (output / TARGETS[binary].built_name).replace(store / binary)


def fetch_stages(store: Path, progress: Progress) -> None:
    """Put kwok's stage files into the store, from its module. Raises BuildFailed. The caller holds the store's lock."""
    _sweep(store)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=store) as scratch:
        source = _copy_module("kwok", Path(scratch))
        run_go(["mod", "download", "sigs.k8s.io/kwok"], source, "downloading kwok's stages", progress)
        _place_stages(source, store, progress)


def _copy_module(module: str, scratch: Path) -> Path:
    """A copy to build in: the original may lie where nobody may write."""
    return Path(shutil.copytree(tools_directory() / module, scratch / module))


def _sweep(store: Path) -> None:
    """Remove what a killed build left; under the lock nobody else builds here."""
    for leftover in store.glob(f"{_SCRATCH}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _go_build(source: Path, packages: list[str], output: Path, what: str, progress: Progress) -> None:
    version = f"-X k8s.io/component-base/version.gitVersion=v{KUBERNETES_VERSION}"
    arguments = ["build", "-mod=readonly", "-trimpath", "-ldflags", f"-s -w {version}", "-o", f"{output}/", *packages]
    run_go(arguments, source, f"building {what} with Go", progress)


def _place_stages(source: Path, store: Path, progress: Progress) -> None:
    arguments = ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"]
    module = Path(run_go(arguments, source, "finding kwok's stages", progress).strip())
    partial = source / STAGES_FOLDER
    partial.mkdir()
    for stage in KWOK_STAGES:
        (partial / Path(stage).name).write_bytes((module / stage).read_bytes())
    shutil.rmtree(store / STAGES_FOLDER, ignore_errors=True)
    partial.replace(store / STAGES_FOLDER)
