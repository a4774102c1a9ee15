"""What the manifests promise, read from the files."""

import ast
from pathlib import Path

import pytest
import yaml

from omectl.api.json import JsonObject
from omectl.api.kinds import ALL_KINDS
from omectl.api.settings import Settings, parse_settings

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "manifests"


def documents(path: str) -> list[JsonObject]:
    return [document for document in yaml.safe_load_all((MANIFESTS / path).read_text()) if document]


def one(path: str, kind: str) -> JsonObject:
    (found,) = (document for document in documents(path) if document["kind"] == kind)
    return found


def rules(path: str) -> list[JsonObject]:
    return [rule for document in documents(path) if "rules" in document for rule in document["rules"]]  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["rbac/manager.yaml", "rbac/agent.yaml", "rbac/users.yaml", "rbac/metrics.yaml"])
def test_no_role_has_a_wildcard(path: str) -> None:
    for rule in rules(path):
        for part in rule.values():
            assert not any("*" in value for value in part)  # type: ignore[union-attr]


def test_the_manager_may_ask_for_reviews_and_nothing_else_for_its_metrics() -> None:
    roles = {document["metadata"]["name"]: document for document in documents("rbac/metrics.yaml")}
    asking = [(rule["apiGroups"], rule["resources"], rule["verbs"]) for rule in roles["ome-metrics-auth-role"]["rules"]]
    assert asking == [
        (["authentication.k8s.io"], ["tokenreviews"], ["create"]),
        (["authorization.k8s.io"], ["subjectaccessreviews"], ["create"]),
    ]
    binding = roles["ome-metrics-auth-rolebinding"]
    assert binding["roleRef"]["name"] == "ome-metrics-auth-role"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "ome-controller-manager", "namespace": "ome"}]


def test_a_role_to_read_metrics_is_shipped_and_bound_to_nobody() -> None:
    shipped = documents("rbac/metrics.yaml")
    (reader,) = (document for document in shipped if document["metadata"]["name"] == "ome-metrics-reader")
    assert reader["rules"] == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    assert "ome-metrics-reader" not in [document.get("roleRef", {}).get("name") for document in shipped]


def test_the_manager_has_no_right_to_secrets() -> None:
    assert not [rule for rule in rules("rbac/manager.yaml") if "secrets" in rule["resources"]]


def test_the_agent_may_only_get_secrets_and_only_in_the_operators_namespace() -> None:
    granting = [
        document
        for document in documents("rbac/agent.yaml")
        if any("secrets" in rule["resources"] for rule in document.get("rules", []))
    ]
    assert [(role["kind"], role["metadata"]["namespace"]) for role in granting] == [("Role", "ome")]
    (rule,) = (rule for rule in granting[0]["rules"] if "secrets" in rule["resources"])
    assert rule["verbs"] == ["get"]


@pytest.mark.parametrize("path", ["rbac/manager.yaml", "rbac/agent.yaml", "rbac/metrics.yaml"])
def test_every_verb_has_its_reason_beside_it(path: str) -> None:
    for number, line in enumerate((MANIFESTS / path).read_text().splitlines(), start=1):
        verb = line.strip().removeprefix("- ").split(" ")[0]
        if line.strip().startswith("- ") and verb in {"get", "list", "watch", "create", "update", "patch", "delete"}:
            assert " # " in line, f"{path}:{number} gives no reason"
        if "verbs: [" in line:
            assert " # " in line, f"{path}:{number} gives no reason"


def test_the_manager_runs_restricted() -> None:
    spec = one("manager/deployment.yaml", "Deployment")["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "volumes" not in spec


def test_the_agent_is_root_without_any_capability() -> None:
    spec = one("agent/daemonset.yaml", "DaemonSet")["spec"]["template"]["spec"]
    assert spec["securityContext"] == {
        "runAsUser": 0,
        "runAsGroup": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_agent_mounts_the_models_root_at_the_same_path_and_is_told_of_it() -> None:
    spec = one("agent/daemonset.yaml", "DaemonSet")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    (volume,) = spec["volumes"]
    (mount,) = container["volumeMounts"]
    root = Settings.defaults().models_root
    assert volume["hostPath"]["path"] == mount["mountPath"] == root
    assert f"--models-root-dir={root}" in container["args"]


def test_the_shipped_settings_are_the_defaults_of_the_code() -> None:
    data = one("settings/inferenceservice-config.yaml", "ConfigMap")["data"]
    assert parse_settings(data) == Settings.defaults()


def test_the_namespaces_allow_what_lives_in_them_and_no_more() -> None:
    levels = {
        document["metadata"]["name"]: document["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for document in documents("namespaces/namespaces.yaml")
    }
    assert levels == {"ome": "restricted", "ome-agents": "privileged"}


def test_the_custom_resource_definitions_of_all_kinds_are_listed() -> None:
    listed = yaml.safe_load((MANIFESTS / "crds/kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(f"{kind.plural}.{kind.group}.yaml" for kind in ALL_KINDS)


def test_every_file_of_a_folder_is_in_its_kustomization() -> None:
    for kustomization in MANIFESTS.rglob("kustomization.yaml"):
        folder = kustomization.parent
        listed = set(yaml.safe_load(kustomization.read_text())["resources"])
        there = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert there <= listed, folder


def test_the_tiltfile_is_well_formed_and_watches_what_the_image_is_made_of() -> None:
    tree = ast.parse((ROOT / "Tiltfile").read_text())
    (only,) = (
        [ast.literal_eval(item) for item in node.value.elts]
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "only" and isinstance(node.value, ast.List)
    )
    copied = {
        word
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from=" not in line
        for word in line.split()[1:-1]
        if not word.startswith("--")
    }
    assert set(only) == copied
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert copied == {line.removeprefix("!") for line in ignored if line.startswith("!")}
