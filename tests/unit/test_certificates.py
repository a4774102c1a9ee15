"""Certificates that an authority signs, and what they say."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from omectl.certificates import (
    CertificateAuthority,
    CertificateInvalid,
    KeyPair,
    authority_name,
    check_pair,
    read_facts,
    signing_key,
)


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.made()


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


NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_an_authority_is_taken_up_again_from_its_pair(authority: CertificateAuthority) -> None:
    again = CertificateAuthority(authority.pair)
    assert again.certificate == authority.certificate
    issued = read_facts(again.server(["a"]).certificate)
    assert issued.issued_by == authority_name(authority.certificate)
    assert issued.issued_by != authority_name(CertificateAuthority.made().certificate)


def test_times_are_counted_from_the_moment_given_with_five_minutes_for_slow_clocks() -> None:
    authority = CertificateAuthority.made("ours", now=NOW, lifetime=timedelta(days=10))
    facts = read_facts(authority.certificate)
    assert (facts.not_before, facts.not_after) == (NOW - timedelta(minutes=5), NOW + timedelta(days=10))
    assert facts.names == frozenset()
    leaf = read_facts(authority.server(["a", "10.0.0.1"], now=NOW, lifetime=timedelta(days=3)).certificate)
    assert (leaf.not_before, leaf.not_after) == (NOW - timedelta(minutes=5), NOW + timedelta(days=3))
    assert leaf.names == {"a", "10.0.0.1"}


def test_nothing_outlives_the_authority_that_signed_it() -> None:
    authority = CertificateAuthority.made(now=NOW, lifetime=timedelta(days=2))
    leaf = read_facts(authority.server(["a"], now=NOW, lifetime=timedelta(days=3)).certificate)
    assert leaf.not_after == NOW + timedelta(days=2)


def test_a_certificate_is_valid_from_its_begin_until_just_before_its_end() -> None:
    facts = read_facts(CertificateAuthority.made(now=NOW, lifetime=timedelta(days=1)).certificate)
    second = timedelta(seconds=1)
    found = [
        facts.is_valid(moment)
        for moment in (facts.not_before - second, facts.not_before, facts.not_after - second, facts.not_after)
    ]
    assert found == [False, True, True, False]


def test_renewal_is_due_after_two_thirds_of_the_time() -> None:
    facts = read_facts(CertificateAuthority.made(now=NOW, lifetime=timedelta(minutes=25)).certificate)
    assert facts.renew_at == NOW - timedelta(minutes=5) + timedelta(minutes=20)


def test_a_host_name_longer_than_a_common_name_is_still_named(authority: CertificateAuthority) -> None:
    host = "ome-webhook-server-service." + "n" * 60 + ".svc"
    pair = authority.server([host])
    (common,) = certificate_of(pair).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common.value == host[:64]
    assert read_facts(pair.certificate).names == {host}


def test_a_pair_that_belongs_together_gives_its_facts(authority: CertificateAuthority) -> None:
    pair = authority.server(["a"])
    assert check_pair(pair) == read_facts(pair.certificate)


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (lambda pair, other: KeyPair(pair.certificate, other.key), "wanted the private key of the certificate"),
        (lambda pair, other: KeyPair(b"", pair.key), "wanted a certificate in PEM"),
        (lambda pair, other: KeyPair(pair.certificate, b""), "wanted a private key in PEM without a password"),
    ],
    ids=["key of another", "no certificate", "no key"],
)
def test_what_is_no_pair_is_refused_by_name(authority: CertificateAuthority, broken: Any, problem: str) -> None:
    with pytest.raises(CertificateInvalid, match=problem):
        check_pair(broken(authority.server(["a"]), authority.server(["a"])))


def test_keys_of_other_kinds_are_refused(authority: CertificateAuthority) -> None:
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(CertificateInvalid, match=r"wanted an RSA or elliptic-curve key, found .*Ed25519"):
        check_pair(KeyPair(authority.certificate, key))
    with pytest.raises(CertificateInvalid, match=r"wanted an elliptic-curve key of an authority, found .*RSA"):
        CertificateAuthority(KeyPair(authority.certificate, signing_key()))


def test_an_authority_needs_its_own_key(authority: CertificateAuthority) -> None:
    with pytest.raises(CertificateInvalid, match="found the key of another one"):
        CertificateAuthority(KeyPair(authority.certificate, CertificateAuthority.made().pair.key))


def test_a_certificate_without_names_of_its_issuer_still_has_facts() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "plain")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    facts = read_facts(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    assert (facts.names, facts.issued_by) == (frozenset(), "CN=plain/")


UNKNOWN_CURVE = b"""\
-----BEGIN CERTIFICATE-----
MIIBITCB7KADAgECAhQqSpV20DgkL455Tph7c+qjceQ7zzAKBggqhkjOPQQDAjAM
MQowCAYDVQQDDAF4MB4XDTI2MTEyODIxMDExMloXDTI2MTIwODIxMDExMlowDDEK
MAgGA1UEAwwBeDAyMBAGByqGSM49AgEGBSuBBAAGAx4ABJY9b38Guagm7Xvlc+my
YFmvV52VRSD9soNVAhGjUzBRMB0GA1UdDgQWBBRIo4qVF9sp47ZlJDXqTRw1/BN1
cjAfBgNVHSMEGDAWgBRIo4qVF9sp47ZlJDXqTRw1/BN1cjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCAyQAMCECDwCnqaIiAvfdF+v1c8hQ+gIOC8hfSJPcoTbz
48DsdQM=
-----END CERTIFICATE-----
"""
"""Of a key on secp112r1, made by openssl."""
BROKEN_NAMES = b"""\
-----BEGIN CERTIFICATE-----
MIIBRzCB76ADAgECAhRLAbRg2qK9Fm8McbxlAD8r38p84DAKBggqhkjOPQQDAjAM
MQowCAYDVQQDDAF4MB4XDTI2MTEyODIxMDExM1oXDTI2MTIwODIxMDExM1owDDEK
MAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOojxlgOrjdl+2xu
TTn79D7J2INWB0nq23usHgOKOeQkdqq3eJvQ6errPoObWmrKo61zQC82/n4XvHdh
yuaiQV2jLzAtMAwGA1UdEQQFMAOFAQAwHQYDVR0OBBYEFMMEqxHANAW481F16CaW
R/TmrArUMAoGCCqGSM49BAMCA0cAMEQCIEZ5PFBzL/fbd44Llp28Z0pPSSiaJdLv
Y2ItZgiSwZRQAiAtcUz/igZGfCXQuEuAKJhYZ2ca7p5kZeOwfqyMqGXL9g==
-----END CERTIFICATE-----
"""
"""With a subjectAltName that is none, made by openssl."""


def test_a_certificate_that_only_others_understand_is_refused(authority: CertificateAuthority) -> None:
    pair = authority.server(["a"])
    with pytest.raises(CertificateInvalid, match=r"wanted a certificate of an RSA or elliptic-curve key, found Curve"):
        check_pair(KeyPair(UNKNOWN_CURVE, pair.key))
    with pytest.raises(CertificateInvalid, match=r"wanted a certificate of an RSA or elliptic-curve key, found Curve"):
        authority_name(UNKNOWN_CURVE)
    with pytest.raises(CertificateInvalid, match=r"wanted a certificate with readable extensions, found others \("):
        read_facts(BROKEN_NAMES)
