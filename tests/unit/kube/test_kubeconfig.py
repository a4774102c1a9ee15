"""Finding and reading kubeconfigs, and what is said when one is no good."""

import base64
from pathlib import Path

import pytest
import yaml

from omectl.kube.credentials import ClientConfig, ConfigError, load_config
from omectl.kube.kubeconfig import read_kubeconfig
from omectl.kube.plugins import LoaderPlugin


def write(path: Path, **changes: object) -> Path:
    document: dict[str, object] = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://server:6443/"}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document | {key.replace("_", "-"): value for key, value in changes.items()}))
    return path


def user(**fields: object) -> list[dict[str, object]]:
    return [{"name": "u", "user": {key.replace("_", "-"): value for key, value in fields.items()}}]


def test_a_plain_file_gives_server_token_and_namespace(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "config"))
    assert (config.server, config.token, config.namespace) == ("https://server:6443", "secret", "team")
    assert "secret" not in repr(config)


def test_inline_certificates_are_decoded(tmp_path: Path) -> None:
    encoded = base64.b64encode(b"pem").decode()
    users = user(client_certificate_data=encoded, client_key_data=encoded)
    config = load_config(write(tmp_path / "config", users=users))
    assert (config.client_certificate_data, config.client_key_data) == (b"pem", b"pem")


def test_relative_paths_start_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("pem")
    clusters = [{"name": "c", "cluster": {"server": "https://s", "certificate-authority": "ca.pem"}}]
    assert load_config(write(tmp_path / "config", clusters=clusters)).ca_file == tmp_path / "ca.pem"


def test_several_files_are_merged_and_the_first_definition_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "one", contexts=[], users=user(token="first"))
    second = write(tmp_path / "two", users=user(token="second"))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'absent'}:{second}")
    assert load_config().token == "first"


def test_a_context_may_be_named(tmp_path: Path) -> None:
    contexts = [{"name": name, "context": {"cluster": name}} for name in ("a", "b")]
    clusters = [{"name": name, "cluster": {"server": f"https://{name}"}} for name in ("a", "b")]
    path = write(tmp_path / "config", contexts=contexts, clusters=clusters)
    assert load_config(path, "b").server == "https://b"


def test_plain_users_need_no_plugin_and_others_get_one(tmp_path: Path) -> None:
    assert load_config(write(tmp_path / "plain")).plugin is None
    users = user(exec={"apiVersion": "client.authentication.k8s.io/v1", "command": "./login"})
    plugin = load_config(write(tmp_path / "plugin", users=users)).plugin
    assert isinstance(plugin, LoaderPlugin)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"current_context": "there"}, "wanted context 'there', and .* has no such entry \\(it has: here\\)"),
        ({"current_context": ""}, "sets no current-context; name one with --context \\(it has: here\\)"),
        ({"clusters": []}, "wanted cluster of context here 'c', and .* \\(it has none\\)"),
        ({"users": None}, "wanted user of context here 'u'"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, "cluster c in .* has no server"),
        (
            {"clusters": [{"name": "c", "cluster": {"server": "server:6443"}}]},
            "starts with https://, found 'server:6443'",
        ),
        ({"clusters": "nonsense"}, "unexpected shape"),
        ({"users": user(client_certificate_data="%%")}, "client-certificate-data of user u in .* is not base64"),
        ({"users": user(client_certificate_data="YQ==")}, "the client key is missing"),
        ({"users": user(tokenFile="nowhere")}, "names the file .*nowhere, which does not exist"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, changes: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text) as refused:
        load_config(write(tmp_path / "config", **changes))
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_file_that_is_no_yaml_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found no file .*absent; name another with --kubeconfig"):
        read_kubeconfig((tmp_path / "absent",))
    (tmp_path / "odd").write_text("a: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        read_kubeconfig((tmp_path / "odd",))


def test_inside_a_cluster_the_service_account_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name, text in (("token", "t"), ("ca.crt", "pem"), ("namespace", "ome\n")):
        (tmp_path / name).write_text(text)
    config = load_config(service_account=tmp_path)
    assert config.server == "https://[fd00::1]:443"
    assert (config.token_file, config.ca_file, config.namespace) == (tmp_path / "token", tmp_path / "ca.crt", "ome")


def test_nothing_anywhere_says_where_was_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"no \$KUBECONFIG, no .*; name a kubeconfig, or start a cluster here"):
        load_config(service_account=tmp_path)


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="the client key is missing"):
        ClientConfig(server="https://s", client_certificate_data=b"x").validated()
