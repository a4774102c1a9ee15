"""The CRDs, as data. What the API server makes of them is tested in tests/envtest/api."""

import ast
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import cast

import pytest
import yaml

import omectl.api
from omectl.api.codec import TYPES
from omectl.api.crds.definitions import crd_name, custom_resource_definition
from omectl.api.crds.files import definition_files
from omectl.api.crds.pods import pod_type
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import ALL_KINDS
from omectl.api.pods import CONTAINER_FIELDS, POD_FIELDS
from omectl.api.resource import ResourceKind
from omectl.api.serving_runtime import ClusterServingRuntime

FILES = Path(__file__).parents[3] / "manifests" / "crds"
LARGEST_REQUEST = 1_500_000
"""Bytes that etcd accepts in one request."""


def nodes(schema: JsonValue, path: str = "") -> Iterator[tuple[str, JsonObject]]:
    """Every schema inside a schema, with its path."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for name, inner in cast("JsonObject", schema.get("properties", {})).items():
        yield from nodes(inner, f"{path}.{name}")
    yield from nodes(schema.get("items"), f"{path}[]")
    yield from nodes(schema.get("additionalProperties"), f"{path}{{}}")


@cache
def root(kind: ResourceKind) -> JsonObject:
    definition = cast("dict[str, dict[str, list[JsonObject]]]", custom_resource_definition(TYPES[kind.kind]))
    return cast("JsonObject", cast("JsonObject", definition["spec"]["versions"][0]["schema"])["openAPIV3Schema"])


def at(cls: ResourceKind, *path: str) -> JsonObject:
    """The schema at a path of property names; `[]` steps into a list."""
    schema = root(cls)
    for name in path:
        schema = cast("JsonObject", schema["items"] if name == "[]" else cast("JsonObject", schema["properties"])[name])
    return schema


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.kind)
def test_the_file_equals_the_types(kind: ResourceKind) -> None:
    name = f"{kind.plural}.ome.io.yaml"
    found = (FILES / name).read_text(encoding="utf-8")
    assert found == definition_files()[name], f"{name} differs: run `omectl crds --output manifests/crds`"


def test_every_kind_has_one_file_and_nothing_else_is_there() -> None:
    assert {path.name for path in FILES.glob("*.ome.io.yaml")} == definition_files().keys()


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.kind)
def test_a_file_reads_back_as_what_was_made(kind: ResourceKind) -> None:
    cls = TYPES[kind.kind]
    assert yaml.load(
        definition_files()[f"{crd_name(cls)}.yaml"], Loader=yaml.CSafeLoader
    ) == custom_resource_definition(cls)


def test_the_files_have_no_anchors_and_no_descriptions() -> None:
    for text in definition_files().values():
        assert "&id" not in text
        assert "description" not in text


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.kind)
def test_a_definition_fits_one_request(kind: ResourceKind) -> None:
    definition = custom_resource_definition(TYPES[kind.kind])
    assert len(json.dumps(definition, separators=(",", ":"))) < LARGEST_REQUEST


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.kind)
def test_the_names_are_the_kinds(kind: ResourceKind) -> None:
    definition = custom_resource_definition(TYPES[kind.kind])
    spec = cast("dict[str, JsonValue]", definition["spec"])
    assert definition["metadata"] == {"name": f"{kind.plural}.ome.io"}
    assert spec["scope"] == ("Namespaced" if kind.namespaced else "Cluster")
    short = {"shortNames": ["isvc"]} if kind.kind == "InferenceService" else {}
    assert spec["names"] == {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.kind.lower(),
        **short,
    }


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.kind)
def test_the_schema_is_structural(kind: ResourceKind) -> None:
    for path, schema in nodes(root(kind)):
        assert ("type" in schema) != ("x-kubernetes-int-or-string" in schema), path
        assert not {"$ref", "nullable", "oneOf", "allOf"} & schema.keys(), path
        assert (
            set(cast("list[str]", schema.get("required", [])))
            <= cast("JsonObject", schema.get("properties", {})).keys()
        ), path


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.kind)
def test_the_keys_of_lists_are_always_there(kind: ResourceKind) -> None:
    for path, schema in nodes(root(kind)):
        if schema.get("x-kubernetes-list-type") != "map":
            continue
        item = cast("JsonObject", schema["items"])
        for key in cast("list[str]", schema["x-kubernetes-list-map-keys"]):
            field = cast("JsonObject", cast("JsonObject", item["properties"])[key])
            assert key in cast("list[str]", item.get("required", [])) or "default" in field, f"{path}: {key}"


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.kind)
def test_only_free_form_objects_keep_unknown_fields(kind: ResourceKind) -> None:
    kept = {path for path, schema in nodes(root(kind)) if "x-kubernetes-preserve-unknown-fields" in schema}
    allowed = {
        "BaseModel": {".spec.modelConfiguration", ".status.facts.diffusionPipeline"},
        "ClusterBaseModel": {".spec.modelConfiguration", ".status.facts.diffusionPipeline"},
        "FineTunedWeight": {".spec.hyperParameters", ".spec.configuration"},
        "InferenceService": {".status"},
    }
    for_others = (".autoscaler.hpa.metrics[]", ".autoscaler.hpa.behavior", ".autoscaler.keda.advanced")
    assert {path for path in kept if not path.endswith(for_others)} == allowed.get(kind.kind, set())


def test_the_pod_part_has_the_fields_of_omes_copy() -> None:
    assert set(cast("JsonObject", pod_type("PodSpec")["properties"])) == set(POD_FIELDS)
    assert "required" not in pod_type("PodSpec")
    assert set(cast("JsonObject", pod_type("Container")["properties"])) == set(CONTAINER_FIELDS)
    assert len(POD_FIELDS) == 39


def test_the_pod_part_has_no_enums_and_only_kubernetes_own_defaults() -> None:
    whole = [pod_type("PodSpec"), pod_type("DeploymentStrategy")]
    defaults = {path: schema["default"] for part in whole for path, schema in nodes(part) if schema.get("default")}
    assert not any("enum" in schema for part in whole for _, schema in nodes(part))
    assert {(path.rpartition(".")[2], value) for path, value in defaults.items()} == {
        ("protocol", "TCP"),
        ("fsType", "ext4"),
        ("fsType", "xfs"),
        ("iscsiInterface", "default"),
        ("keyring", "/etc/ceph/keyring"),
        ("pool", "rbd"),
        ("user", "admin"),
        ("storageMode", "ThinProvisioned"),
    }


ENGINE = ("spec", "engine")
SERVICE = InferenceService.resource_kind
RUNTIME = ClusterServingRuntime.resource_kind


def test_a_service_need_not_repeat_what_its_runtime_names() -> None:
    for component in ("engine", "decoder", "router"):
        assert "required" not in at(SERVICE, "spec", component, "runner")
        assert "required" not in at(SERVICE, "spec", component, "os")
    assert "required" not in at(SERVICE, "spec", "predictor", "model")
    assert "required" not in at(SERVICE, "spec", "kedaConfig", "authenticationRef")


def test_a_service_must_name_everything_else() -> None:
    assert at(SERVICE, "spec", "model")["required"] == ["name"]
    assert at(SERVICE, "spec", "runtime")["required"] == ["name"]
    for group in ("leader", "worker"):
        assert at(SERVICE, *ENGINE, group, "runner")["required"] == ["name"]
    assert at(SERVICE, *ENGINE, "kedaConfig", "authenticationRef")["required"] == ["name"]
    assert at(SERVICE, *ENGINE, "containers", "[]")["required"] == ["name"]


def test_a_runtime_must_name_its_runners() -> None:
    for component in ("engineConfig", "decoderConfig", "routerConfig"):
        assert at(RUNTIME, "spec", component, "runner")["required"] == ["name"]
    assert at(RUNTIME, "spec", "engineConfig", "leader", "runner")["required"] == ["name"]


def test_ephemeral_containers_are_absent_directly_under_a_component_of_a_service() -> None:
    for component in ("engine", "decoder", "router", "predictor"):
        assert "ephemeralContainers" not in cast("JsonObject", at(SERVICE, "spec", component)["properties"])
    for path in (("engine", "leader"), ("engine", "worker"), ("predictor", "workerSpec")):
        assert "ephemeralContainers" in cast("JsonObject", at(SERVICE, "spec", *path)["properties"])
    assert "ephemeralContainers" in cast("JsonObject", at(RUNTIME, "spec", "engineConfig")["properties"])


@pytest.mark.parametrize(
    ("path", "needs_port"),
    [
        (("runner", "livenessProbe", "httpGet"), False),
        (("runner", "livenessProbe", "tcpSocket"), False),
        (("runner", "readinessProbe", "httpGet"), False),
        (("runner", "readinessProbe", "tcpSocket"), False),
        (("runner", "startupProbe", "httpGet"), True),
        (("runner", "startupProbe", "tcpSocket"), True),
        (("runner", "livenessProbe", "grpc"), True),
        (("containers", "[]", "livenessProbe", "httpGet"), False),
        (("containers", "[]", "readinessProbe", "httpGet"), False),
        (("containers", "[]", "livenessProbe", "tcpSocket"), True),
        (("containers", "[]", "startupProbe", "httpGet"), True),
        (("initContainers", "[]", "livenessProbe", "httpGet"), True),
        (("leader", "runner", "livenessProbe", "httpGet"), True),
    ],
)
def test_which_probes_of_a_service_need_a_port(path: tuple[str, ...], needs_port: bool) -> None:
    assert (at(SERVICE, *ENGINE, *path).get("required") == ["port"]) is needs_port
    assert at(RUNTIME, "spec", "engineConfig", *path)["required"] == ["port"]


def test_volume_mounts_of_a_benchmark_are_told_apart_by_volume() -> None:
    benchmark = next(kind for kind in ALL_KINDS if kind.kind == "BenchmarkJob")
    assert at(benchmark, "spec", "podOverride", "volumeMounts")["x-kubernetes-list-map-keys"] == ["name"]
    assert at(SERVICE, *ENGINE, "containers", "[]", "volumeMounts")["x-kubernetes-list-map-keys"] == ["mountPath"]


def test_the_types_import_nothing_heavy() -> None:
    allowed = {"pydantic", "pydantic_core", "typing_extensions", "msgspec", "omectl"}
    folder = Path(omectl.api.__file__).parent
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [
            name
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        ]
        outside = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - allowed
        assert outside <= ({"yaml"} if path.parent.name == "crds" else set()), path
