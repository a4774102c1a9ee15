"""The certificate with which a server answers, renewed while it runs.

A `ServingCertificate` asks its source every ten seconds, and whenever told to. A new pair takes effect for handshakes
that begin afterwards; open connections stay as they are. What can't be used is refused and the old pair stays.

`omectl.certificates` is imported where a certificate is met: it takes 45 ms and 8 MB, and most managers serve none.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from omectl import metrics
from omectl.clock import Clock, SystemClock
from omectl.manager.errors import ManagerError
from omectl.manager.runnable import Group

if TYPE_CHECKING:
    from omectl.certificates import KeyPair

_log = structlog.stdlib.get_logger(__name__)

POLL_S = 10.0
_SELF_SIGNED_LIFETIME = timedelta(days=365)

_READS = metrics.counter(metrics.CERTWATCHER_READS, "Certificates read.")
_READ_ERRORS = metrics.counter(metrics.CERTWATCHER_READ_ERRORS, "Certificates that could not be read or used.")


class CertificateUnavailable(ManagerError):
    """A source has no usable certificate; the text says where one was looked for."""


class CertificateSource(Protocol):
    """Where a certificate comes from."""

    async def read(self) -> KeyPair:
        """The certificate of this moment. Raises CertificateUnavailable."""
        ...


class CertificateFiles:
    """Two PEM files, as a mounted Secret has them."""

    def __init__(self, directory: Path, certificate: str = "tls.crt", key: str = "tls.key") -> None:
        self._certificate = directory / certificate
        self._key = directory / key

    async def read(self) -> KeyPair:
        """Read both by their paths, so that a file renamed over or a link swapped is seen."""
        from omectl.certificates import KeyPair

        # Two small files: a thread would cost more than it saves.
        try:
            return KeyPair(self._certificate.read_bytes(), self._key.read_bytes())
        except OSError as error:
            raise CertificateUnavailable(
                f"wanted a certificate in {self._certificate} and its key in {self._key}, found {error.strerror}; "
                "check the mounted Secret and the paths"
            ) from error


class SelfSignedCertificate:
    """A certificate made in memory for these hosts, and made again when two thirds of its time are over."""

    def __init__(self, hosts: Sequence[str] = (), clock: Clock | None = None) -> None:
        self._hosts = tuple(hosts) or ("localhost", "127.0.0.1", socket.gethostname())
        self._clock = clock or SystemClock()
        self._made: KeyPair | None = None

    async def read(self) -> KeyPair:
        from omectl.certificates import CertificateAuthority, check_pair

        now = self._clock.now()
        if self._made is None or check_pair(self._made).renew_at <= now:
            authority = CertificateAuthority.made("omectl-self-signed", now=now, lifetime=_SELF_SIGNED_LIFETIME)
            self._made = authority.server(self._hosts, now=now, lifetime=_SELF_SIGNED_LIFETIME)
        return self._made


class ServingCertificate:
    """Keeps `context` at the source's latest usable pair. Run it as a task, or let a manager do so.

    `client_authorities` (PEM) makes clients show a certificate that one of them signed. `configure` is told of every
    TLS context before its first use. `on_change` is told of every new pair and must not raise.
    """

    needs_leader = False
    group = Group.SERVERS

    def __init__(
        self,
        name: str,
        source: CertificateSource,
        *,
        client_authorities: bytes = b"",
        configure: Callable[[ssl.SSLContext], None] | None = None,
        on_change: Callable[[KeyPair], None] | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self.name = f"certificate/{name}"
        self._source = source
        self._client_authorities = client_authorities
        self._configure = configure
        self._on_change = on_change
        self._poll_s = poll_s
        self._pair: KeyPair | None = None
        self._problem = ""
        self._current = self._new_context()
        self.context = self._new_context()
        # A context of its own for each pair, and not `load_cert_chain` on a used one: that one would keep an RSA pair
        # beside a new elliptic-curve one, and some clients would go on getting it.
        self.context.sni_callback = self._choose

    @property
    def pair(self) -> KeyPair | None:
        """The pair in use, None before the first good one."""
        return self._pair

    @property
    def problem(self) -> str:
        """Why the latest reading was refused, "" when it was good."""
        return self._problem

    async def check(self) -> bool:
        """Read the source now; whether a new pair took effect. What can't be used is counted and logged."""
        from omectl.certificates import CertificateInvalid

        _READS.inc()
        try:
            pair = await self._source.read()
            if pair == self._pair:
                self._problem = ""
                return False
            context = self._loaded(pair)
        except (CertificateUnavailable, CertificateInvalid, ssl.SSLError) as error:
            _READ_ERRORS.inc()
            self._refused(str(error))
            return False
        self._pair, self._current, self._problem = pair, context, ""
        _log.info("certificate_loaded", certificate=self.name)
        if self._on_change is not None:
            self._on_change(pair)
        return True

    async def require(self) -> None:
        """Have a pair, reading the source unless there is one. Raises CertificateUnavailable."""
        if self._pair is None and not await self.check():
            raise CertificateUnavailable(self._problem)

    async def run(self) -> None:
        """Read the source again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            await self.check()

    def _choose(self, connection: ssl.SSLObject, server_name: str | None, context: ssl.SSLContext) -> None:
        """Called at the begin of each handshake, whether or not the client names a server."""
        del server_name, context
        connection.context = self._current

    def _loaded(self, pair: KeyPair) -> ssl.SSLContext:
        from omectl.certificates import check_pair

        check_pair(pair)
        context = self._new_context()
        # OpenSSL reads files only; this one is memory, so no key comes to lie on a disk.
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(pair.certificate + b"\n" + pair.key)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
        return context

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if self._client_authorities:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self._client_authorities.decode("ascii"))
        if self._configure is not None:
            self._configure(context)
        return context

    def _refused(self, problem: str) -> None:
        """Say each problem once, not at every poll."""
        if problem != self._problem:
            kept = "the old one stays" if self._pair is not None else "there is none yet"
            _log.error("certificate_refused", certificate=self.name, error=problem, kept=kept)
        self._problem = problem
