"""Free ports on loopback."""

import socket


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago; whoever binds it must be ready to find it taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
