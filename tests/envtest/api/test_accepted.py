"""What a real API server makes of documents: defaults, pruning, and what it leaves alone."""

from typing import cast

import pytest
from tests.envtest.api.vectors import COMPLETE, changed

from omectl.api.codec import TYPES
from omectl.api.json import JsonObject, JsonValue
from omectl.kube.client import Client
from omectl.kube.errors import BadRequest, Invalid

DEFAULTED: list[tuple[str, str, JsonValue, str, JsonValue]] = [
    (
        "BaseModel",
        "spec.modelFormat",
        {"name": "f"},
        "spec.modelFormat",
        {"name": "f", "operator": "Equal", "weight": 1},
    ),
    ("BaseModel", "spec.modelFramework", {"name": "f"}, "spec.modelFramework.operator", "Equal"),
    ("BaseModel", "spec.modelFramework", {"name": "f"}, "spec.modelFramework.weight", 1),
    ("ClusterServingRuntime", "spec.disabled", False, "spec.supportedModelFormats.0.modelFormat.operator", "Equal"),
    ("ClusterServingRuntime", "spec.disabled", False, "spec.supportedModelFormats.0.modelFramework.weight", 1),
    ("InferenceService", "spec.model", {"name": "m"}, "spec.model.kind", "ClusterBaseModel"),
    ("InferenceService", "spec.model", {"name": "m"}, "spec.model.apiGroup", "ome.io"),
    ("InferenceService", "spec.runtime", {"name": "r"}, "spec.runtime.kind", "ClusterServingRuntime"),
    ("InferenceService", "spec.runtime", {"name": "r"}, "spec.runtime.apiGroup", "ome.io"),
    (
        "InferenceService",
        "spec.kedaConfig.authenticationRef",
        {"name": "a"},
        "spec.kedaConfig.authenticationRef.kind",
        "TriggerAuthentication",
    ),
    ("AcceleratorClass", "spec.resources", [{"name": "x"}], "spec.resources.0.quantity", "1"),
    (
        "InferenceService",
        "spec.engine.runner.ports",
        [{"containerPort": 1}],
        "spec.engine.runner.ports.0.protocol",
        "TCP",
    ),
    (
        "ClusterServingRuntime",
        "spec.engineConfig.runner.ports",
        [{"containerPort": 1}],
        "spec.engineConfig.runner.ports.0.protocol",
        "TCP",
    ),
    (
        "InferenceService",
        "spec.engine.runner.livenessProbe",
        {"grpc": {"port": 1}},
        "spec.engine.runner.livenessProbe.grpc.service",
        "",
    ),
    ("InferenceService", "spec.engine.imagePullSecrets", [{}], "spec.engine.imagePullSecrets.0.name", ""),
    (
        "InferenceService",
        "spec.engine.runner.env",
        [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "k"}}}],
        "spec.engine.runner.env.0.valueFrom.secretKeyRef.name",
        "",
    ),
    (
        "InferenceService",
        "spec.engine.volumes",
        [{"name": "v", "rbd": {"image": "i", "monitors": []}}],
        "spec.engine.volumes.0.rbd",
        {"image": "i", "monitors": [], "keyring": "/etc/ceph/keyring", "pool": "rbd", "user": "admin"},
    ),
    (
        "InferenceService",
        "spec.engine.volumes",
        [{"name": "v", "azureDisk": {"diskName": "d", "diskURI": "u"}}],
        "spec.engine.volumes.0.azureDisk",
        {"diskName": "d", "diskURI": "u", "fsType": "ext4", "readOnly": False},
    ),
    (
        "InferenceService",
        "spec.engine.volumes",
        [{"name": "v", "scaleIO": {"gateway": "g", "system": "s", "secretRef": {}}}],
        "spec.engine.volumes.0.scaleIO",
        {
            "gateway": "g",
            "system": "s",
            "secretRef": {"name": ""},
            "fsType": "xfs",
            "storageMode": "ThinProvisioned",
        },
    ),
    (
        "InferenceService",
        "spec.engine.volumes",
        [{"name": "v", "iscsi": {"iqn": "i", "lun": 0, "targetPortal": "t"}}],
        "spec.engine.volumes.0.iscsi.iscsiInterface",
        "default",
    ),
]


def document(kind: str, name: str = "x", namespace: str = "default") -> JsonObject:
    metadata: JsonObject = {"name": name}
    if TYPES[kind].resource_kind.namespaced:
        metadata["namespace"] = namespace
    return {"apiVersion": "ome.io/v1beta1", "kind": kind, "metadata": metadata, "spec": COMPLETE[kind]}


