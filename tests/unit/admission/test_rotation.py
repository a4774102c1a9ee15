"""When certificates are made anew."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omectl.admission.rotation import Decision, Held, Lifetimes, Step, decide, taken
from omectl.certificates import CertificateAuthority, KeyPair, authority_name, read_facts, split_certificates

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HOSTS = ["webhook.ome.svc", "webhook.ome"]
LIFETIMES = Lifetimes(authority=timedelta(days=900), leaf=timedelta(days=90))
SECOND = timedelta(seconds=1)


def settled(held: Held, now: datetime = NOW, *, published: bool = False) -> Held:
    """What is held when nothing more is due."""
    for _ in range(3):
        decision = decide(held, HOSTS, now, published=published)
        if decision.step is Step.KEEP:
            return held
        held = taken(decision.step, held, HOSTS, now, LIFETIMES)
    raise AssertionError("there is always more to do")


@pytest.fixture(scope="module")
def fresh() -> Held:
    return settled(Held())


def decided(held: Held, now: datetime = NOW, hosts: Any = HOSTS, *, published: bool = True) -> Decision:
    return decide(held, hosts, now, published=published)


def test_from_nothing_an_authority_is_made_and_then_a_certificate() -> None:
    assert decided(Held()) == Decision(Step.NEW_AUTHORITY, "there is none")
    held = taken(Step.NEW_AUTHORITY, Held(), HOSTS, NOW, LIFETIMES)
    assert decided(held, published=False) == Decision(Step.NEW_LEAF, "there is none")
    held = taken(Step.NEW_LEAF, held, HOSTS, NOW, LIFETIMES)
    assert decided(held) == Decision(Step.KEEP)
    assert held.leaf is not None
    facts = read_facts(held.leaf.certificate)
    assert facts.names == set(HOSTS)
    assert facts.not_after == NOW + timedelta(days=90)
    assert facts.issued_by == authority_name(held.bundle[0])
    assert read_facts(held.bundle[0]).not_after == NOW + timedelta(days=900)
    assert len(held.bundle) == 1


def test_to_keep_changes_nothing(fresh: Held) -> None:
    assert taken(Step.KEEP, fresh, HOSTS, NOW, LIFETIMES) is fresh


def test_a_certificate_is_renewed_when_two_thirds_of_its_time_are_over(fresh: Held) -> None:
    assert fresh.leaf is not None
    renew_at = read_facts(fresh.leaf.certificate).renew_at
    assert timedelta(days=59) < renew_at - NOW < timedelta(days=61)
    assert decided(fresh, renew_at - SECOND) == Decision(Step.KEEP)
    assert decided(fresh, renew_at) == Decision(Step.NEW_LEAF, "two thirds of its time are over")
    renewed = taken(Step.NEW_LEAF, fresh, HOSTS, renew_at, LIFETIMES)
    assert (renewed.bundle, renewed.authority_key) == (fresh.bundle, fresh.authority_key)
    assert renewed.leaf != fresh.leaf
    assert decided(renewed, renew_at) == Decision(Step.KEEP)


def test_a_renewal_that_can_wait_waits_until_the_bundle_is_published(fresh: Held) -> None:
    assert fresh.leaf is not None
    renew_at = read_facts(fresh.leaf.certificate).renew_at
    assert decided(fresh, renew_at, published=False) == Decision(Step.KEEP)


def test_an_authority_is_renewed_at_two_thirds_and_the_old_one_stays_trusted(fresh: Held) -> None:
    renew_at = read_facts(fresh.bundle[0]).renew_at
    held = settled(fresh, renew_at - SECOND, published=True)
    assert held.bundle == fresh.bundle
    assert decided(held, renew_at) == Decision(Step.NEW_AUTHORITY, "two thirds of its time are over")
    both = taken(Step.NEW_AUTHORITY, held, HOSTS, renew_at, LIFETIMES)
    assert both.bundle[1:] == fresh.bundle
    assert both.authority_key != fresh.authority_key
    assert both.leaf == held.leaf
    # The new authority signs nothing before everyone trusts it.
    assert decided(both, renew_at, published=False) == Decision(Step.KEEP)
    assert decided(both, renew_at) == Decision(Step.NEW_LEAF, "it is signed by an older authority")
    after = taken(Step.NEW_LEAF, both, HOSTS, renew_at, LIFETIMES)
    assert after.leaf is not None
    assert read_facts(after.leaf.certificate).issued_by == authority_name(both.bundle[0])
    assert decided(after, renew_at) == Decision(Step.KEEP)


def test_an_authority_that_has_ended_leaves_the_bundle_when_the_next_is_made(fresh: Held) -> None:
    ends = read_facts(fresh.bundle[0]).not_after
    last = taken(Step.NEW_AUTHORITY, fresh, HOSTS, ends - SECOND, LIFETIMES)
    assert len(last.bundle) == 2
    gone = taken(Step.NEW_AUTHORITY, fresh, HOSTS, ends, LIFETIMES)
    assert len(gone.bundle) == 1


@pytest.mark.parametrize("published", [False, True])
def test_what_does_not_serve_is_replaced_at_once(fresh: Held, published: bool) -> None:
    assert fresh.leaf is not None
    key = CertificateAuthority.made().pair.key
    ends = read_facts(fresh.leaf.certificate).not_after
    stranger = CertificateAuthority.made(now=NOW, lifetime=timedelta(days=9)).server(HOSTS, now=NOW)
    later = read_facts(fresh.leaf.certificate).not_before - SECOND
    cases: list[tuple[Held, datetime, str]] = [
        (Held(fresh.authority_key, fresh.bundle), NOW, "there is none"),
        (Held(fresh.authority_key, fresh.bundle, KeyPair(b"x", b"y")), NOW, "it can't be used: wanted a certificate"),
        (
            Held(fresh.authority_key, fresh.bundle, KeyPair(fresh.leaf.certificate, key)),
            NOW,
            "it can't be used: wanted the private key of the certificate",
        ),
        (fresh, ends, "it is not valid now"),
        (Held(fresh.authority_key, fresh.bundle, stranger), NOW, "no authority of the bundle has signed it"),
    ]
    for held, now, reason in cases:
        decision = decided(held, now, published=published)
        assert decision.step is Step.NEW_LEAF
        assert decision.reason.startswith(reason)
    assert decided(fresh, later, published=published).step is Step.NEW_AUTHORITY


def test_a_certificate_lacks_the_names_that_were_added_and_may_have_more(fresh: Held) -> None:
    assert decided(fresh, hosts=["webhook.ome"]) == Decision(Step.KEEP)
    assert decided(fresh, hosts=[*HOSTS, "z", "a"]) == Decision(Step.NEW_LEAF, "it is not for a, z")


def test_a_certificate_of_an_authority_that_has_ended_is_replaced_at_once(fresh: Held) -> None:
    old = CertificateAuthority.made(now=NOW - timedelta(days=9), lifetime=timedelta(days=9))
    assert fresh.leaf is not None
    leaf = CertificateAuthority(KeyPair(fresh.bundle[0], fresh.authority_key)).server(HOSTS, now=NOW)
    held = Held(fresh.authority_key, (fresh.bundle[0], old.certificate), leaf)
    assert decided(held).step is Step.KEEP
    ended = Held(old.pair.key, (old.certificate, fresh.bundle[0]), leaf)
    assert decided(ended) == Decision(Step.NEW_AUTHORITY, "it is not valid now")


@pytest.mark.parametrize("broken", ["key", "certificate", "other key"])
def test_an_authority_that_cannot_sign_is_replaced_and_stays_trusted_while_it_can_be_read(
    fresh: Held, broken: str
) -> None:
    held = {
        "key": Held(b"", fresh.bundle, fresh.leaf),
        "certificate": Held(fresh.authority_key, (b"x", *fresh.bundle), fresh.leaf),
        "other key": Held(CertificateAuthority.made().pair.key, fresh.bundle, fresh.leaf),
    }[broken]
    decision = decided(held)
    assert decision.step is Step.NEW_AUTHORITY
    assert decision.reason.startswith("it can't be used: wanted ")
    mended = taken(Step.NEW_AUTHORITY, held, HOSTS, NOW, LIFETIMES)
    assert mended.bundle[1:] == fresh.bundle
    assert decided(mended, published=False) == Decision(Step.KEEP)


def test_the_lifetimes_are_five_years_and_ninety_days() -> None:
    assert Lifetimes() == Lifetimes(authority=timedelta(days=1825), leaf=timedelta(days=90))


def test_a_bundle_is_split_into_its_certificates_and_nothing_else() -> None:
    pems = tuple(CertificateAuthority.made().certificate for _ in range(3))
    assert split_certificates(b"# a comment\n".join(pems)) == pems
    assert split_certificates(b"") == split_certificates(b"nonsense") == ()
    assert Held(bundle=pems).bundle_pem == b"".join(pems)


def test_steps_end_whatever_is_held(fresh: Held) -> None:
    keys = [b"", fresh.authority_key, b"x"]
    bundles: list[tuple[bytes, ...]] = [(), fresh.bundle, (b"x",)]
    leaves = [None, fresh.leaf, KeyPair(b"x", b"x")]
    for key, bundle, leaf, published in itertools.product(keys, bundles, leaves, [False, True]):
        settled(Held(key, bundle, leaf), published=published)


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
"""Of a key on secp112r1, made by openssl; valid for ten days from 28 November 2026, 21:01:12 UTC."""
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
"""With a subjectAltName that is none, valid for the same days."""
THEN = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("certificate", [UNKNOWN_CURVE, BROKEN_NAMES], ids=["unknown curve", "broken names"])
def test_an_authority_that_nobody_here_can_read_is_replaced_and_forgotten(certificate: bytes) -> None:
    key = CertificateAuthority.made(now=THEN).pair.key
    decision = decided(Held(key, (certificate,), KeyPair(certificate, key)), THEN)
    assert decision.step is Step.NEW_AUTHORITY
    assert decision.reason.startswith("it can't be used: wanted")
    made = taken(Step.NEW_AUTHORITY, Held(key, (certificate,)), HOSTS, THEN, LIFETIMES)
    assert len(made.bundle) == 1
    assert certificate not in made.bundle


@pytest.mark.parametrize("certificate", [UNKNOWN_CURVE, BROKEN_NAMES], ids=["unknown curve", "broken names"])
def test_an_older_authority_that_nobody_here_can_read_is_left_aside(certificate: bytes) -> None:
    held = settled(Held(), THEN)
    older = Held(held.authority_key, (*held.bundle, certificate), held.leaf)
    assert decided(older, THEN) == Decision(Step.KEEP)


@pytest.mark.parametrize("part", ["authority", "leaf"])
def test_what_would_be_due_as_soon_as_it_is_made_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match=f"wanted a lifetime of the {part} above 150 s, found 150 s"):
        Lifetimes(**{part: timedelta(seconds=150)})
    shortest = Lifetimes(**{part: timedelta(seconds=151)})
    made = CertificateAuthority.made(now=NOW, lifetime=getattr(shortest, part))
    assert read_facts(made.certificate).renew_at > NOW
