"""Certificates of servers: where they come from, when they change, and what a client then meets.

Handshakes run in memory: no socket, no time.
"""

import asyncio
import datetime
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from omectl import metrics
from omectl.certificates import CertificateAuthority, KeyPair, read_facts
from omectl.clock import FakeClock
from omectl.manager import (
    CertificateFiles,
    CertificateUnavailable,
    Group,
    SelfSignedCertificate,
    ServingCertificate,
)


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.made()


@pytest.fixture(scope="module")
def pairs(authority: CertificateAuthority) -> list[KeyPair]:
    return [authority.server(["localhost", "127.0.0.1"]) for _ in range(3)]


@pytest.fixture(scope="module")
def rsa_pair() -> KeyPair:
    """A self-signed certificate with an RSA key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "rsa")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


class Given:
    """A source that the test turns."""

    def __init__(self, pair: KeyPair | Exception) -> None:
        self.pair = pair
        self.reads = 0

    async def read(self) -> KeyPair:
        self.reads += 1
        if isinstance(self.pair, Exception):
            raise self.pair
        return self.pair


def handshake(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext | None = None, name: str | None = None
) -> bytes:
    """Shake hands in memory; the server's certificate (DER) as the client sees it. Raises ssl.SSLError."""
    if client_context is None:
        client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client = client_context.wrap_bio(client_in, client_out, server_hostname=name)
    server = server_context.wrap_bio(server_in, server_out, server_side=True)
    waiting = {client, server}
    for _ in range(10):
        for side in (client, server):
            if side in waiting:
                try:
                    side.do_handshake()
                    waiting.discard(side)
                except ssl.SSLWantReadError:
                    pass
            server_in.write(client_out.read())
            client_in.write(server_out.read())
    assert not waiting
    seen = client.getpeercert(binary_form=True)
    assert seen is not None
    return seen


