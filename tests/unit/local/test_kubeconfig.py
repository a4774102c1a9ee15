"""Kubeconfigs that are written are read back as the same credentials."""

import stat
from pathlib import Path

from omectl.certificates import CertificateAuthority
from omectl.kube.credentials import ClientConfig, load_config
from omectl.local.kubeconfig import kubeconfig_text, write_kubeconfig


def test_certificate_survives_writing_and_reading(tmp_path: Path) -> None:
    authority = CertificateAuthority.made()
    pair = authority.client("ann", ("team-a",))
    config = ClientConfig(
        server="https://127.0.0.1:6443",
        ca_data=authority.certificate,
        client_certificate_data=pair.certificate,
        client_key_data=pair.key,
        namespace="ome",
    )
    path = write_kubeconfig(tmp_path / "config", kubeconfig_text(config, user="ann", namespace="ome"))
    read = load_config(path)
    assert (read.server, read.ca_data, read.namespace) == (config.server, config.ca_data, "ome")
    assert (read.client_certificate_data, read.client_key_data) == (pair.certificate, pair.key)


def test_file_with_credentials_is_for_its_owner_alone(tmp_path: Path) -> None:
    config = ClientConfig(server="https://127.0.0.1:6443", token="secret")
    path = write_kubeconfig(tmp_path / "config", kubeconfig_text(config, user="bob"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