def at(value: JsonValue, path: str) -> JsonValue:
    for step in path.split("."):
        value = cast("list[JsonValue]", value)[int(step)] if step.isdigit() else cast("JsonObject", value)[step]
    return value


async def stored(client: Client, kind: str, path: str, value: JsonValue) -> JsonObject:
    """What the server would store of a complete document with this value in it."""
    return await client.create(TYPES[kind].resource_kind, changed(document(kind), path, value), dry_run=True)


@pytest.mark.parametrize(("kind", "path", "value", "where", "expected"), DEFAULTED, ids=lambda item: str(item)[:40])
async def test_a_default_is_filled_in(
    client: Client, kind: str, path: str, value: JsonValue, where: str, expected: JsonValue
) -> None:
    assert at(await stored(client, kind, path, value), where) == expected


async def test_defaults_of_a_services_status_are_filled_in(client: Client, namespace: str) -> None:
    kind = TYPES["InferenceService"].resource_kind
    await client.create(kind, document("InferenceService", "x", namespace))
    status: JsonObject = {"modelStatus": {"modelRevisionStates": {}, "modelCopies": {}}}
    written = await client.merge_patch(kind, "x", {"status": status}, namespace, subresource="status")
    assert written["status"] == {
        "modelStatus": {
            "transitionStatus": "UpToDate",
            "modelRevisionStates": {"activeModelState": "Pending", "targetModelState": ""},
            "modelCopies": {"failedCopies": 0},
        }
    }


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("BaseModel", "spec.storage.storageKey", "token"),
        ("BaseModel", "spec.surprise", 1),
        ("BaseModel", "spec.storage.nodeAffinity.surprise", {}),
        ("InferenceService", "spec.minReplicas", 1),
        ("InferenceService", "spec.model.modelName", "x"),
        ("InferenceService", "spec.engine.ephemeralContainers", [{"name": "debug"}]),
        ("InferenceService", "spec.engine.resources", {"limits": {"cpu": "1"}}),
        ("InferenceService", "spec.engine.runner.restartPolicyRules", []),
        ("ClusterServingRuntime", "spec.supportedModelFormats[0].modelSizeRange", {}),
        ("ClusterServingRuntime", "spec.subdomain", "x"),
        ("BenchmarkJob", "spec.podOverride.command", ["x"]),
        ("AcceleratorClass", "spec.capabilities.memory", "80Gi"),
        ("FineTunedWeight", "spec.modelFormat", {"name": "x"}),
    ],
)
async def test_an_unknown_field_is_pruned_and_refused_under_strict_validation(
    client: Client, kind: str, path: str, value: JsonValue
) -> None:
    answer = await stored(client, kind, path, value)
    with pytest.raises((KeyError, IndexError)):
        at(answer, path.replace("[0]", ".0"))
    with pytest.raises(BadRequest, match="unknown field"):
        await client.create(
            TYPES[kind].resource_kind, changed(document(kind), path, value), dry_run=True, validation="Strict"
        )


