"""Rules for names and paths: pure, so that every hostile input can be tried without a disk."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from omectl.modelagent.problems import ModelError, Reason

PRIVATE_DIRECTORY = ".omectl"
_MAX_COMPONENT_BYTES = 255
_MAX_PATH_BYTES = 1024


def check_file_names(names: Iterable[str]) -> None:
    """Refuse a listing with a name that could lie outside its directory, or with two that could meet on disk."""
    seen: dict[tuple[str, ...], str] = {}
    directories: dict[tuple[str, ...], str] = {}
    for name in names:
        parts = file_name_parts(name)
        folded = tuple(unicodedata.normalize("NFC", part).casefold() for part in parts)
        other = seen.get(folded) or directories.get(folded)
        if other is not None:
            raise _unsafe(name, f"it meets {other!r} on a file system that ignores case")
        seen[folded] = name
        for length in range(1, len(parts)):
            parent = folded[:length]
            if parent in seen:
                raise _unsafe(name, f"{seen[parent]!r} is a file, not a directory")
            spelled = "/".join(parts[:length])
            if directories.setdefault(parent, spelled) != spelled:
                raise _unsafe(name, f"its directory meets {directories[parent]!r} on a file system that ignores case")


def file_name_parts(name: str) -> tuple[str, ...]:
    """The components of a listed file name, all of them plain; ModelError otherwise."""
    if not name or len(name.encode("utf-8", "surrogatepass")) > _MAX_PATH_BYTES:
        raise _unsafe(name[:64], f"it is empty or longer than {_MAX_PATH_BYTES} bytes")
    if name.startswith("/"):
        raise _unsafe(name, "it is absolute")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in name):
        raise _unsafe(name, "it holds control, invisible or broken characters")
    if "\\" in name or ":" in name:
        raise _unsafe(name, "it holds a backslash or a colon")
    parts = tuple(name.split("/"))
    for part in parts:
        if part in {"", ".", ".."}:
            raise _unsafe(name, f"it holds the component {part!r}")
        if len(part.encode()) > _MAX_COMPONENT_BYTES:
            raise _unsafe(name[:64], f"it holds a component longer than {_MAX_COMPONENT_BYTES} bytes")
    if parts[0].casefold() == PRIVATE_DIRECTORY:
        raise _unsafe(name, f"{PRIVATE_DIRECTORY!r} is the agent's own")
    return parts


@dataclass(frozen=True, slots=True)
class NodePaths:
    """The models root as the node (and every pod) names it, and where this process sees it."""

    models_root: PurePosixPath
    host_prefix: PurePosixPath = field(default_factory=lambda: PurePosixPath("/"))

    @property
    def root_on_disk(self) -> PurePosixPath:
        return self.host_prefix / self.models_root.relative_to("/")

    def inside(self, node_path: str) -> tuple[str, ...]:
        """The components of `node_path` below the models root; refused when it is not strictly inside."""
        path = PurePosixPath(node_path)
        if "\0" in node_path or not path.is_absolute() or ".." in path.parts:
            raise self._outside(node_path, "is not an absolute path without '..'")
        root_length = len(self.models_root.parts)
        if path.parts[:root_length] != self.models_root.parts:
            raise self._outside(node_path, f"is outside the models root {str(self.models_root)!r}")
        parts = path.parts[root_length:]
        if not parts:
            raise self._outside(node_path, f"is the models root {str(self.models_root)!r} itself")
        if parts[0].casefold() == PRIVATE_DIRECTORY:
            raise self._outside(node_path, f"is inside the agent's own directory {PRIVATE_DIRECTORY!r}")
        return parts

    def _outside(self, found: str, why: str) -> ModelError:
        return ModelError(
            Reason.PATH_OUTSIDE_ROOT,
            f"The path {found!r} {why}; wanted a directory below {str(self.models_root)!r}.",
            f"Set storage.path to a directory below {str(self.models_root)!r}, or change the cluster's models root.",
        )


def _unsafe(name: str, why: str) -> ModelError:
    return ModelError(
        Reason.UNSAFE_FILE_NAME,
        f"The listing holds the file name {name!r}, which is refused: {why}.",
        "Nothing was written under that name. Use a repository (or a revision) without it.",
    )
