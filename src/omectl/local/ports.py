"""Free ports on loopback."""

import secrets
import socket
from pathlib import Path

from omectl.local.errors import LocalError

_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST = 20_000
_FIRST_EPHEMERAL = 32_768
_ATTEMPTS = 200


class NoFreePort(LocalError):
    """Every port that was tried is taken."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago; whoever binds it must be ready to find it taken.

    It lies below the ports that the kernel gives to outgoing connections: one of those could take it while a server on
    it restarts, and a client that retries could even connect to itself.
    """
    for _ in range(_ATTEMPTS):
        port = _FIRST + secrets.randbelow(_first_ephemeral() - _FIRST)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NoFreePort(
        f"wanted a free port on 127.0.0.1, found {_ATTEMPTS} taken ones between {_FIRST} and the ephemeral"
    )


def _first_ephemeral() -> int:
    try:
        first = int(_RANGE_FILE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = _FIRST_EPHEMERAL
    # A machine that gives nearly everything away leaves no better choice than its own range.
    return first if first > _FIRST + 1000 else 60_000
