"""What a user may get wrong at the command line: one line that says what to do, and an exit code; never a traceback."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from tests.envtest.cli.command import omectl

from omectl.local.background import claimed

SERVICE = "apiVersion: ome.io/v1beta1\nkind: InferenceService\nmetadata: {name: svc}\n"


@pytest.mark.parametrize("command", [["get"], ["manager"], ["agent", "--node-name=n"]], ids=lambda given: given[0])
def test_a_missing_kubeconfig_is_named(tmp_path: Path, command: list[str]) -> None:
    omectl(*command, "--kubeconfig", tmp_path / "none").failed(2, str(tmp_path / "none"), "--kubeconfig")


@pytest.mark.parametrize("command", [["get"], ["manager"], ["agent", "--node-name=n"]], ids=lambda given: given[0])
def test_an_unknown_context_is_answered_with_those_that_are_there(nowhere: Path, command: list[str]) -> None:
    omectl(*command, "--kubeconfig", nowhere, "--context", "other").failed(2, "'other'", "it has: lost")


def test_no_kubeconfig_anywhere_says_where_was_looked(tmp_path: Path) -> None:
    omectl("get", HOME=str(tmp_path)).failed(2, "--kubeconfig")


def test_a_server_that_does_not_run_is_named(nowhere: Path) -> None:
    omectl("get", "--kubeconfig", nowhere).failed(1, "no answer from http://127.0.0.1", "connection refused")


@pytest.mark.parametrize("flag", ["--metrics-bind-address", "--health-probe-addr"])
def test_a_port_in_use_ends_the_manager_and_names_the_flag(nowhere: Path, taken_port: int, flag: str) -> None:
    addresses = {"--metrics-bind-address": "0", "--health-probe-addr": "0", flag: f"127.0.0.1:{taken_port}"}
    ended = omectl("manager", "--kubeconfig", nowhere, *(f"{name}={value}" for name, value in addresses.items()))
    ended.failed(1, flag, str(taken_port), "another process listens there already")


def test_certificates_for_metrics_without_tls_are_refused(nowhere: Path, tmp_path: Path) -> None:
    ended = omectl("manager", "--kubeconfig", nowhere, "--metrics-cert-path", tmp_path)
    ended.failed(2, "--metrics-cert-path", "add --metrics-secure")


def test_a_folder_without_certificates_ends_the_manager_and_is_named(nowhere: Path, tmp_path: Path) -> None:
    secure = ["--metrics-secure", "--metrics-cert-path", tmp_path, "--metrics-cert-name", "c.pem"]
    addresses = ["--metrics-bind-address=127.0.0.1:0", "--health-probe-addr=0"]
    ended = omectl("manager", "--kubeconfig", nowhere, *addresses, *secure, "--metrics-cert-key", "k.pem")
    ended.failed(1, f"{tmp_path}/c.pem", f"{tmp_path}/k.pem", "No such file or directory")


def test_a_port_in_use_ends_the_agent_and_names_the_flag(nowhere: Path, taken_port: int, tmp_path: Path) -> None:
    address = f"--metrics-bind-address=127.0.0.1:{taken_port}"
    ended = omectl("agent", "--node-name=n", f"--host-prefix={tmp_path}", address, "--kubeconfig", nowhere)
    ended.failed(1, "--metrics-bind-address", str(taken_port), "another process listens there already")


def test_a_port_in_use_ends_the_hub_and_names_the_option(taken_port: int, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    ended = omectl("hub", "serve", tmp_path, "--port", taken_port)
    ended.failed(1, f"127.0.0.1:{taken_port}", os.strerror(98), "--port")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--models-root-dir=raid"], "models_root as an absolute path"),
        (["--metrics-bind-address=nowhere"], "--metrics-bind-address: wanted host:port"),
        (["--hub-endpoint=ftp://hub"], "wanted an http or https URL"),
        (["--log-level=loud"], "--log-level"),
    ],
)
def test_a_wrong_option_of_the_agent_is_wrong_usage(
    nowhere: Path, tmp_path: Path, arguments: list[str], text: str
) -> None:
    ended = omectl("agent", "--node-name=n", f"--host-prefix={tmp_path}", "--kubeconfig", nowhere, *arguments)
    ended.failed(2)
    assert text.lower() in ended.err.lower()


def test_a_models_root_that_cannot_be_made_is_named(nowhere: Path, tmp_path: Path) -> None:
    (tmp_path / "raid").write_text("a file")
    ended = omectl("agent", "--node-name=n", f"--host-prefix={tmp_path}", "--port=0", "--kubeconfig", nowhere)
    ended.failed(1, str(tmp_path / "raid"), "Not a directory")


@pytest.mark.parametrize(
    "command", [["up", "--model=%"], ["cluster", "up", "--profile=fast"]], ids=lambda given: given[0]
)
def test_a_folder_in_use_is_said_with_its_holder(tmp_path: Path, command: list[str]) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    with claimed(tmp_path / "cluster"):
        arguments = [argument.replace("%", str(model)) for argument in command]
        omectl(*arguments, "--dir", tmp_path / "cluster").failed(1, str(tmp_path / "cluster"), str(os.getpid()))


@pytest.mark.parametrize("command", [["up"], ["cluster", "up"]], ids=lambda given: given[0])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "config.json").write_text("{}")
    more = ["--model", tmp_path] if command == ["up"] else []
    omectl(*command, *more, "--dir", tmp_path / "file" / "below").failed(1, str(tmp_path / "file"), "Not a directory")


@pytest.mark.parametrize(
    ("model", "text"),
    [("ftp://org/model", "wanted hf://ORG/NAME"), ("hf://", "--model"), ("/nowhere", "which is not a directory")],
)
def test_a_wrong_model_is_wrong_usage(model: str, text: str) -> None:
    omectl("up", "--model", model).failed(2, "--model", text)


def test_a_cluster_without_binaries_and_without_go_names_every_place(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    bare = {
        "PATH": str(tmp_path),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "OMECTL_CACHE_DIR": str(tmp_path / "cache"),
        "KUBEBUILDER_ASSETS": "",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    ended = omectl("cluster", "up", "--dir", tmp_path / "cluster", **bare)
    assert ended.code == 1, ended.err
    assert "Traceback" not in ended.err
    assert "omectl: " in ended.err
    for text in ("kube-apiserver", "KUBEBUILDER_ASSETS", "go"):
        assert text in ended.err


def test_a_cluster_that_does_not_run_has_no_kubeconfig_and_nothing_to_stop(tmp_path: Path) -> None:
    omectl("cluster", "kubeconfig", "--dir", tmp_path).failed(1, str(tmp_path), "omectl cluster up")
    ended = omectl("cluster", "down", "--dir", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert "nothing runs" in ended.out


def test_an_unknown_profile_is_wrong_usage(tmp_path: Path) -> None:
    omectl("cluster", "up", "--dir", tmp_path, "--profile", "huge").failed(2, "--profile", "fast, full", "'huge'")


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["plan", "--timeout", "soon"], ["get", "pods"], ["up", "--nodes", "many"], ["--no"]],
)
def test_what_the_parser_refuses_is_wrong_usage_and_plain_text(arguments: list[str]) -> None:
    ended = omectl(*arguments)
    assert ended.code == 2
    assert "Error: " in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb: }", ["all.yaml", "line 2"]),
        (
            f"a: 1\n---\n{SERVICE}spec: {{engine: {{minReplicas: many}}}}",
            ["document 2", "svc", "spec.engine.minReplicas"],
        ),
        (
            SERVICE.replace("InferenceService", "InferenceServce"),
            ["document 1", "'InferenceServce'", "InferenceService"],
        ),
        (SERVICE.replace("v1beta1", "v2"), ["apiVersion", "ome.io/v1beta1"]),
        (SERVICE.replace("InferenceService", "[x]"), ["kind"]),
        (SERVICE.replace("{name: svc}", "[x]"), ["metadata: wanted an object"]),
        (SERVICE.replace("{name: svc}", "{}"), ["metadata.name"]),
        ("only text", ["document 1", "wanted an object"]),
        ("a: 1", ["wanted an InferenceService"]),
        ("", ["wanted an InferenceService"]),
    ],
)
def test_a_manifest_that_cannot_be_read_is_named_with_document_and_field(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(text)
    omectl("plan", "-f", path).failed(2, "all.yaml", *said)


def test_a_manifest_that_is_no_text_or_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe\0")
    omectl("plan", "-f", tmp_path / "odd.yaml").failed(2, "odd.yaml", "UTF-8")
    omectl("plan", "-f", tmp_path / "none.yaml").failed(2, "none.yaml", "No such file")


@pytest.mark.parametrize("facts", ["/nowhere", "s3://bucket/x", "hf://"])
def test_facts_from_nowhere_are_wrong_usage(tmp_path: Path, facts: str) -> None:
    (tmp_path / "all.yaml").write_text(f"{SERVICE}spec: {{model: {{name: m}}}}")
    omectl("plan", "-f", tmp_path / "all.yaml", "--facts", facts).failed(2, "--facts")


def test_facts_from_a_hub_that_is_down_fail(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
    (tmp_path / "all.yaml").write_text(f"{SERVICE}spec: {{model: {{name: m}}}}")
    ended = omectl("plan", "-f", tmp_path / "all.yaml", "--facts", "hf://org/m", "--hub-endpoint", endpoint)
    ended.failed(1, "--facts hf://org/m", "127.0.0.1")


def test_a_service_that_cannot_be_planned_fails_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(f"{SERVICE}spec: {{model: {{name: unknown}}, engine: {{}}}}")
    omectl("plan", "-f", tmp_path / "all.yaml").failed(1, "default/svc", "unknown", "next: ")


def test_a_model_that_cannot_be_inspected_is_named_without_a_traceback(tmp_path: Path) -> None:
    omectl("models", "inspect", tmp_path / "none").failed(2, str(tmp_path / "none"), "No such file")
    (tmp_path / "config.json").write_text('{"model_type": "llama", "hidden_size": []}')
    omectl("models", "inspect", tmp_path).failed(1, "config.json: hidden_size: found a list")
    omectl("models", "inspect", "s3://bucket/model").failed(2, "wanted hf://, local://", "s3://bucket/model")
    omectl("models", "inspect", "hf://org/name", HF_ENDPOINT="http://127.0.0.1:1").failed(1, "127.0.0.1", "try again")