async def test_the_metadata_of_a_claim_template_is_pruned(client: Client) -> None:
    claim: JsonObject = {"metadata": {"labels": {"a": "b"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    volumes: JsonValue = [{"name": "v", "ephemeral": {"volumeClaimTemplate": claim}}]
    answer = await stored(client, "InferenceService", "spec.engine.volumes", volumes)
    assert at(answer, "spec.engine.volumes.0.ephemeral.volumeClaimTemplate.metadata") == {}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("BaseModel", "spec.modelConfiguration"),
        ("FineTunedWeight", "spec.hyperParameters"),
        ("FineTunedWeight", "spec.configuration"),
    ],
)
async def test_free_form_objects_keep_everything(client: Client, kind: str, path: str) -> None:
    value: JsonObject = {"a": {"b": [1, 2.5, None, {"c": "d"}]}, "e": None}
    assert at(await stored(client, kind, path, value), path) == value


async def test_the_status_of_a_service_keeps_unknown_fields(client: Client, namespace: str) -> None:
    kind = TYPES["InferenceService"].resource_kind
    await client.create(kind, document("InferenceService", "x", namespace))
    written = await client.merge_patch(kind, "x", {"status": {"plan": {"a": 1}}}, namespace, subresource="status")
    assert written["status"] == {"plan": {"a": 1}}


async def test_the_status_of_a_runtime_is_pruned(client: Client) -> None:
    raw = document("ClusterServingRuntime") | {"status": {"ready": True}}
    answer = await client.create(TYPES["ClusterServingRuntime"].resource_kind, raw, dry_run=True)
    assert answer["status"] == {}


async def test_the_status_of_a_model_has_our_fields(client: Client, namespace: str) -> None:
    kind = TYPES["BaseModel"].resource_kind
    await client.create(kind, document("BaseModel", "x", namespace))
    status: JsonObject = {
        "state": "In_Transit",
        "observedGeneration": 1,
        "progress": {
            "phase": "downloading",
            "nodesWanted": 2,
            "nodesReady": 0,
            "totalBytes": 10**13,
            "completedBytes": 1,
            "bytesPerSecond": 1,
        },
        "facts": {
            "architecture": "BertModel",
            "parameterCount": 22_713_216,
            "framework": {"name": "transformers", "version": "4.1.0"},
            "capabilities": ["EMBEDDING"],
            "diffusionPipeline": {"a": {"b": 1}},
            "filled": ["modelArchitecture"],
        },
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "reason": "Downloading",
                "message": "2 nodes wanted",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
                "observedGeneration": 1,
            }
        ],
    }
    written = await client.merge_patch(kind, "x", {"status": status}, namespace, subresource="status")
    assert written["status"] == status


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("InferenceService", "spec.engine", {}),
        ("InferenceService", "spec.engine.runner", {"image": "i"}),
        ("InferenceService", "spec.engine.runner", {"livenessProbe": {"httpGet": {}, "tcpSocket": {}}}),
        ("InferenceService", "spec.predictor.model", {"readinessProbe": {"httpGet": {}, "tcpSocket": {}}}),
        ("InferenceService", "spec.router.containers", [{"name": "a", "readinessProbe": {"httpGet": {}}}]),
        ("InferenceService", "spec.engine.os", {}),
        ("InferenceService", "spec.kedaConfig.authenticationRef", {}),
        ("InferenceService", "spec.engine.restartPolicy", "Whenever"),
        ("InferenceService", "spec.engine.minAvailable", "50%"),
        ("InferenceService", "spec.engine.maxUnavailable", 1),
        ("InferenceService", "spec.decoder.minReplicas", -1),
        ("InferenceService", "spec.engine.leader.ephemeralContainers", [{"name": "debug"}]),
        ("InferenceService", "spec.engine.tolerations", [{"operator": "Exists"}, {"operator": "Exists"}]),
        ("InferenceService", "spec.model.kind", "FineTunedWeight"),
        ("ClusterServingRuntime", "spec.engineConfig.ephemeralContainers", [{"name": "debug"}]),
        ("ClusterServingRuntime", "spec.supportedModelFormats[0].priority", 1),
        ("ClusterServingRuntime", "spec.supportedModelFormats[0].modelFormat.operator", "LessThan"),
        ("ClusterServingRuntime", "spec.acceleratorRequirements.minMemory", 0),
        ("BaseModel", "spec.modelFormat", {"name": ""}),
        ("BaseModel", "spec.modelCapabilities", ["ANY", "ANY"]),
        ("BaseModel", "spec.quantization", "int3"),
        ("AcceleratorClass", "spec.capabilities", {"memoryGB": 80, "memoryBandwidthGBps": "3.35k"}),
        ("AcceleratorClass", "spec.resources", [{"name": "x", "quantity": 1}, {"name": "x", "quantity": "500m"}]),
        ("AcceleratorClass", "spec.cost", {"perHour": "2.5", "tier": "huge"}),
        ("BenchmarkJob", "spec.numConcurrency", [1, 2]),
        ("BenchmarkJob", "spec.podOverride.volumes", [{"name": "a"}, {"name": "a"}]),
        ("BenchmarkJob", "spec.endpoint", {}),
    ],
)
async def test_what_the_reference_accepts_is_accepted(client: Client, kind: str, path: str, value: JsonValue) -> None:
    await client.create(
        TYPES[kind].resource_kind, changed(document(kind), path, value), dry_run=True, validation="Strict"
    )


async def test_the_number_that_kubectl_scales_is_no_negative_one(client: Client) -> None:
    """Of the field behind the scale subresource the API server takes no other, so that we differ from the reference."""
    raw = changed(document("InferenceService"), "spec.engine.minReplicas", -1)
    with pytest.raises(Invalid, match="should be a non-negative integer"):
        await client.create(TYPES["InferenceService"].resource_kind, raw, dry_run=True)


@pytest.mark.parametrize("kind", sorted(TYPES))
async def test_a_document_without_a_spec_is_accepted(client: Client, kind: str) -> None:
    raw = document(kind)
    del raw["spec"]
    await client.create(TYPES[kind].resource_kind, raw, dry_run=True, validation="Strict")