def settled_protocol(server_context: ssl.SSLContext, *offered: str) -> str | None:
    """The protocol that client and server agree on."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    client_context.set_alpn_protocols(list(offered))
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client = client_context.wrap_bio(client_in, client_out)
    server = server_context.wrap_bio(server_in, server_out, server_side=True)
    for side, source, target in ((client, client_out, server_in), (server, server_out, client_in)):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
        target.write(source.read())
    client.do_handshake()
    return client.selected_alpn_protocol()


def der(pair: KeyPair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.decode())


def counted() -> tuple[float, float]:
    """Reads and errors so far."""
    read = metrics.REGISTRY.get_sample_value
    return (
        read("certwatcher_read_certificate_total") or 0.0,
        read("certwatcher_read_certificate_errors_total") or 0.0,
    )


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


async def test_a_new_pair_is_what_later_handshakes_meet(pairs: list[KeyPair]) -> None:
    source = Given(pairs[0])
    serving = ServingCertificate("test", source)
    assert await serving.check()
    assert handshake(serving.context) == der(pairs[0])
    source.pair = pairs[1]
    assert handshake(serving.context) == der(pairs[0])
    assert await serving.check()
    assert handshake(serving.context) == der(pairs[1])
    assert serving.pair == pairs[1]


@pytest.mark.parametrize("name", [None, "localhost", "somewhere.else"])
async def test_a_client_gets_the_certificate_whether_or_not_it_names_a_server(
    pairs: list[KeyPair], name: str | None
) -> None:
    serving = ServingCertificate("test", Given(pairs[0]))
    await serving.check()
    assert handshake(serving.context, name=name) == der(pairs[0])


async def test_a_pair_with_another_kind_of_key_replaces_the_old_one_wholly(
    pairs: list[KeyPair], rsa_pair: KeyPair
) -> None:
    only_rsa = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    only_rsa.check_hostname, only_rsa.verify_mode = False, ssl.CERT_NONE
    only_rsa.maximum_version = ssl.TLSVersion.TLSv1_2
    only_rsa.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
    source = Given(rsa_pair)
    serving = ServingCertificate("test", source)
    await serving.check()
    assert handshake(serving.context, only_rsa) == der(rsa_pair)
    source.pair = pairs[0]
    await serving.check()
    assert handshake(serving.context, only_rsa) == der(pairs[0])


async def test_a_handshake_under_way_ends_with_the_certificate_that_it_began_with(pairs: list[KeyPair]) -> None:
    source = Given(pairs[0])
    serving = ServingCertificate("test", source)
    await serving.check()
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client = client_context.wrap_bio(client_in, client_out)
    server = serving.context.wrap_bio(server_in, server_out, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    server_in.write(client_out.read())
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    source.pair = pairs[1]
    await serving.check()
    client_in.write(server_out.read())
    client.do_handshake()
    server_in.write(client_out.read())
    server.do_handshake()
    assert client.getpeercert(binary_form=True) == der(pairs[0])


async def test_without_a_pair_no_handshake_succeeds(pairs: list[KeyPair]) -> None:
    serving = ServingCertificate("test", Given(CertificateUnavailable("none")))
    assert serving.pair is None
    with pytest.raises(ssl.SSLError):
        handshake(serving.context)


async def test_reads_and_errors_are_counted(pairs: list[KeyPair]) -> None:
    source = Given(pairs[0])
    serving = ServingCertificate("test", source)
    reads, errors = counted()
    await serving.check()
    assert counted() == (reads + 1, errors)
    assert not await serving.check()
    assert counted() == (reads + 2, errors)
    source.pair = CertificateUnavailable("gone")
    await serving.check()
    assert counted() == (reads + 3, errors + 1)


@pytest.mark.parametrize(
    "bad",
    [
        "no certificate",
        "no key",
        "half a certificate",
        "key of another",
        "swapped",
        "empty",
    ],
)
async def test_what_cannot_be_used_is_kept_out_and_the_old_pair_stays(
    pairs: list[KeyPair], logged: list[Any], bad: str
) -> None:
    first, second, _ = pairs
    source = Given(first)
    told: list[KeyPair] = []
    serving = ServingCertificate("test", source, on_change=told.append)
    await serving.check()
    source.pair = {
        "no certificate": KeyPair(b"hello", second.key),
        "no key": KeyPair(second.certificate, b"hello"),
        "half a certificate": KeyPair(second.certificate[: len(second.certificate) // 2], second.key),
        "key of another": KeyPair(second.certificate, first.key),
        "swapped": KeyPair(second.key, second.certificate),
        "empty": KeyPair(b"", b""),
    }[bad]
    _, errors = counted()
    assert not await serving.check()
    assert counted()[1] == errors + 1
    assert handshake(serving.context) == der(first)
    assert (serving.pair, told) == (first, [first])
    assert serving.problem.startswith("wanted ")
    assert [entry["kept"] for entry in logged if entry["event"] == "certificate_refused"] == ["the old one stays"]


async def test_a_problem_is_said_once_until_it_changes_or_ends(pairs: list[KeyPair], logged: list[Any]) -> None:
    source = Given(CertificateUnavailable("gone"))
    serving = ServingCertificate("test", source)

    def said() -> list[str]:
        return [entry["error"] for entry in logged if entry["event"] == "certificate_refused"]

    await serving.check()
    await serving.check()
    assert said() == ["gone"]
    assert logged[0] == {
        "event": "certificate_refused",
        "log_level": "error",
        "certificate": "certificate/test",
        "error": "gone",
        "kept": "there is none yet",
    }
    source.pair = CertificateUnavailable("no right")
    await serving.check()
    assert said() == ["gone", "no right"]
    source.pair = pairs[0]
    await serving.check()
    assert serving.problem == ""
    source.pair = CertificateUnavailable("no right")
    await serving.check()
    assert said() == ["gone", "no right", "no right"]
    source.pair = pairs[0]
    assert not await serving.check()
    assert serving.problem == ""


async def test_the_callback_is_told_of_each_new_pair_once(pairs: list[KeyPair]) -> None:
    told: list[KeyPair] = []
    source = Given(pairs[0])
    serving = ServingCertificate("test", source, on_change=told.append)
    await serving.check()
    await serving.check()
    source.pair = pairs[1]
    await serving.check()
    assert told == [pairs[0], pairs[1]]


@pytest.mark.looptime
async def test_the_source_is_read_every_ten_seconds(pairs: list[KeyPair]) -> None:
    source = Given(pairs[0])
    serving = ServingCertificate("test", source)
    task = asyncio.ensure_future(serving.run())
    await asyncio.sleep(9.99)
    assert source.reads == 0
    await asyncio.sleep(0.02)
    assert source.reads == 1
    source.pair = pairs[1]
    await asyncio.sleep(10.0)
    assert (source.reads, serving.pair) == (2, pairs[1])
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


@pytest.mark.looptime
async def test_a_source_that_fails_does_not_end_the_polls(pairs: list[KeyPair]) -> None:
    source = Given(CertificateUnavailable("gone"))
    serving = ServingCertificate("test", source)
    task = asyncio.ensure_future(serving.run())
    await asyncio.sleep(10.01)
    source.pair = pairs[0]
    await asyncio.sleep(10.0)
    assert serving.pair == pairs[0]
    task.cancel()
    await asyncio.wait({task})


def test_it_is_a_runnable_beside_the_servers() -> None:
    serving = ServingCertificate("test", Given(CertificateUnavailable("none")))
    assert (serving.name, serving.needs_leader, serving.group) == ("certificate/test", False, Group.SERVERS)


async def test_a_requirement_reads_only_until_there_is_a_pair(pairs: list[KeyPair]) -> None:
    source = Given(CertificateUnavailable("no certificate at all"))
    serving = ServingCertificate("test", source)
    with pytest.raises(CertificateUnavailable, match=r"^no certificate at all$"):
        await serving.require()
    source.pair = pairs[0]
    await serving.require()
    await serving.require()
    assert source.reads == 2


async def test_clients_must_show_a_certificate_where_their_authority_is_given(
    authority: CertificateAuthority, pairs: list[KeyPair], tmp_path: Path
) -> None:
    serving = ServingCertificate("test", Given(pairs[0]), client_authorities=authority.certificate)
    await serving.check()
    with pytest.raises(ssl.SSLError):
        handshake(serving.context)

    def client_of(other: CertificateAuthority) -> ssl.SSLContext:
        pair = other.client("kube-apiserver")
        (tmp_path / "client.pem").write_bytes(pair.certificate + pair.key)
        context = ssl.create_default_context(cadata=authority.certificate.decode())
        context.load_cert_chain(tmp_path / "client.pem")
        return context

    assert handshake(serving.context, client_of(authority), "localhost") == der(pairs[0])
    with pytest.raises(ssl.SSLError):
        handshake(serving.context, client_of(CertificateAuthority.made("omectl-local")), "localhost")


async def test_a_client_without_certificate_is_welcome_where_no_authority_is_given(
    authority: CertificateAuthority, pairs: list[KeyPair]
) -> None:
    serving = ServingCertificate("test", Given(pairs[0]))
    await serving.check()
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    assert handshake(serving.context, trusting, "localhost") == der(pairs[0])


async def test_every_context_is_shown_to_the_hook_and_speaks_http_1_only(pairs: list[KeyPair]) -> None:
    shown: list[ssl.SSLContext] = []

    def harden(context: ssl.SSLContext) -> None:
        shown.append(context)
        context.minimum_version = ssl.TLSVersion.TLSv1_3

    serving = ServingCertificate("test", Given(pairs[0]), configure=harden)
    await serving.check()
    assert serving.context in shown
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        handshake(serving.context, old)
    default = ServingCertificate("test", Given(pairs[0]))
    assert default.context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_of_the_protocols_that_a_client_offers_http_1_is_taken(pairs: list[KeyPair]) -> None:
    serving = ServingCertificate("test", Given(pairs[0]))
    await serving.check()
    assert settled_protocol(serving.context, "h2", "http/1.1") == "http/1.1"


async def test_loading_leaves_no_descriptor_open(pairs: list[KeyPair]) -> None:
    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    source = Given(pairs[0])
    serving = ServingCertificate("test", source)
    before = descriptors()
    await serving.check()
    source.pair = KeyPair(pairs[1].certificate, pairs[0].key)
    await serving.check()
    assert descriptors() == before


# Files


def write(folder: Path, pair: KeyPair) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)


async def test_files_are_read_by_their_usual_names_or_by_others(tmp_path: Path, pairs: list[KeyPair]) -> None:
    write(tmp_path, pairs[0])
    assert await CertificateFiles(tmp_path).read() == pairs[0]
    (tmp_path / "tls.crt").rename(tmp_path / "c.pem")
    (tmp_path / "tls.key").rename(tmp_path / "k.pem")
    assert await CertificateFiles(tmp_path, "c.pem", "k.pem").read() == pairs[0]


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CertificateUnavailable) as caught:
        await CertificateFiles(tmp_path).read()
    assert str(caught.value) == (
        f"wanted a certificate in {tmp_path}/tls.crt and its key in {tmp_path}/tls.key, "
        "found No such file or directory; check the mounted Secret and the paths"
    )


async def test_files_renamed_over_the_old_ones_are_taken_up(tmp_path: Path, pairs: list[KeyPair]) -> None:
    write(tmp_path, pairs[0])
    serving = ServingCertificate("test", CertificateFiles(tmp_path))
    await serving.check()
    write(tmp_path / "new", pairs[1])
    (tmp_path / "new" / "tls.crt").replace(tmp_path / "tls.crt")
    assert not await serving.check()
    assert handshake(serving.context) == der(pairs[0])
    (tmp_path / "new" / "tls.key").replace(tmp_path / "tls.key")
    assert await serving.check()
    assert handshake(serving.context) == der(pairs[1])


async def test_a_link_swapped_as_the_kubelet_does_is_taken_up(tmp_path: Path, pairs: list[KeyPair]) -> None:
    write(tmp_path / "..1", pairs[0])
    (tmp_path / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    serving = ServingCertificate("test", CertificateFiles(tmp_path))
    await serving.check()
    write(tmp_path / "..2", pairs[1])
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    shutil.rmtree(tmp_path / "..1")
    assert await serving.check()
    assert handshake(serving.context) == der(pairs[1])


async def test_files_removed_and_made_again_are_taken_up(tmp_path: Path, pairs: list[KeyPair]) -> None:
    write(tmp_path, pairs[0])
    serving = ServingCertificate("test", CertificateFiles(tmp_path))
    await serving.check()
    (tmp_path / "tls.crt").unlink()
    (tmp_path / "tls.key").unlink()
    assert not await serving.check()
    assert handshake(serving.context) == der(pairs[0])
    write(tmp_path, pairs[1])
    assert await serving.check()
    assert handshake(serving.context) == der(pairs[1])


# Self-signed


async def test_a_self_signed_certificate_is_for_this_machine_and_a_year() -> None:
    clock = FakeClock()
    source = SelfSignedCertificate(clock=clock)
    facts = read_facts((await source.read()).certificate)
    assert facts.names == {"localhost", "127.0.0.1", socket.gethostname()}
    assert facts.not_after == clock.now() + datetime.timedelta(days=365)
    assert facts.is_valid(clock.now())


async def test_a_self_signed_certificate_is_for_the_hosts_that_are_named() -> None:
    facts = read_facts((await SelfSignedCertificate(["metrics.ome.svc"]).read()).certificate)
    assert facts.names == {"metrics.ome.svc"}


async def test_a_self_signed_certificate_is_made_again_when_two_thirds_of_its_time_are_over() -> None:
    clock = FakeClock()
    source = SelfSignedCertificate(["a"], clock)
    first = await source.read()
    renew_at = read_facts(first.certificate).renew_at
    assert datetime.timedelta(days=243) < renew_at - clock.now() < datetime.timedelta(days=244)
    clock.set(renew_at - datetime.timedelta(seconds=1))
    assert await source.read() is first
    clock.set(renew_at)
    second = await source.read()
    assert second != first
    assert read_facts(second.certificate).not_after == renew_at + datetime.timedelta(days=365)
