"""The models root on disk: every open below it follows no link, so nothing written there can lead outside.

A `RootedDirectory` holds one descriptor of the root; paths are tuples of plain components (see `paths`). All methods
block and are called from worker threads. Errors are `OSError`; a component that is a link shows as ELOOP or ENOTDIR.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Generator
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
DIRECTORY_MODE = 0o755
FILE_MODE = 0o644


class RootedDirectory:
    """The models root, opened once (the root's own path may hold links; they are the administrator's)."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._descriptor)

    @contextlib.contextmanager
    def directory(self, *parts: str, create: bool = False) -> Generator[int, None, None]:
        """A descriptor of the directory at `parts`, closed at the end."""
        descriptor = os.dup(self._descriptor)
        try:
            for part in parts:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, DIRECTORY_MODE, dir_fd=descriptor)
                inner = os.open(part, _DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    def open_file(self, *parts: str, flags: int = os.O_RDONLY) -> int:
        """Open the regular file at `parts`; the caller closes it."""
        with self.directory(*parts[:-1], create=bool(flags & os.O_CREAT)) as parent:
            descriptor = os.open(
                parts[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, FILE_MODE, dir_fd=parent
            )
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"{'/'.join(parts)} is not a regular file")
        return descriptor

    def read(self, *parts: str, limit: int) -> bytes:
        """The whole file at `parts`; ValueError when it is larger than `limit` bytes."""
        descriptor = self.open_file(*parts)
        with os.fdopen(descriptor, "rb") as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise ValueError(f"{'/'.join(parts)} is larger than {limit} bytes")
        return content

    def write_atomically(self, content: bytes, *parts: str) -> None:
        """Replace the file at `parts` by `content`: written beside it, synced, renamed."""
        with self.directory(*parts[:-1], create=True) as parent:
            temporary = f".{parts[-1]}.new"
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, FILE_MODE, dir_fd=parent)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, parts[-1], src_dir_fd=parent, dst_dir_fd=parent)
            os.fsync(parent)

    def stat(self, *parts: str) -> os.stat_result | None:
        """`lstat` of what is at `parts`, None when nothing is (or its parent is no directory)."""
        try:
            with self.directory(*parts[:-1]) as parent:
                return os.stat(parts[-1], dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_link(self, *parts: str) -> str | None:
        """The target of the link at `parts`; None when there is no link."""
        try:
            with self.directory(*parts[:-1]) as parent:
                return os.readlink(parts[-1], dir_fd=parent)
        except OSError:
            return None

    def names(self, *parts: str) -> list[str]:
        """What is in the directory at `parts`, sorted; empty when there is none."""
        try:
            with self.directory(*parts) as descriptor:
                return sorted(os.listdir(descriptor))  # noqa: PTH208 - pathlib has no descriptors
        except (FileNotFoundError, NotADirectoryError):
            return []

    def swap_link(self, target: str, *parts: str) -> None:
        """Make `parts` a link to `target` in one step, replacing a link or nothing, never a directory."""
        with self.directory(*parts[:-1], create=True) as parent:
            temporary = f".{parts[-1]}.link"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)
            os.symlink(target, temporary, dir_fd=parent)
            os.replace(temporary, parts[-1], src_dir_fd=parent, dst_dir_fd=parent)
            os.fsync(parent)

    def unlink(self, *parts: str) -> None:
        """Remove the file or link at `parts`, if there is one."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self.directory(*parts[:-1]) as parent:
            os.unlink(parts[-1], dir_fd=parent)

    def remove_tree(self, *parts: str) -> None:
        """Remove the directory at `parts` and all below it; links inside are removed, not followed."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self.directory(*parts[:-1]) as parent:
            shutil.rmtree(parts[-1], dir_fd=parent)

    def prune_empty(self, *parts: str) -> None:
        """Remove the directory at `parts` and its parents as long as they are empty, never the root."""
        remaining = parts
        while remaining:
            try:
                with self.directory(*remaining[:-1]) as parent:
                    os.rmdir(remaining[-1], dir_fd=parent)
            except OSError:
                return
            remaining = remaining[:-1]

    def free_bytes(self) -> int:
        """What an unprivileged process may still write on this file system."""
        usage = os.fstatvfs(self._descriptor)
        return usage.f_bavail * usage.f_frsize
