"""`local://`: files that are on the node already. They are only looked at, never changed and never removed."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from omectl.modelagent.paths import NodePaths
from omectl.modelagent.problems import ModelError, Reason

_MAX_FILES = 20_000


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """A directory below the models root, on this process's side, with the sizes of its files."""

    directory: Path
    listing: dict[str, int]

    def read(self, path: str, start: int, end: int) -> bytes:
        """Bytes of a listed file."""
        if path not in self.listing:
            raise FileNotFoundError(path)
        descriptor = os.open(self.directory / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, end - start, start)
        finally:
            os.close(descriptor)


def find_local_files(paths: NodePaths, node_path: str) -> LocalFiles:
    """Look at `node_path`; ModelError when it is missing or, links resolved, outside the models root."""
    parts = paths.inside(node_path)
    root = Path(os.path.realpath(paths.root_on_disk))
    directory = Path(os.path.realpath(root.joinpath(*parts)))
    if not directory.is_relative_to(root):
        raise ModelError(
            Reason.PATH_OUTSIDE_ROOT,
            f"The path {node_path!r} leads by a link to {str(directory)!r}, outside the models root {str(root)!r}.",
            f"Move the files below {str(paths.models_root)!r}, or mount them there.",
        )
    if not directory.exists():
        raise ModelError(
            Reason.LOCAL_PATH_MISSING,
            f"There is nothing at {node_path!r} on this node.",
            "Put the files there, or keep the model off this node with storage.nodeSelector; the agent looks again.",
        )
    if not directory.is_dir():
        raise ModelError(
            Reason.LOCAL_PATH_MISSING,
            f"{node_path!r} is not a directory on this node.",
            "Name the directory that holds config.json and the weights.",
        )
    return LocalFiles(directory, _listing(directory, root))


def _listing(directory: Path, root: Path) -> dict[str, int]:
    listing: dict[str, int] = {}
    for folder, folders, names in os.walk(directory, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if not Path(os.path.realpath(path)).is_relative_to(root):
                continue
            try:
                found = path.stat()
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                listing[str(path.relative_to(directory))] = found.st_size
            if len(listing) > _MAX_FILES:
                raise ModelError(
                    Reason.METADATA_INVALID,
                    f"{str(directory)!r} holds more than {_MAX_FILES} files.",
                    "Name the directory of one model, not one above several.",
                )
    return listing
