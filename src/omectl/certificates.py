"""Certificates: an authority that signs them, and what a pair of certificate and key says. No input or output.

Times are arguments, so that a caller with a clock of its own decides when "now" is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=7)
_CLOCK_SKEW = timedelta(minutes=5)
_RENEWED_AFTER = 2 / 3
SHORTEST_LIFETIME = _CLOCK_SKEW * (1 / _RENEWED_AFTER - 1)
"""What lives no longer is due for renewal when it is made: certificates begin in the past."""
_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


class CertificateInvalid(ValueError):
    """A certificate or key that can't be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate (with its chain, if any) and its private key, both PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says: its time, the names it is for, and whose signature it bears."""

    not_before: datetime
    not_after: datetime
    names: frozenset[str]
    issued_by: str
    """The issuer's name and key identifier, as `authority_name` gives it for the authority."""

    def is_valid(self, now: datetime) -> bool:
        return self.not_before <= now < self.not_after

    @property
    def renew_at(self) -> datetime:
        """When two thirds of its time are over."""
        return self.not_before + (self.not_after - self.not_before) * _RENEWED_AFTER


class CertificateAuthority:
    """Signs with ECDSA P-256. `pair` is the authority's own certificate and key; what it signs never outlives it."""

    def __init__(self, pair: KeyPair) -> None:
        """Take up an authority that was made before. Raises CertificateInvalid."""
        self._certificate = _certificate(pair.certificate)
        key = _private_key(pair.key)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateInvalid(f"wanted an elliptic-curve key of an authority, found {type(key).__name__}")
        _check_match(self._certificate, key)
        self._key = key
        self.pair = pair

    @classmethod
    def made(
        cls, common_name: str = "omectl-local", *, now: datetime | None = None, lifetime: timedelta = LIFETIME
    ) -> CertificateAuthority:
        """A new authority; `now` is the machine's time unless given."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        start = now or datetime.now(UTC)
        builder = _builder(name, name, key.public_key(), start, start + lifetime)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
        return cls(KeyPair(certificate.public_bytes(serialization.Encoding.PEM), _pem(key)))

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, PEM."""
        return self.pair.certificate

    def server(self, hosts: Sequence[str], *, now: datetime | None = None, lifetime: timedelta = LIFETIME) -> KeyPair:
        """A server's certificate for these host names and addresses."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._sign(hosts[0], (), ExtendedKeyUsageOID.SERVER_AUTH, names, now, lifetime)

    def client(self, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """A user's certificate: the user is the common name, the groups are organisations."""
        return self._sign(user, groups, ExtendedKeyUsageOID.CLIENT_AUTH, None, None, LIFETIME)

    def _sign(
        self,
        common_name: str,
        organisations: Sequence[str],
        purpose: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None,
        now: datetime | None,
        lifetime: timedelta,
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation) for organisation in organisations]
        # A common name has 64 characters at most; servers are known by their alternative names anyway.
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
        start = now or datetime.now(UTC)
        end = min(start + lifetime, self._certificate.not_valid_after_utc)
        builder = _builder(subject, self._certificate.subject, key.public_key(), start, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        # Strict verifiers, among them Python's own from 3.13 on, want to be told the signing key.
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))


def signing_key() -> bytes:
    """A private RSA key, PEM, with which an API server signs service-account tokens."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def read_facts(certificate: bytes) -> Facts:
    """What the first certificate of a PEM text says. Raises CertificateInvalid."""
    found = _certificate(certificate)
    try:
        extensions = found.extensions
    except _UNREADABLE as error:
        raise CertificateInvalid(f"wanted a certificate with readable extensions, found others ({error})") from error
    names: frozenset[str] = frozenset()
    try:
        alternative = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = frozenset(str(name.value) for name in alternative)
    except x509.ExtensionNotFound:
        pass
    try:
        issuer_key = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        issuer_key = None
    issued_by = f"{found.issuer.rfc4514_string()}/{(issuer_key or b'').hex()}"
    return Facts(found.not_valid_before_utc, found.not_valid_after_utc, names, issued_by)


def authority_name(certificate: bytes) -> str:
    """What certificates signed by this authority have as `Facts.issued_by`. Raises CertificateInvalid."""
    found = _certificate(certificate)
    identifier = x509.SubjectKeyIdentifier.from_public_key(_public_key(found))
    return f"{found.subject.rfc4514_string()}/{identifier.digest.hex()}"


def split_certificates(pem: bytes) -> tuple[bytes, ...]:
    """The certificates of a PEM text, each a text of its own; none when it can't be read."""
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        return ()
    return tuple(certificate.public_bytes(serialization.Encoding.PEM) for certificate in found)


def check_pair(pair: KeyPair) -> Facts:
    """The facts of a certificate whose key is the right one. Raises CertificateInvalid."""
    _check_match(_certificate(pair.certificate), _private_key(pair.key))
    return read_facts(pair.certificate)


def _check_match(certificate: x509.Certificate, key: _PrivateKey) -> None:
    if _public_key(certificate) != key.public_key():
        raise CertificateInvalid("wanted the private key of the certificate, found the key of another one")


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError as error:
        raise CertificateInvalid(f"wanted a certificate in PEM, found something else ({error})") from error


def _public_key(certificate: x509.Certificate) -> CertificatePublicKeyTypes:
    try:
        return certificate.public_key()
    except _UNREADABLE as error:
        raise CertificateInvalid(f"wanted a certificate of an RSA or elliptic-curve key, found {error}") from error


def _private_key(pem: bytes) -> _PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (*_UNREADABLE, TypeError) as error:
        raise CertificateInvalid(f"wanted a private key in PEM without a password, found {error}") from error
    if not isinstance(key, _PrivateKey):
        raise CertificateInvalid(f"wanted an RSA or elliptic-curve key, found {type(key).__name__}")
    return key


_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _CLOCK_SKEW)
        .not_valid_after(end)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
