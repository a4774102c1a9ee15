"""etcd and kube-apiserver: started in order, awaited, restarted, stopped."""

import http.client
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import anyio.to_thread

from omectl.kube.client import Client
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import KubeError
from omectl.kube.resources import NAMESPACES
from omectl.local.assets import Assets, Binary
from omectl.local.child import Child, ChildExited
from omectl.local.control_plane import commands
from omectl.local.control_plane.commands import Addresses, Files
from omectl.local.control_plane.options import ControlPlaneOptions
from omectl.local.errors import LocalError
from omectl.local.ports import free_port

START_ATTEMPTS = 5
_POLL_S = 0.05
_PORT_TAKEN = ("address already in use", "bind: address")


class StartTimeout(LocalError):
    """A program did not become ready in time; the text holds the end of its log."""

    def __init__(self, child: Child, timeout_s: float) -> None:
        super().__init__(child.name, timeout_s, child.command, child.log_tail())

    def __str__(self) -> str:
        name, timeout_s, command, log = self.args
        late = f"{name} was not ready after {timeout_s:.0f} s."
        return f"{late}\nIts command was: {' '.join(command)}\nIts log ends with:\n{log}"


class ApiServer:
    """etcd with a kube-apiserver in front of it, on ports of loopback that were free."""

    def __init__(self, assets: Assets, files: Files, options: ControlPlaneOptions) -> None:
        self._assets = assets
        self._files = files
        self._options = options
        self._etcd: Child | None = None
        self._apiserver: Child | None = None
        self.addresses = Addresses(etcd_client=0, etcd_peer=0, apiserver=0, member="")

    @property
    def children(self) -> tuple[Child, ...]:
        return tuple(child for child in (self._etcd, self._apiserver) if child is not None)

    def reserve(self) -> Addresses:
        """Pick the ports of the next attempt."""
        self.addresses = Addresses(
            etcd_client=free_port(),
            etcd_peer=free_port(),
            apiserver=free_port(),
            member=f"omectl-{secrets.token_hex(8)}",
        )
        return self.addresses

    async def start(self, admin: ClientConfig) -> None:
        """Start both programs and wait until requests are served. Raises ChildExited, StartTimeout.

        Nothing is left running when it raises.
        """
        try:
            self._etcd = Child(
                "etcd", commands.etcd(self._assets[Binary.ETCD], self.addresses, self._files), self._log(Binary.ETCD)
            )
            await self._wait(self._etcd, self._etcd_ready)
            await self.start_apiserver(admin)
        except BaseException:
            self.kill()
            raise

    async def start_apiserver(self, admin: ClientConfig) -> None:
        """Start kube-apiserver on its reserved port, over the etcd that runs."""
        command = commands.kube_apiserver(
            self._assets[Binary.KUBE_APISERVER],
            self.addresses,
            self._files,
            self._options.profile,
            audit=self._options.audit,
            in_flight_limits=self._options.in_flight_limits,
        )
        self._apiserver = Child("kube-apiserver", command, self._log(Binary.KUBE_APISERVER))
        async with Client(admin) as client:

            async def ready() -> bool:
                try:
                    await client.read("/readyz", deadline_s=2.0)
                    await client.get(NAMESPACES, "default")
                except KubeError:
                    return False
                return True

            await self._wait(self._apiserver, ready)

    async def stop_apiserver(self, grace_s: float) -> None:
        """Stop kube-apiserver alone; etcd keeps the data. A server with open watches does not end by itself."""
        if self._apiserver is not None:
            await self._apiserver.stop(grace_s)
            self._apiserver = None

    async def stop(self, grace_s: float) -> None:
        await self.stop_apiserver(grace_s)
        if self._etcd is not None:
            await self._etcd.stop(0)
            self._etcd = None

    def kill(self) -> None:
        """End both at once; safe in any state."""
        for child in reversed(self.children):
            child.kill()
        self._etcd = self._apiserver = None

    async def _etcd_ready(self) -> bool:
        """Whether our own member answers; another etcd may listen on a port that was ours a moment ago."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.addresses.etcd}/v3/cluster/member/list", data=b"{}", method="POST"
        )

        def members() -> bytes:
            try:
                with urllib.request.urlopen(request, timeout=2.0) as answer:  # noqa: S310 - loopback
                    return answer.read()
            except (urllib.error.URLError, http.client.HTTPException, OSError):
                return b""

        return self.addresses.member.encode() in await anyio.to_thread.run_sync(members)

    async def _wait(self, child: Child, ready: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + self._options.start_timeout_s
        while True:
            child.check()
            if await ready():
                return
            if time.monotonic() > deadline:
                raise StartTimeout(child, self._options.start_timeout_s)
            await anyio.sleep(_POLL_S)

    def _log(self, binary: Binary) -> Path:
        return self._files.log(binary)


def port_was_taken(error: ChildExited) -> bool:
    """Whether a program ended because somebody else had its port by then."""
    return any(sign in error.log for sign in _PORT_TAKEN)
