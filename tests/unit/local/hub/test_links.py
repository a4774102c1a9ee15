"""Signed links."""

import pytest

from omectl.clock import FakeClock
from omectl.local.hub.links import LinkSigner
from omectl.local.hub.refusals import RefusalError


def parts(link: str) -> tuple[str, str, str]:
    target, _, query = link.partition("?")
    values = dict(item.split("=") for item in query.split("&"))
    return target, values["Expires"], values["Signature"]


def test_a_link_is_good_until_it_expires() -> None:
    clock = FakeClock()
    signer = LinkSigner(clock, 60.0)
    target, expires, signature = parts(signer.link("org/name", "0" * 40, "a b/c.bin"))
    assert target == f"/cdn/org%2Fname/{'0' * 40}/a%20b%2Fc.bin"
    signer.check(target, expires, signature)
    clock.advance(61)
    with pytest.raises(RefusalError, match="expired"):
        signer.check(target, expires, signature)


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_a_changed_link_is_refused(changed: int) -> None:
    signer = LinkSigner(FakeClock(), 60.0)
    link = list(parts(signer.link("org/name", "0" * 40, "x")))
    link[changed] = link[changed] + "0"
    with pytest.raises(RefusalError):
        signer.check(*link)


@pytest.mark.parametrize("expires", ["", "x", "-1", "٣", "9" * 30])
def test_a_malformed_time_is_refused(expires: str) -> None:
    with pytest.raises(RefusalError, match="Expires"):
        LinkSigner(FakeClock(), 60.0).check("/cdn/x", expires, "")


def test_a_link_of_another_server_is_refused() -> None:
    link = parts(LinkSigner(FakeClock(), 60.0).link("org/name", "0" * 40, "x"))
    with pytest.raises(RefusalError):
        LinkSigner(FakeClock(), 60.0).check(*link)
