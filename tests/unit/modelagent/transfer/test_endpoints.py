"""Where a credential may go, and where it may not."""

from __future__ import annotations

import pytest

from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.transfer.endpoints import Origin, check_origin, follow_redirect, headers_for

TOKEN = {"Authorization": "Bearer secret", "Range": "bytes=0-1"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9", "hub.localhost"])
def test_plain_http_is_allowed_on_this_machine(host: str) -> None:
    check_origin(Origin.of(f"http://{host}:80/x"), allow_http=False)


@pytest.mark.parametrize("host", ["hub.example", "10.0.0.1", "localhost.evil.example", "[::ffff:8.8.8.8]"])
def test_plain_http_to_another_machine_needs_the_operator_s_word(host: str) -> None:
    with pytest.raises(ModelError) as caught:
        check_origin(Origin.of(f"http://{host}/x"), allow_http=False)
    assert caught.value.reason is Reason.INSECURE_ENDPOINT
    check_origin(Origin.of(f"http://{host}/x"), allow_http=True)


@pytest.mark.parametrize(
    "target",
    ["https://cdn.example/x", "https://hub.example:8443/x", "http://hub.example/x", "https://hub.example.evil/x"],
)
def test_a_credential_stays_with_its_origin(target: str) -> None:
    assert headers_for(Origin.of("https://hub.example/x"), target, TOKEN) == {"Range": "bytes=0-1"}


def test_a_credential_follows_within_its_origin() -> None:
    assert headers_for(Origin.of("https://hub.example/x"), "https://HUB.example:443/y", TOKEN) == TOKEN


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x/y", "http://cdn.example/x"])
def test_a_redirect_to_something_unfit_is_refused(location: str) -> None:
    with pytest.raises(ModelError):
        follow_redirect("https://hub.example/a", location, allow_http=False)


def test_a_relative_redirect_stays_on_the_host() -> None:
    assert follow_redirect("https://hub.example/a/b", "/c", allow_http=False) == "https://hub.example/c"
