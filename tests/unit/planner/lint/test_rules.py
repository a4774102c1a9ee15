"""Every rule of lint with one thing that it finds and one that it does not (D 27)."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from tests.unit.planner.build import FORMAT, RUNNER, entry
from tests.unit.planner.selection.worlds import World, worlds

from omectl.api.codec import encode
from omectl.planner.lint import RULES, Code, Document, Severity, Source, lint, object_findings

Json = Any
PAGE = Path(__file__).parents[4] / "docs" / "lint.md"
SGLANG = {
    "name": "ome-container",
    "image": "lmsysorg/sglang:v0.5.5",
    "command": ["python3", "-m", "sglang.launch_server"],
}


def obj(kind: str, name: str, spec: Json, **metadata: Json) -> Json:
    return {"apiVersion": "ome.io/v1beta1", "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def runtime(name: str = "r", *entries: Json, kind: str = "ClusterServingRuntime", **spec: Json) -> Json:
    fields = {"supportedModelFormats": list(entries) or [entry()], "engineConfig": {"runner": RUNNER}, **spec}
    return obj(kind, name, {key: value for key, value in fields.items() if value is not None})


def model(**spec: Json) -> Json:
    return obj("ClusterBaseModel", "m", {"storage": {"storageUri": "hf://org/m"}, **spec})


def weight(**parameters: Json) -> Json:
    storage = {"storageUri": "pvc://tuned/w"}
    spec = {"baseModelRef": {"name": "m"}, "modelType": "LoRA", "storage": storage, "hyperParameters": parameters}
    return obj("FineTunedWeight", "w", spec)


def accelerator(**capabilities: Json) -> Json:
    discovery = capabilities.pop("discovery", {"nodeSelector": {"gpu": "h100"}})
    return obj("AcceleratorClass", "h100", {"discovery": discovery, "capabilities": capabilities})


def engine(*args: str, gpus: int = 2, limits: Json = None, **runner: Json) -> Json:
    """An engine of SGLang with these arguments."""
    resources = {"requests": {"nvidia.com/gpu": gpus}, "limits": limits or {"nvidia.com/gpu": gpus}}
    return {"runner": {**SGLANG, "args": list(args), "resources": resources, **runner}}


def group(*args: str, size: int = 1) -> Json:
    """Leader and workers of 2 GPUs each."""
    part = engine(*args)
    return {"leader": part, "worker": {"size": size, **part}}


def router(decoders: str, *more: str) -> Json:
    """A router that looks for decoders by these labels."""
    flags = ["--decode-selector", decoders, "ome.io/inferenceservice=$(NAME)", *more]
    return {"runner": {"name": "router", "image": "router:1", "args": flags, "env": [{"name": "NAME", "value": "x"}]}}


def sized(low: str, high: str) -> Json:
    return {"min": low, "max": high}


def codes(*documents: Json) -> set[Code]:
    return {one.code for one in lint(Document(one) for one in documents)}


ON_NODE = {"hostNetwork": True, "runner": RUNNER}
FAST = entry(modelFormat={**FORMAT, "version": "latest"})
CASES: dict[Code, tuple[list[Json], list[Json]]] = {
    Code.OBJECT_UNREADABLE: ([runtime("r", {**entry(), "autoSelect": 5})], [runtime()]),
    Code.FIELD_UNKNOWN: (
        [runtime("r", entry(autoSelet=True), engineConfig={"runner": {**RUNNER, "imag": "x"}})],
        [runtime()],
    ),
    Code.NAME_INVALID: ([runtime("Llama_8B")], [runtime("llama-8b.v1")]),
    Code.GROUP_INCOMPLETE: ([runtime(engineConfig={"leader": {"runner": RUNNER}})], [runtime(engineConfig=group())]),
    Code.WORKER_SIZE_MISSING: ([runtime(engineConfig=group(size=0))], [runtime(engineConfig=group(size=1))]),
    Code.TOP_LEVEL_IGNORED: ([runtime(tolerations=[{"key": "gpu"}])], [runtime(nodeSelector={"gpu": "yes"})]),
    Code.MODEL_PATH_UNUSED: (
        [runtime(engineConfig={"runner": {**RUNNER, "args": ["--model", "/models/llama"]}})],
        [runtime(engineConfig={"runner": {**RUNNER, "args": ["--model", "$(MODEL_PATH)"]}})],
    ),
    Code.VOLUME_MISSING: (
        [runtime(engineConfig={"runner": {**RUNNER, "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}]}})],
        [runtime()],
    ),
    Code.NAME_MISSING: ([runtime("")], [runtime()]),
    Code.NAME_DEFINED_TWICE: ([runtime(), runtime(modelSizeRange=sized("1B", "2B"))], [runtime(), runtime("s")]),
    Code.SIZE_UNREADABLE: ([runtime(modelSizeRange=sized("7b", "9B"))], [runtime(modelSizeRange=sized("7B", "9B"))]),
    Code.VERSION_UNREADABLE: ([runtime("r", FAST)], [runtime()]),
    Code.QUANTITY_UNREADABLE: ([accelerator(memoryGB="80 GB")], [accelerator(memoryGB="80Gi")]),
    Code.OPERATOR_UNKNOWN: (
        [runtime("r", entry(modelFormat={**FORMAT, "operator": "LessThan"}))],
        [runtime("r", entry(modelFormat={**FORMAT, "operator": "GreaterThan"}))],
    ),
    Code.QUANTIZATION_UNKNOWN: (
        [runtime("r", entry(quantization="FP8"))],
        [runtime("r", entry(quantization="fp8"))],
    ),
    Code.WEIGHT_NOT_POSITIVE: (
        [runtime("r", entry(modelFormat={**FORMAT, "weight": 0}))],
        [runtime("r", entry(modelFormat={**FORMAT, "weight": 1}))],
    ),
    Code.PRIORITY_NOT_POSITIVE: ([runtime("r", entry(priority=0))], [runtime("r", entry(priority=1))]),
    Code.NAME_BLANK: ([runtime("r", entry(modelFormat={"name": ""}))], [runtime()]),
    Code.RANGE_INVERTED: ([runtime(modelSizeRange=sized("9B", "7B"))], [runtime(modelSizeRange=sized("9B", "9B"))]),
    Code.RANGE_MISSES_NAME: (
        [runtime("gpt-oss-20b-grpc", modelSizeRange=sized("115B", "125B"))],
        [runtime("gpt-oss-120b-grpc", modelSizeRange=sized("115B", "125B"))],
    ),
    Code.ENTRY_TAKES_NOTHING: (
        [runtime("r", entry(modelFrameworkVersions=">5,<4"))],
        [runtime("r", entry(modelFrameworkVersions=">4,<5"))],
    ),
    Code.ENTRY_LOSES: (
        [runtime("a", modelSizeRange=sized("1B", "9B")), runtime("b", modelSizeRange=sized("4B", "6B"))],
        [runtime("a", modelSizeRange=sized("1B", "20B")), runtime("b", modelSizeRange=sized("4B", "6B"))],
    ),
    Code.ENTRY_LOSES_IN_OME: (
        [runtime("a", modelSizeRange=sized("4B", "6B")), runtime("b")],
        [runtime("a", modelSizeRange=sized("4B", "6B")), runtime("b", modelSizeRange=sized("7B", "9B"))],
    ),
    Code.ONLY_NAME_DECIDES: ([runtime("a"), runtime("b")], [runtime("a"), runtime("b", entry(priority=2))]),
    Code.NAMESPACE_SHADOWS: (
        [runtime("a"), runtime("b", kind="ServingRuntime")],
        [runtime("a"), runtime("b", entry(modelArchitecture="Qwen2"), kind="ServingRuntime")],
    ),
    Code.PREFILL_AUTO_SELECTABLE: (
        [runtime(decoderConfig={"runner": RUNNER})],
        [runtime("r", entry(autoSelect=False), decoderConfig={"runner": RUNNER})],
    ),
    Code.DECODER_WITHOUT_ROUTER: (
        [runtime(decoderConfig={"runner": RUNNER})],
        [runtime(decoderConfig={"runner": RUNNER}, routerConfig=router("component=decoder"))],
    ),
    Code.ROUTER_MISSES_PODS: (
        [runtime(decoderConfig={"runner": RUNNER}, routerConfig=router("component=engine"))],
        [runtime(decoderConfig={"runner": RUNNER}, routerConfig=router("component=decoder"))],
    ),
    Code.RANKS_DIFFER_FROM_GPUS: (
        [runtime(engineConfig=engine("--tp-size", "4"))],
        [runtime(engineConfig=engine("--tp-size", "2"))],
    ),
    Code.PARALLELISM_UNREADABLE: (
        [runtime(engineConfig=engine("--tp-size", "$(TP)"))],
        [runtime(engineConfig=engine("--tp-size", "$(TP)", env=[{"name": "TP", "value": "2"}]))],
    ),
    Code.POD_LARGER_THAN_A_NODE: (
        [runtime(engineConfig=engine("--tp-size=9", gpus=9))],
        [runtime(engineConfig=engine("--tp-size=8", gpus=8))],
    ),
    Code.DIALECT_UNKNOWN: (
        [runtime(engineConfig=engine(image="engine:1", command=["serve"]))],
        [runtime(engineConfig=engine("--tp-size=2"))],
    ),
    Code.POD_REFUSED: ([runtime(engineConfig={"runner": {"name": "ome-container"}})], [runtime()]),
    Code.VALUE_LOST: (
        [runtime(engineConfig={"runner": {**RUNNER, "args": ["{{.Model}}"]}})],
        [runtime(engineConfig={"runner": {**RUNNER, "args": ["{{.Name}}"]}})],
    ),
    Code.VARIABLE_UNKNOWN: (
        [runtime(engineConfig={"runner": {**RUNNER, "args": ["$(MODEL_DIR)", "$(MODEL_PATH)"]}})],
        [runtime(engineConfig={"runner": {**RUNNER, "args": ["$(MODEL_PATH)", "$$(MODEL_DIR)"]}})],
    ),
    Code.IMAGE_UNTAGGED: (
        [runtime(engineConfig={"runner": {**RUNNER, "image": "host:5000/engine"}})],
        [runtime(engineConfig={"runner": {**RUNNER, "image": "host:5000/engine:1"}})],
    ),
    Code.IMAGE_MOVES: ([runtime(engineConfig={"runner": {**RUNNER, "image": "engine:latest"}})], [runtime()]),
    Code.IMAGE_WITHOUT_DIGEST: (
        [runtime()],
        [runtime(engineConfig={"runner": {**RUNNER, "image": "engine:1@sha256:00"}})],
    ),
    Code.PROBE_PORT_UNKNOWN: (
        [runtime(engineConfig={"runner": {**RUNNER, "readinessProbe": {"httpGet": {"port": "http"}}}})],
        [runtime(engineConfig={"runner": {**RUNNER, "readinessProbe": {"httpGet": {"port": 8080}}}})],
    ),
    Code.PORT_TAKEN_TWICE: (
        [runtime(engineConfig=ON_NODE, decoderConfig=ON_NODE)],
        [runtime(engineConfig=ON_NODE, decoderConfig={"runner": RUNNER})],
    ),
    Code.WEIGHT_UNUSABLE: ([weight(rank=8)], [weight(strategy="lora")]),
    Code.STORAGE_URI_UNREADABLE: ([model(storage={"storageUri": "huggingface.co/m"})], [model()]),
    Code.CLASS_RECOGNISES_NOTHING: ([accelerator(discovery={})], [accelerator()]),
    Code.MEMORY_UNIT_ASSUMED: ([accelerator(memoryGB="80")], [accelerator(memoryGB="80Gi")]),
}


@pytest.mark.parametrize("code", CASES)
def test_a_rule_finds_the_bad_and_leaves_the_good(code: Code) -> None:
    """D 27."""
    bad, good = CASES[code]
    assert code in codes(*bad)
    assert code not in codes(*good)


def test_a_router_of_groups_is_to_find_their_leaders_alone() -> None:
    index = "leaderworkerset.sigs.k8s.io/worker-index=0"
    grouped = group("--tp-size=4")
    missing = runtime(decoderConfig=grouped, routerConfig=router("component=decoder"))
    exact = runtime(decoderConfig=grouped, routerConfig=router("component=decoder", index))
    single = runtime(decoderConfig={"runner": RUNNER}, routerConfig=router("component=decoder", index))
    assert Code.ROUTER_MISSES_PODS in codes(missing)
    assert Code.ROUTER_MISSES_PODS not in codes(exact)
    assert Code.ROUTER_MISSES_PODS in codes(single)


@pytest.mark.parametrize(("port", "odd"), [("8080", False), ("9000", True), ("$(PORT)", False)])
def test_a_router_asks_the_port_that_engine_and_decoder_listen_on(port: str, odd: bool) -> None:
    flags = ["component=decoder", f"--service-discovery-port={port}"]
    found = codes(runtime(decoderConfig={"runner": RUNNER}, routerConfig=router(*flags)))
    assert (Code.ROUTER_MISSES_PODS in found) is odd


def test_every_rule_of_an_object_has_a_case() -> None:
    elsewhere = {Code.DOCUMENT_UNREADABLE, Code.SETTINGS_UNREADABLE}
    assert set(CASES) | elsewhere == set(Code) == set(RULES)


def test_the_page_lists_every_rule() -> None:
    """The rows to write are in the failure's text."""
    wanted = [f"| `{code}` | {rule.severity} | {rule.wrong} | {rule.example} |" for code, rule in RULES.items()]
    assert re.findall(r"^\| `.*$", PAGE.read_text(), re.MULTILINE) == wanted


