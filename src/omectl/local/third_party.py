"""CustomResourceDefinitions of other projects, from the Go module cache: pinned here, never copied."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from omectl.local.assets.go import Progress, go_command, run_go
from omectl.local.errors import LocalError

_DOWNLOAD_TIMEOUT_S = 300.0


class Project(StrEnum):
    """A project whose kinds omectl writes or watches."""

    LEADER_WORKER_SET = "lws"
    KEDA = "keda"
    KNATIVE_SERVING = "knative-serving"
    GATEWAY_API = "gateway-api"
    INFERENCE_EXTENSION = "gateway-api-inference-extension"
    ISTIO = "istio"
    KUEUE = "kueue"
    KUBERAY = "kuberay"
    CERT_MANAGER = "cert-manager"


@dataclass(frozen=True, slots=True)
class Source:
    """A Go module at a version, the digest by which Go's checksum database knows it, and the files with definitions."""

    module: str
    version: str
    digest: str
    pattern: str


SOURCES: Mapping[Project, Source] = {
    Project.LEADER_WORKER_SET: Source(
        "sigs.k8s.io/lws", "v0.8.0", "h1:DdhJ8QabwTfWgbgaHH2gdf8twliioHaoSfmDXRYEVU0=", "config/crd/bases/*.yaml"
    ),
    Project.KEDA: Source(
        "github.com/kedacore/keda/v2",
        "v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        "config/crd/bases/keda.sh_*.yaml",
    ),
    Project.KNATIVE_SERVING: Source(
        "knative.dev/serving",
        "v0.51.0",
        "h1:yN2Q7eYqJgoPfZkATjoBZyGbZ2P1Qhns9HIMU4mF+to=",
        "config/core/300-resources/*.yaml",
    ),
    Project.GATEWAY_API: Source(
        "sigs.k8s.io/gateway-api",
        "v1.4.1",
        "h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=",
        "config/crd/standard/*.yaml",
    ),
    Project.INFERENCE_EXTENSION: Source(
        "sigs.k8s.io/gateway-api-inference-extension",
        "v1.3.0",
        "h1:Ng2Qs1Oum4WycuWyi3rOkAC7pZ2aDqgN2ku6Lr/mryQ=",
        "config/crd/bases/inference.networking*.yaml",
    ),
    Project.ISTIO: Source(
        "istio.io/api",
        "v1.31.4",
        "h1:AcnncYrlDj1PJkym7h88Gggkef4MAra8QpGaXRMsr+E=",
        "kubernetes/customresourcedefinitions.gen.yaml",
    ),
    Project.KUEUE: Source(
        "sigs.k8s.io/kueue",
        "v0.15.0",
        "h1:9Khzc2ne6/eWuZx5o+R4KlVBzh3kZkTIMzpPC2e8Spg=",
        "config/components/crd/bases/*.yaml",
    ),
    Project.KUBERAY: Source(
        "github.com/ray-project/kuberay/ray-operator",
        "v1.5.1",
        "h1:7FJYmB8oM+cnjv1VYCj/TfzRZG4XHvvt5Ayn5pZ5A1c=",
        "config/crd/bases/ray.io_*.yaml",
    ),
    Project.CERT_MANAGER: Source(
        "github.com/cert-manager/cert-manager",
        "v1.21.2",
        "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        "deploy/crds/*.yaml",
    ),
}


class GoMissing(LocalError):
    """Definitions of other projects come as Go modules, and there is no Go."""


class ModuleChanged(LocalError):
    """A Go module is not the one that is pinned here."""


class _Downloaded(msgspec.Struct, frozen=True):
    """What `go mod download -json` prints."""

    folder: str = msgspec.field(name="Dir")
    digest: str = msgspec.field(name="Sum")


def definition_files(project: Project, progress: Progress | None = None) -> tuple[Path, ...]:
    """The files with the project's definitions, for `ControlPlane.install_crds`; downloads the module the first time.

    Raises GoMissing, BuildFailed, ModuleChanged.
    """
    source = SOURCES[project]
    wanted = f"{source.module}@{source.version}"
    if go_command() is None:
        raise GoMissing(f"wanted Go to fetch the module {wanted}, found none; install Go 1.26")
    with tempfile.TemporaryDirectory(prefix="omectl-module-") as outside_any_module:
        printed = run_go(
            ["mod", "download", "-json", wanted],
            Path(outside_any_module),
            f"downloading {wanted}",
            progress or _silent,
            timeout_s=_DOWNLOAD_TIMEOUT_S,
        )
    module = msgspec.json.decode(printed, type=_Downloaded)
    if module.digest != source.digest:
        raise ModuleChanged(f"wanted {wanted} with the digest {source.digest}, found {module.digest}; refuse to use it")
    found = tuple(
        sorted(file for file in Path(module.folder).glob(source.pattern) if file.name != "kustomization.yaml")
    )
    if not found:
        raise ModuleChanged(f"wanted files that match {source.pattern} in {wanted}, found none in {module.folder}")
    return found


def _silent(what: str, elapsed_s: float) -> None:
    """For callers that show nothing."""
