"""Certificates that the control plane signs."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from omectl.local.certificates import CertificateAuthority, KeyPair


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority()


def certificate_of(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def test_client_certificate_carries_user_and_groups(authority: CertificateAuthority) -> None:
    pair = authority.client("ann", ("system:masters", "team-a"))
    subject = certificate_of(pair).subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["ann"]
    organisations = [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    assert organisations == ["system:masters", "team-a"]
    usage = certificate_of(pair).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_server_certificate_names_hosts_and_addresses(authority: CertificateAuthority) -> None:
    names = certificate_of(authority.server(["localhost", "127.0.0.1"])).extensions
    alternative = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.DNSName) == ["localhost"]
    assert alternative.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1")]


def test_strict_verifier_accepts_the_server_certificate(authority: CertificateAuthority) -> None:
    root = x509.load_pem_x509_certificate(authority.certificate)
    verifier = PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName("localhost"))
    chain = verifier.verify(certificate_of(authority.server(["localhost"])), [])
    assert [link.subject for link in chain][-1] == root.subject


def test_key_belongs_to_its_certificate_and_lasts_a_week(authority: CertificateAuthority) -> None:
    pair = authority.client("ann")
    certificate = certificate_of(pair)
    assert load_pem_private_key(pair.key, None).public_key() == certificate.public_key()
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=6) < left <= timedelta(days=7)
    assert certificate.not_valid_before_utc < datetime.now(UTC)
