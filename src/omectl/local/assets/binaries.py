"""Where the control plane's binaries are: the places looked at, in order, and what came of each."""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from omectl.local.errors import LocalError

KUBERNETES_VERSION = "1.36.3"
KWOK_VERSION = "0.8.0"
LWS_VERSION = "0.8.0"


class Binary(StrEnum):
    """A program of the control plane or of another project's controller, named as its file is."""

    ETCD = "etcd"
    KUBE_APISERVER = "kube-apiserver"
    KUBE_CONTROLLER_MANAGER = "kube-controller-manager"
    KUBE_SCHEDULER = "kube-scheduler"
    KUBECTL = "kubectl"
    KWOK = "kwok"
    LWS_CONTROLLER = "lws-controller"


CONTROL_PLANE = frozenset(Binary) - {Binary.LWS_CONTROLLER}
"""What a whole cluster is made of; the others are for tests only."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place that was looked at for a binary, and what it says about it."""

    name: str
    path: Path | None
    found: bool


class BinariesMissing(LocalError):
    """Some binaries are nowhere to be had; the text names every place that was tried and what to do."""

    def __init__(self, missing: Mapping[Binary, tuple[Place, ...]], remedies: tuple[str, ...]) -> None:
        super().__init__(missing, remedies)
        self.missing = dict(missing)
        self.remedies = remedies

    def __str__(self) -> str:
        lines = [f"wanted {', '.join(self.missing)} for a control plane on this machine, and found no such program."]
        # One line a place, not one a program: each place is the same for all of them.
        for kind_of_place in zip(*self.missing.values(), strict=True):
            unset = dict.fromkeys(place.name for place in kind_of_place if place.path is None)
            if unset:
                lines.append(f"  {', '.join(unset)}: not set")
            absent: dict[tuple[str, Path], list[str]] = {}
            for place in kind_of_place:
                if place.path is not None:
                    absent.setdefault((place.name, place.path.parent), []).append(place.path.name)
            lines += [
                f"  {name}: no program {', '.join(files)} in {folder}" for (name, folder), files in absent.items()
            ]
        return "\n".join([*lines, *(f"  {remedy}" for remedy in self.remedies)])


class StagesMissing(LocalError):
    """kwok is there without the stage files that say what it should simulate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSettings:
    """What steers the look-up; `from_environment` reads it from the process's variables."""

    cache: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "AssetSettings":
        variables = dict(os.environ if environment is None else environment)
        return cls(cache=cache_directory(variables), environment=variables)

    @property
    def store(self) -> Path:
        """The cache's folder for this version, operating system and architecture."""
        return self.cache / "envtest" / f"{KUBERNETES_VERSION}-{sys.platform}-{architecture()}"


def cache_directory(environment: Mapping[str, str]) -> Path:
    """The user's cache folder for omectl: `$XDG_CACHE_HOME/omectl`, else `~/.cache/omectl`."""
    base = environment.get("XDG_CACHE_HOME")
    home = environment.get("HOME") or str(Path.home())
    return (Path(base) if base else Path(home) / ".cache") / "omectl"


def architecture() -> str:
    """This machine's architecture under Go's name for it."""
    machine = platform.machine().lower()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def places(binary: Binary, settings: AssetSettings) -> tuple[Place, ...]:
    """The places on this machine for one binary, in the order in which they win."""
    variable = f"TEST_ASSET_{binary.upper().replace('-', '_')}"
    named = settings.environment.get(variable)
    directory = settings.environment.get("KUBEBUILDER_ASSETS")
    candidates = (
        (f"${variable}", Path(named) if named else None),
        ("$KUBEBUILDER_ASSETS", Path(directory) / binary if directory else None),
        ("cache", settings.store / binary),
    )
    return tuple(Place(name, path, path is not None and _runs(path)) for name, path in candidates)


def look_up(
    wanted: frozenset[Binary], settings: AssetSettings
) -> tuple[dict[Binary, Path], dict[Binary, tuple[Place, ...]]]:
    """The wanted binaries that are here already, and for each that is not, the places that were looked at."""
    found: dict[Binary, Path] = {}
    missing: dict[Binary, tuple[Place, ...]] = {}
    for binary in sorted(wanted):
        looked = places(binary, settings)
        first = next((place.path for place in looked if place.found and place.path is not None), None)
        if first is None:
            missing[binary] = looked
        else:
            found[binary] = first
    return found, missing


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
