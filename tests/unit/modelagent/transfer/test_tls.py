"""The engine over TLS: the same bytes, and a blocked read that can be ended."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.modelagent.transfer.test_engine import KIB, OPTIONS, PATHS, bench

from omectl.listening import stop_listening
from omectl.local.hub import FileFault
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.transfer import connections
from omectl.modelagent.transfer.engine import TransferEngine


def _certificate(folder: Path) -> Path:
    """A self-signed certificate for `localhost`, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@asynccontextmanager
async def tls_in_front_of(port: int, certificate: Path, *, redirects: bytes = b"https://") -> AsyncIterator[int]:
    """A TLS listener that passes everything on to `port`; answers its own port. Redirects get this scheme."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    passing: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while data := await source.read(1 << 16):
                target.write(data.replace(b"Location: http://", b"Location: " + redirects))
                await target.drain()
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, inner_writer))
        for pair in ((reader, inner_writer), (inner_reader, writer)):
            passing.add(asyncio.create_task(pump(*pair)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await stop_listening(server)
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = _certificate(tmp_path)
    monkeypatch.setattr(connections, "_context", ssl.create_default_context(cafile=str(path)))
    return path


async def test_files_arrive_over_tls(tmp_path: Path, certificate: Path) -> None:
    async with bench(tmp_path) as site, tls_in_front_of(site.hub.port, certificate) as port:
        source = replace(await site.source(), endpoint=f"https://localhost:{port}")
        await TransferEngine(site.root, OPTIONS, transfers=1).transfer(source, PATHS, "uid")
        assert site.is_complete()


async def test_a_redirect_from_https_down_to_http_is_refused(tmp_path: Path, certificate: Path) -> None:
    async with (
        bench(tmp_path) as site,
        tls_in_front_of(site.hub.port, certificate, redirects=b"http://") as port,
    ):
        source = replace(await site.source(), endpoint=f"https://localhost:{port}")
        with pytest.raises(ModelError) as caught:
            await TransferEngine(site.root, OPTIONS, transfers=1).transfer(source, PATHS, "uid")
        assert caught.value.reason is Reason.INSECURE_ENDPOINT


async def test_a_blocked_read_over_tls_ends_at_once_when_cancelled(tmp_path: Path, certificate: Path) -> None:
    fault = FileFault(path="*.safetensors", stall_after_bytes=20 * KIB)
    async with bench(tmp_path, fault) as site, tls_in_front_of(site.hub.port, certificate) as port:
        source = replace(await site.source(), endpoint=f"https://localhost:{port}")
        options = replace(OPTIONS, stall_timeout_s=600)
        engine = TransferEngine(site.root, options, transfers=1)
        blocked = asyncio.Event()
        task = asyncio.create_task(
            engine.transfer(
                source, PATHS, "uid", lambda progress: blocked.set() if progress.completed_bytes > KIB else None
            )
        )
        async with asyncio.timeout(10):
            await blocked.wait()
        task.cancel()
        async with asyncio.timeout(2):
            with suppress(asyncio.CancelledError):
                await task
        assert task.cancelled()


async def test_an_untrusted_certificate_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_context", ssl.create_default_context())
    async with bench(tmp_path) as site, tls_in_front_of(site.hub.port, _certificate(tmp_path)) as port:
        source = replace(await site.source(), endpoint=f"https://localhost:{port}")
        with pytest.raises(ModelError, match="certificate"):
            await TransferEngine(site.root, OPTIONS, transfers=1).transfer(source, PATHS, "uid")