@pytest.mark.parametrize(
    "annotations",
    [
        {"rdma.ome.io/auto-inject": "true", "rdma.ome.io/profile": "of-the-settings"},
        {"rdma.ome.io/auto-inject": "true", "rdma.ome.io/profile": "oci-roce"},
        {"ome.io/inject-model-init": "true"},
    ],
)
def test_what_a_clusters_settings_may_describe_is_no_finding(annotations: Json) -> None:
    mounts = [{"name": "dshm", "mountPath": "/dev/shm"}] if "rdma.ome.io/auto-inject" in annotations else []
    template = engine("--model-path", "$(MODEL_PATH)", "--tp-size", "2", volumeMounts=mounts)
    assert codes(runtime(engineConfig={"annotations": annotations, **template})) == codes(
        runtime(engineConfig=template)
    ) - {Code.VOLUME_MISSING}


def test_a_broken_object_is_told_with_its_place_and_the_rest_is_linted() -> None:
    broken = Document(runtime("odd", {**entry(), "priority": "x"}), Source("a.yaml", 2))
    found = lint([Document(None, Source("b.yaml", 1), "no YAML"), broken, Document(runtime("r", entry(priority=0)))])
    assert [(one.code, one.source, one.field) for one in found if one.severity is Severity.ERROR] == [
        (Code.DOCUMENT_UNREADABLE, Source("b.yaml", 1), ""),
        (Code.OBJECT_UNREADABLE, Source("a.yaml", 2), "spec.supportedModelFormats[0].priority"),
        (Code.PRIORITY_NOT_POSITIVE, Source(), "spec.supportedModelFormats[0].priority"),
    ]


