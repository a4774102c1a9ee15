"""Credential plugins as kubeconfigs name them: real commands, run by the loader of kubernetes_asyncio."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from omectl.kube.credentials import ClientConfig, ConfigError, load_config

_API = "client.authentication.k8s.io/v1"


def kubeconfig(folder: Path, script: str) -> ClientConfig:
    command = folder / "login"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://server"}}],
        "users": [{"name": "u", "user": {"exec": {"apiVersion": _API, "command": "./login", "args": ["now"]}}}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(document))
    return load_config(path)


def credential(token: str, more: str = "") -> str:
    return f'{{"apiVersion":"{_API}","kind":"ExecCredential","status":{{"token":"{token}"{more}}}}}'


async def test_a_plugin_runs_once_and_again_when_the_server_refuses_its_token(tmp_path: Path) -> None:
    count = tmp_path / "count"
    script = f"echo x >> {count}\ncat <<END\n{credential('t')}\nEND"
    plugin = kubeconfig(tmp_path, script).plugin
    assert plugin is not None
    for rejected in (False, False, True):
        assert (await plugin.credential(rejected=rejected)).authorization == "Bearer t"
    assert count.read_text() == "x\nx\n"


async def test_a_plugin_whose_token_has_expired_runs_again(tmp_path: Path) -> None:
    count = tmp_path / "count"
    expired = credential("t", ',"expirationTimestamp":"2020-01-01T00:00:00Z"')
    plugin = kubeconfig(tmp_path, f"echo x >> {count}\ncat <<END\n{expired}\nEND").plugin
    assert plugin is not None
    for _ in range(2):
        await plugin.credential(rejected=False)
    assert count.read_text() == "x\nx\n"


@pytest.mark.parametrize(
    ("script", "text"),
    [("echo 'no ticket' >&2; exit 3", "returned 3. no ticket"), ("echo garbage", "failed to decode")],
)
async def test_a_plugin_that_fails_is_named_with_what_it_said(tmp_path: Path, script: str, text: str) -> None:
    plugin = kubeconfig(tmp_path, script).plugin
    assert plugin is not None
    with pytest.raises(ConfigError, match=r"the credential plugin .*login gave no credentials: .*") as refused:
        await plugin.credential(rejected=False)
    assert text in str(refused.value)
    assert str(refused.value).endswith("run it by hand to see why")


def test_a_plain_kubeconfig_does_not_load_the_plugins_library(tmp_path: Path) -> None:
    kubeconfig(tmp_path, "exit 0")
    path = tmp_path / "config"
    path.write_text(path.read_text().replace("exec:", "unused:"))
    program = (
        "import sys; from pathlib import Path; import omectl.kube.client; "
        "from omectl.kube.credentials import load_config; "
        f"load_config(Path({str(path)!r})); sys.exit('kubernetes_asyncio' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
