"""Model directories as repositories: which files there are, under which commit."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from omectl.api.storage_uri import DEFAULT_REVISION
from omectl.local.errors import LocalError
from omectl.local.hub.digests import DigestCache, blob_id

LARGE_SUFFIXES = (".safetensors", ".bin", ".gguf", ".pt", ".pth", ".onnx", ".msgpack", ".h5", ".model", ".engine")
_MARKS = ("config.json", "model_index.json")
_HIDDEN_FOLDERS = frozenset({".git", ".cache", "__pycache__", ".locks"})


class RepositoryError(LocalError):
    """A directory can't be served."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository. `blob` is what git stores: for large files the id of the pointer, not of the content."""

    path: str
    location: Path
    size: int
    mtime_ns: int
    sha256: str
    blob: str
    large: bool
    pointer_size: int

    @property
    def etag(self) -> str:
        """The digest that the hub names the content by: SHA-256 of large files, git's blob id of others."""
        return self.sha256 if self.large else self.blob

    def unchanged(self) -> bool:
        """Whether the file still has the size and time it had when its digest was taken."""
        try:
            now = self.location.stat()
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (self.size, self.mtime_ns)


@dataclass(frozen=True)
class Snapshot:
    """The files of one revision; the commit is a function of their names and contents."""

    files: Mapping[str, HubFile]

    @cached_property
    def commit(self) -> str:
        digest = hashlib.sha1(usedforsecurity=False)
        for path in sorted(self.files):
            digest.update(f"{path}\0{self.files[path].sha256}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    @cached_property
    def modified_ns(self) -> int:
        return max((file.mtime_ns for file in self.files.values()), default=0)


def is_model_directory(directory: Path) -> bool:
    """Whether a directory holds a model itself, rather than folders of models."""
    if any((directory / mark).is_file() for mark in _MARKS):
        return True
    return any(entry.suffix in LARGE_SUFFIXES and entry.is_file() for entry in directory.iterdir())


def find_repositories(directory: Path, name: str | None = None) -> dict[str, dict[str, Path]]:
    """Repositories in a directory: name to revision to folder.

    A model directory is one repository, `name` or `local/<directory>`; otherwise the directory holds
    `<org>/<name>` folders. A folder `<name>@<revision>` is a branch or tag of `<name>`.
    """
    if not directory.is_dir():
        raise RepositoryError(f"wanted a directory with models, found nothing at {directory}")
    if is_model_directory(directory):
        return {name or f"local/{directory.resolve().name}": {DEFAULT_REVISION: directory}}
    found: dict[str, dict[str, Path]] = {}
    for owner in _folders(directory):
        if is_model_directory(owner):
            _add(found, owner.name, owner)
        else:
            for folder in _folders(owner):
                _add(found, f"{owner.name}/{folder.name}", folder)
    if not found:
        raise RepositoryError(f"wanted a model, or folders <org>/<name> with models, found neither in {directory}")
    return found


def _folders(directory: Path) -> Sequence[Path]:
    return sorted(entry for entry in directory.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _add(found: dict[str, dict[str, Path]], name: str, folder: Path) -> None:
    name, _, revision = name.partition("@")
    found.setdefault(name, {})[revision or DEFAULT_REVISION] = folder


def scan(directory: Path, digests: DigestCache, large_file_bytes: int) -> Snapshot:
    """Read a directory's files and digests; blocks.

    Links that lead out of the directory are left out; RepositoryError when nothing else is there.
    """
    root = directory.resolve()
    files: dict[str, HubFile] = {}
    for location, status in _regular_files(root):
        path = location.relative_to(root).as_posix()
        digest = digests.of(location, status.st_size, status.st_mtime_ns)
        large = status.st_size >= large_file_bytes or location.suffix in LARGE_SUFFIXES
        pointer = _pointer(digest.sha256, status.st_size)
        files[path] = HubFile(
            path,
            location,
            status.st_size,
            status.st_mtime_ns,
            digest.sha256,
            blob_id(pointer) if large else digest.blob,
            large,
            len(pointer),
        )
    if not files and any(entry.is_symlink() for entry in root.iterdir()):
        raise RepositoryError(
            f"wanted a model's files in {directory}, found only links that lead out of it; serve a copy (cp -rL)"
        )
    return Snapshot(MappingProxyType(files))


def _regular_files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in _HIDDEN_FOLDERS)
        for name in sorted(files):
            location = Path(folder, name)
            try:
                status = location.stat()
                inside = not location.is_symlink() or location.resolve().is_relative_to(root)
            except OSError:
                continue
            if inside and stat.S_ISREG(status.st_mode):
                yield location, status


def _pointer(sha256: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
