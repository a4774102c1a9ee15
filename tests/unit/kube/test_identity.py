"""Headers and trust that follow their files."""

import base64
import os
import ssl
from pathlib import Path

import pytest

from omectl.kube.credentials import ClientConfig, ConfigError, Credential
from omectl.kube.identity import Identity


async def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    identity = Identity(ClientConfig(server="https://s", token_file=token))
    assert (await identity.headers())["Authorization"] == "Bearer one"
    token.write_text("two\n")
    os.utime(token, ns=(1, 1))
    assert (await identity.headers())["Authorization"] == "Bearer two"
    token.unlink()
    assert (await identity.headers())["Authorization"] == "Bearer two"


async def test_a_token_file_that_never_was_is_an_error(tmp_path: Path) -> None:
    identity = Identity(ClientConfig(server="https://s", token_file=tmp_path / "absent"))
    with pytest.raises(ConfigError, match=r"can't read .*absent: No such file"):
        await identity.headers()


async def test_passwords_and_impersonation_become_headers() -> None:
    config = ClientConfig(server="https://s", username="u", password="p", impersonate_user="x")
    headers = await Identity(config).headers()
    assert headers["Authorization"] == f"Basic {base64.b64encode(b'u:p').decode()}"
    assert headers["Impersonate-User"] == "x"


async def test_a_plugin_is_asked_for_every_request_and_told_of_a_refusal() -> None:
    asked: list[bool] = []

    class Plugin:
        async def credential(self, *, rejected: bool) -> Credential:
            asked.append(rejected)
            return Credential(authorization=f"Bearer {len(asked)}")

    identity = Identity(ClientConfig(server="https://s", plugin=Plugin()))
    assert (await identity.headers())["Authorization"] == "Bearer 1"
    assert (await identity.headers(rejected=True))["Authorization"] == "Bearer 2"
    assert asked == [False, True]


def test_plain_http_needs_no_context_and_skipping_verification_is_as_told() -> None:
    assert Identity(ClientConfig(server="http://s")).tls_context() is True
    context = Identity(ClientConfig(server="https://s", insecure_skip_tls_verify=True)).tls_context()
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_NONE


def test_the_context_is_kept_until_the_ca_changes(tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text(ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[0]))
    identity = Identity(ClientConfig(server="https://s", ca_file=ca))
    first = identity.tls_context()
    assert identity.tls_context() is first
    ca.write_text(ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[1]))
    os.utime(ca, ns=(1, 1))
    assert identity.tls_context() is not first


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (ClientConfig(server="https://s", ca_data=b"no pem"), "the CA of https://s is not a PEM certificate"),
        (
            ClientConfig(server="https://s", client_certificate_data=b"no", client_key_data=b"pem"),
            "the client certificate for https://s is unusable",
        ),
    ],
)
def test_unusable_certificates_are_named(config: ClientConfig, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Identity(config).tls_context()