def test_settings_that_cannot_be_read_are_told() -> None:
    settings = {"kind": "ConfigMap", "metadata": {"name": "inferenceservice-config"}, "data": {"ingress": "{"}}
    assert codes(settings) == {Code.SETTINGS_UNREADABLE}


def test_who_wins_instead_is_told_with_the_reason() -> None:
    """D 27: under the default ranking, and under OME's where that differs."""
    narrow, wide = CASES[Code.ENTRY_LOSES_IN_OME][0]
    found = next(one for one in lint([Document(narrow), Document(wide)]) if one.code is Code.ENTRY_LOSES_IN_OME)
    assert (found.name, found.field) == ("a", "spec.supportedModelFormats[0]")
    assert "runtime b is chosen as OME ranks: the narrower size range, none counting as" in found.found
    assert "Llama, safetensors 1.0.0, transformers 4.43.0, 5B" in found.wanted


def test_a_runtime_without_a_range_may_leave_sizes_to_narrower_ones() -> None:
    assert Code.ENTRY_LOSES not in codes(runtime("a"), runtime("b", modelSizeRange=sized("6B", "8B")))


def test_ranks_are_counted_over_all_pods_of_a_group() -> None:
    good = [runtime(engineConfig=group("--tp-size", "$(PARALLELISM_SIZE)", size=3))]
    assert Code.RANKS_DIFFER_FROM_GPUS not in codes(*good)
    assert Code.PARALLELISM_UNREADABLE not in codes(*good)
    assert Code.RANKS_DIFFER_FROM_GPUS in codes(runtime(engineConfig=group("--tp-size", "2", size=3)))


