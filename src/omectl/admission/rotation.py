"""When webhook certificates are made anew, and what is held then. No input or output; time is an argument.

Whom the API server trusts is a *bundle* of authorities, the current one first. A new authority joins the bundle long
before it signs a served certificate, and an old one stays in it until its end: at no moment is a certificate served
that the published bundle does not verify.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from omectl.certificates import (
    SHORTEST_LIFETIME,
    CertificateAuthority,
    CertificateInvalid,
    Facts,
    KeyPair,
    authority_name,
    check_pair,
    read_facts,
)

AUTHORITY_NAME = "omectl-webhooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long certificates are valid. Each is made anew when two thirds of its time are over.

    Raises ValueError for one that would be due as soon as it is made.
    """

    authority: timedelta = timedelta(days=5 * 365)
    leaf: timedelta = timedelta(days=90)

    def __post_init__(self) -> None:
        for name, lifetime in (("authority", self.authority), ("leaf", self.leaf)):
            if lifetime <= SHORTEST_LIFETIME:
                least_s, found_s = SHORTEST_LIFETIME.total_seconds(), lifetime.total_seconds()
                raise ValueError(f"wanted a lifetime of the {name} above {least_s:g} s, found {found_s:g} s")


@dataclass(frozen=True, slots=True)
class Held:
    """What there is, unchecked. `bundle` are the trusted authorities' certificates (PEM), the current one first."""

    authority_key: bytes = b""
    bundle: tuple[bytes, ...] = ()
    leaf: KeyPair | None = None

    @property
    def bundle_pem(self) -> bytes:
        return b"".join(self.bundle)


class Step(enum.Enum):
    """What to do next."""

    KEEP = "keep"
    NEW_AUTHORITY = "new authority"
    NEW_LEAF = "new certificate"


@dataclass(frozen=True, slots=True)
class Decision:
    """A step, and why."""

    step: Step
    reason: str = ""


def decide(held: Held, hosts: Sequence[str], now: datetime, *, published: bool) -> Decision:
    """The next step. `published` says whether everyone who verifies has the bundle of `held` by now."""
    authority = _authority_problem(held, now)
    if authority:
        return Decision(Step.NEW_AUTHORITY, authority)
    leaf = _leaf_problem(held, hosts, now)
    if leaf:
        return Decision(Step.NEW_LEAF, leaf)
    assert held.leaf is not None
    facts = read_facts(held.leaf.certificate)
    if published and facts.renew_at <= now:
        return Decision(Step.NEW_LEAF, "two thirds of its time are over")
    if published and facts.issued_by != authority_name(held.bundle[0]):
        return Decision(Step.NEW_LEAF, "it is signed by an older authority")
    return Decision(Step.KEEP)


def taken(step: Step, held: Held, hosts: Sequence[str], now: datetime, lifetimes: Lifetimes) -> Held:
    """What is held after a step."""
    match step:
        case Step.KEEP:
            return held
        case Step.NEW_AUTHORITY:
            made = CertificateAuthority.made(AUTHORITY_NAME, now=now, lifetime=lifetimes.authority)
            older = tuple(certificate for certificate in held.bundle if _signer(certificate, now))
            return replace(held, authority_key=made.pair.key, bundle=(made.certificate, *older))
        case Step.NEW_LEAF:
            authority = CertificateAuthority(KeyPair(held.bundle[0], held.authority_key))
            return replace(held, leaf=authority.server(hosts, now=now, lifetime=lifetimes.leaf))


def _authority_problem(held: Held, now: datetime) -> str:
    """Why there must be a new authority, "" when the one there is serves."""
    if not held.bundle:
        return "there is none"
    try:
        facts = check_pair(CertificateAuthority(KeyPair(held.bundle[0], held.authority_key)).pair)
    except CertificateInvalid as error:
        return f"it can't be used: {error}"
    if not facts.is_valid(now):
        return "it is not valid now"
    return "two thirds of its time are over" if facts.renew_at <= now else ""


def _leaf_problem(held: Held, hosts: Sequence[str], now: datetime) -> str:
    """Why the served certificate must be replaced at once, "" when it serves."""
    if held.leaf is None:
        return "there is none"
    try:
        facts: Facts = check_pair(held.leaf)
    except CertificateInvalid as error:
        return f"it can't be used: {error}"
    if not facts.is_valid(now):
        return "it is not valid now"
    missing = sorted(set(hosts) - facts.names)
    if missing:
        return f"it is not for {', '.join(missing)}"
    signers = {_signer(certificate, now) for certificate in held.bundle}
    return "" if facts.issued_by in signers else "no authority of the bundle has signed it"


def _signer(certificate: bytes, now: datetime) -> str:
    """The name of an authority that is valid now, "" of one that is not."""
    try:
        return authority_name(certificate) if read_facts(certificate).is_valid(now) else ""
    except CertificateInvalid:
        return ""
