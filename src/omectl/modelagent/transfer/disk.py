"""Space on the disk: reserved before the first byte, and named clearly when there is not enough."""

from __future__ import annotations

import contextlib
import errno
import os

from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.rooted import RootedDirectory

_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


def preallocate(descriptor: int, size: int) -> None:
    """Make the file `size` bytes long with its blocks reserved; where that is unknown, only long."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        os.ftruncate(descriptor, size)


def disk_error(error: OSError, root: RootedDirectory, wanted: int) -> ModelError:
    """What a failing call below the models root means."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        free = 0
        with contextlib.suppress(OSError):
            free = root.free_bytes()
        return disk_full(wanted, free, root)
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return ModelError(
            Reason.DISK_FAULT,
            f"A part of the agent's own tree below {str(root.path)!r} is a link or not a directory.",
            "Somebody changed the models root from outside: remove the foreign entry below its .omectl directory.",
        )
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return ModelError(
        Reason.DISK_FAULT,
        f"The disk below {str(root.path)!r} failed with {name}: {error.strerror or error}.",
        "Check the node's disk and the rights of the models root; the agent tries again.",
    )


def disk_full(wanted: int, free: int, root: RootedDirectory) -> ModelError:
    return ModelError(
        Reason.DISK_FULL,
        f"The model needs {format_bytes(wanted)}; the disk below {str(root.path)!r} has {format_bytes(free)} free.",
        "Free space on the node, or keep the model off it by storage.nodeSelector; the agent goes on when it fits.",
        wanted_bytes=wanted,
    )


def format_bytes(count: int) -> str:
    """As `1.5 GiB`; steady to three digits, so that a message doesn't change with every byte."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} TiB"