def test_the_order_of_documents_has_no_influence() -> None:
    documents = [Document(one) for bad, _ in CASES.values() for one in bad[:1]]
    renamed = [
        Document({**one.raw, "metadata": {"name": f"{one.raw['metadata']['name']}-{index}"}}, one.source)
        for index, one in enumerate(documents)
    ]
    assert lint(renamed) == lint(renamed[::-1])


@given(worlds)
def test_nothing_that_the_schema_accepts_makes_it_raise(world: World) -> None:
    """D 27: totality, over runtimes with fields that are plain, missing, odd or wrong."""
    found = lint(Document(encode(one)) for one in world.runtimes)
    assert all(one.code in RULES and one.wanted and one.found and one.do for one in found)
    of_each = {(two.code, two.name, two.field) for one in world.runtimes for two in object_findings(one)}
    assert of_each <= {(one.code, one.name, one.field) for one in found}


def test_workers_on_ray_need_no_pod_of_their_own() -> None:
    part: Json = {"leader": engine(), "worker": {"size": 1}}
    assert Code.POD_REFUSED in codes(runtime(engineConfig=part))
    on_ray = {**part, "annotations": {"ome.io/deploymentMode": "MultiNodeRayVLLM"}}
    assert Code.POD_REFUSED not in codes(runtime(engineConfig=on_ray))
