"""The planner against the recorded answers of the reference: every child, field by field.

The recorded objects carry the API server's defaults, so ours get them before they are compared. What still differs
has to be in `DEVIATIONS`, with the id of the reference's defect and what we do instead.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.codec import decode
from omectl.api.fine_tuned_weight import FineTunedWeight
from omectl.api.inference_service import InferenceService
from omectl.api.installation import SETTINGS_CONFIG_MAP
from omectl.api.quantity import Quantity, QuantityError
from omectl.api.references import ServingRuntimeRef
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.settings import SettingsError, parse_settings
from omectl.planner import LiveState, Plan, PlanInputs, plan, resolve_model

Json = Any
log = logging.getLogger(__name__)
VERSION = "ome.io/v1beta1"
STATES = ("as-shipped", "parsed")
SUPPORTED = {
    "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "Knative Service", "LeaderWorkerSet",
    "PodDisruptionBudget", "RayCluster", "Role", "RoleBinding", "ScaledObject", "Service", "ServiceAccount",
}  # fmt: skip
WORKLOADS = {"Deployment", "Knative Service", "LeaderWorkerSet", "RayCluster"}


@dataclass(frozen=True)
class Deviation:
    """Where we differ from the recorded answer: samples and field paths are regular expressions."""

    defect: str
    sample: str
    path: str
    instead: str


DEVIATIONS = (
    Deviation("D5", "variants/predictor-legacy", r"Service predictor-legacy\.spec\.selector\.component",
              "the stable Service selects the engine's pods only, whatever form the service has"),
    Deviation("D21", ".*", r"Deployment .*\.spec\.template\.metadata\.(labels|annotations)\.(?!omectl\.io).*",
              "of a service's own labels and annotations only those that act on pods reach them"),
    Deviation("12.1 (hostPath)", ".*", r".*\.volumes\[\d+\]\.hostPath\.type",
              "a model's path has the type Directory, so that a missing model is no empty directory"),
    Deviation("12.1 (hostPath)", ".*", r"\w+ .*-router\.spec\..*\.volumes",
              "a router has no volume of the model, which it does not mount and would have to wait for"),
    Deviation("12.2(8)", "variants/acc-.*",
              r".*\.containers\[0\]\.((startup|liveness)Probe|readinessProbe\.(httpGet|tcpSocket|timeoutSeconds))",
              "an engine that is known is asked for its health where nobody states a probe"),
    Deviation("D57", "variants/(finetuned-merged|model-init)", r"Deployment .*\.spec\.template\.spec\.initContainers",
              "the pod has the container that the reference's webhook adds (compared below)"),
    Deviation("D61", "variants/(finetuned-merged|model-init)",
              r"Deployment .*\.spec\.template\.spec\.containers\[0\]\.(env|volumeMounts)",
              "what is brought into memory is mounted, and MODEL_PATH says so"),
    Deviation("D46", "variants/finetuned-merged", r"Deployment .*\.spec\.template\.spec\.nodeSelector",
              "a node selector holds with merged weights too"),
    Deviation("D57", "variants/rdma-annotation",
              r"Deployment .*\.spec\.template\.spec\.(volumes|containers\[0\]\.(env|securityContext|volumeMounts))",
              "the pod has what the reference's webhook adds (compared below)"),
    Deviation("D57", ".*",
              r"LeaderWorkerSet .*Template\.spec\.(volumes|containers\[0\]\.(env|securityContext|volumeMounts))",
              "a group's pods have what the reference's webhook adds for RDMA"),
    Deviation("12.2(8)", "variants/pd-ingress", r"LeaderWorkerSet .*\.leaderTemplate\.spec\..*Probe",
              "an engine that is known is asked for its health where nobody states a probe"),
    Deviation("D7", "variants/pd-ingress", r"Ingress .*\.port\.number", "an Ingress leads to the Service's own port"),
    Deviation("D24/25", "variants/(annotated-pd|pd-ingress)", r".*\.annotations\.ome\.io/deploymentMode",
              "objects carry the mode they are deployed in"),
    Deviation("D24/25", "variants/(multinode|pd)-ingress", r"Ingress .*\.metadata\.annotations",
              "the planner states no mode on an Ingress, which has none"),
    Deviation("D24/25", "variants/(default-serverless|ingress-annotation-enable)",
              r".*\.metadata\.annotations\.ome\.io/deploymentMode",
              "the planner states the mode itself; the reference copies what its admission wrote on the service"),
    Deviation("D24/25", ".*", r"Knative Service .*\.annotations\.ome\.io/deploymentMode",
              "a serverless component says so, also where the reference's admission wrote another mode on the service"),
    Deviation("D21", ".*", r"Knative Service .*\.spec\.template\.metadata\.annotations\.ome\.io/enable-tag-routing",
              "what concerns the traffic makes no new revision"),
    Deviation("D3", "variants/ingress-gateway-api-engine", r"(HTTPRoute|Service) ingress-gateway-api-engine",
              "the route and the stable Service are made; the reference's pass ends before"),
    Deviation("D1", "variants/serverless-(ingress|component-annotation)", r"Service serverless-[a-z-]*",
              "the Service that leads to Knative's gateway stays; the reference deletes it on every other pass"),
    Deviation("D62", ".*", r"Knative Service .*\.(startupProbe|volumes\[\d+\]\.hostPath)",
              "what the recorded Knative dropped silently is asked for; where Knative lacks it, its refusal is told"),
    Deviation("D24/25", ".*", r"(LeaderWorkerSet .*|Service .*-engine\.metadata)\.annotations\.ome\.io/deploymentMode",
              "a component on several nodes says so, also where the reference's admission wrote another mode"),
    Deviation("D4", ".*", r"Service .*-(engine|decoder)\.spec\.selector\.(component|(leaderworkerset|ray|ome)\..*)",
              "the Service of a group selects the leaders of its own groups"),
    Deviation("D5", ".*", r"Service .*\.spec\.selector\.leaderworkerset\.sigs\.k8s\.io/worker-index",
              "the stable Service selects leaders only"),
    Deviation("D38", "variants/queue-volcano", r"(LeaderWorkerSet|Service) [^.]*\.metadata\.labels\..*",
              "the labels for a queue are on the same objects in every mode"),
    Deviation("D21", ".*", r"LeaderWorkerSet .*Template\.metadata\.(labels|annotations)\..*",
              "of a service's own labels and annotations only those that act on pods reach them"),
    Deviation("12.2(7)", ".*",
              r"(Deployment|LeaderWorkerSet|Knative Service|RayCluster) .*\.metadata\.labels\.ome\.io/revision-hash",
              "a workload says what its pods are made of"),
    Deviation("D14", "variants/ray-vllm", r"RayCluster .*\.template\.metadata\.annotations\.omectl\.io/pod-template",
              "the status tells of pods that are older than their cluster"),
    Deviation("D14", "variants/ray-vllm", r"Deployment .*-mnp",
              "no prober: the head's own readiness asks the engine for its health, and KubeRay tells of it"),
    Deviation("D14", "variants/ray-vllm", r"RayCluster .*\.workerGroupSpecs.*\.(liveness|readiness|startup)Probe",
              "nobody asks a worker, which serves nothing, for the engine's health"),
    Deviation("D14", "variants/ray-vllm", r"Service ray-vllm-engine\.spec\.selector\..*",
              "the selector has labels that the heads have"),
    Deviation("D5", "variants/ray-vllm", r"Service ray-vllm\.spec\.selector\.ray\.io/node-type",
              "the stable Service selects heads only"),
    Deviation("D53", "variants/predictor-legacy", r"Deployment .*\.containers\[0\]\.env",
              "protocolVersion of the old form becomes PROTOCOL_VERSION"),
    Deviation("D37", ".*", r"ConfigMap modelconfig\.metadata\.name", "the name holds the whole service name"),
    Deviation("D39", "variants/router-config",
              r"(Role|RoleBinding|ServiceAccount) .*|Deployment .*-router\.spec\.template\.spec\.serviceAccount(Name)?",
              "a service account that the user names is used, not replaced"),
    Deviation("D6", "variants/(ingress-annotation-enable|(multinode|pd)-ingress)",
              r"Service (ingress-annotation-enable|(multinode|pd)-ingress)",
              "the stable Service exists with an Ingress too, so that the address leads somewhere"),
    Deviation("D30", "variants/(ingress-annotation-enable|(multinode|pd)-ingress)", r"Ingress .*\.metadata\.labels.*",
              "the Ingress carries the service's label, so that it can be found and pruned"),
    Deviation("D18", "variants/keda-raw-defaults", r"ScaledObject .*\.triggers\[0\]\.metadata\.(query|threshold)",
              "the default query reads metrics that the engine has, by labels that its pods have"),
    Deviation("D19", "variants/keda-.*", r"ScaledObject .*\.triggers\[0\]\.metadata\.(metricName|operator)",
              "KEDA's Prometheus scaler knows neither; a warning tells of the operator (SCL-5)"),
    Deviation("Q40/Q44 (D 5)", "variants/acc-(bestfit|cheapest|mostcapable)",
              r"Deployment .*\.containers\[0\]\.(env|resources\.(limits|requests)\.nvidia\.com/gpu)",
              "a class gives its unit for every rank, and PARALLELISM_SIZE is told with a class too"),
)  # fmt: skip

REFUSED = {
    "variants/basemodel-no-kind": ("design: paths", "a model's path outside the models root is never mounted"),
    "variants/rdma-unknown-profile": ("4.7", "the service says that there is no such profile, not each pod in vain"),
    "variants/serving-sidecar": ("decision 75", "nobody makes the file by which it would change weights"),
    "variants/pdb-both": ("12.2(8)", "both bounds of a disruption budget are refused before the API server does"),
}
"""Services that the reference half serves, with errors that reach nobody, and we refuse with a reason."""

OTHERWISE = {
    "variants/acc-bestfit-no-constraints": ("Q35 (D-item 12)", "a policy without constraints chooses a class"),
    "isvc/nvidia/llama-3-3-nemotron-super-49b-v1": ("Q26/D55", "a runtime that has the router that is asked for"),
    "variants/bad-default-mode": ("design: settings", "a bad setting leaves the last good one in force"),
    "variants/leader-without-worker": ("D15", "a leader without workers is a group of one"),
    "variants/no-engine": ("Q47", "the runtime's engine is used when the service does not write one"),
    "variants/basemodel-no-kind": ("D26", "one resolver: the default kind also finds the namespace's own model"),
    "variants/auto-select-full-runner": ("D-item 17", "a complete runner works without a matching runtime"),
    "variants/keda-full": ("D56", "scaleMetric takes what KEDA measures by default"),
    "variants/placeholders": ("D52", '{{index .Labels "x"}} is understood'),
}
"""Services that the reference refuses, or serves by half, and we serve."""


class Catalogue:
    """The reference's shipped manifests, in both states."""

    def __init__(self, root: Path) -> None:
        self.root = root
        folder = root / "inputs" / "catalogue"
        self.runtimes = {obj.name: obj for obj in map(decode, documents(folder / "runtimes")) if is_runtime(obj)}
        shipped = {raw["metadata"]["name"]: raw for raw in documents(folder / "models") if "Model" in raw["kind"]}
        stored = msgspec.json.decode((folder / "models-in-state-parsed.json").read_bytes())
        parsed = {name: {**raw, **stored[name]} for name, raw in shipped.items() if name in stored}
        self.models = {
            state: {name: decode(raw) for name, raw in models.items()}
            for state, models in zip(STATES, (shipped, parsed), strict=True)
        }

        (shipped_settings,) = (
            one
            for one in documents(root / "inputs" / "catalogue" / "config")
            if one["metadata"]["name"] == SETTINGS_CONFIG_MAP
        )
        # The recorded manager had no such container, so that no pod of a weight was ever admitted.
        init = shipped_settings["data"]["modelInit"]
        self.settings = parse_settings({"modelInit": init, "fineTunedAdapter": init})

    def plan(self, sample: str, state: str, runtime: str = "", live: Json = None) -> dict[str, Plan]:
        """The plans of a sample's services; with `runtime` they name that one, and these objects are live."""
        folder = "" if sample.startswith("variants/") else "samples"
        settings, extra = self.settings, []
        for one in documents(self.root / "inputs" / folder / sample):
            if one["kind"] == "ConfigMap" and one["metadata"]["name"] == SETTINGS_CONFIG_MAP:
                # Settings that cannot be read leave the last good ones in force.
                with suppress(SettingsError):
                    settings = parse_settings(one["data"])
            elif one["apiVersion"] == VERSION:
                extra.append(decode(one))
        models = [
            *self.models[state].values(),
            *(one for one in extra if isinstance(one, BaseModel | ClusterBaseModel)),
        ]
        by_key = {one.key: one for one in models}
        runtimes = (*self.runtimes.values(), *(one for one in extra if is_runtime(one)))
        plans = {}
        for service in (one for one in extra if isinstance(one, InferenceService)):
            placed = placed_in(service, runtime)
            inputs = PlanInputs(
                service=placed,
                model=resolve_model(placed, by_key.get),
                runtimes=runtimes,
                weights=tuple(one for one in extra if isinstance(one, FineTunedWeight)),
                accelerator_classes=tuple(one for one in extra if isinstance(one, AcceleratorClass)),
                settings=settings,
                live=LiveState({(kind(obj), obj["metadata"]["name"]): obj for obj in live or []}),
            )
            plans[service.name] = plan(inputs)
        return plans


def is_runtime(obj: object) -> bool:
    return isinstance(obj, ServingRuntime | ClusterServingRuntime)


def placed_in(service: InferenceService, runtime: str) -> InferenceService:
    metadata = service.metadata.model_copy(update={"namespace": service.namespace or "default"})
    named = {"runtime": ServingRuntimeRef(name=runtime)} if runtime else {}
    return service.model_copy(update={"metadata": metadata, "spec": service.spec.model_copy(update=named)})


def documents(path: Path) -> list[Json]:
    files = [path] if path.is_file() else sorted(path.rglob("*.yaml"), key=lambda file: str(file).encode())
    loaded = [doc for file in files for doc in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader)]
    return [doc for doc in loaded if doc]


@pytest.fixture(scope="session")
def catalogue(compat_dir: Path) -> Catalogue:
    return Catalogue(compat_dir)


@dataclass
class Score:
    """What was compared, in fields and services."""

    compared: int = 0
    equal: int = 0
    deviating: Counter[str] = None
    unexplained: list[str] = None


def test_every_recorded_child_of_a_supported_shape_is_planned(catalogue: Catalogue) -> None:
    score = Score(deviating=Counter(), unexplained=[])
    shapes: Counter[str] = Counter()
    for sample, state, recorded in results(catalogue.root):
        found = catalogue.plan(sample, state).get(recorded["name"])
        if found is None:  # a benchmark job, or no manifest of the kind at all
            continue
        children = recorded.get("children") or []
        served = any(child["kind"] != "ConfigMap" for child in children)
        name = f"{sample} {state}"
        listed = sample.removesuffix(".yaml") if state == "parsed" else ""
        if listed in REFUSED:
            shapes[f"refused ({REFUSED[listed][0]})"] += 1
            expect(name, found.problem is not None, "a refusal", found, score)
        elif listed in OTHERWISE:
            shapes[f"served otherwise ({OTHERWISE[listed][0]})"] += 1
            expect(name, found.problem is None, "a plan", found, score)
        elif not served:
            shapes["refused alike"] += 1
            expect(name, found.problem is not None, f"a refusal as {told(recorded)}", found, score)
        elif {kind(child) for child in children} - SUPPORTED:
            shapes["not supported yet"] += 1
            expect(name, "not supported yet" in str(found.problem), "a refusal by name", found, score)
        else:
            shapes["supported"] += 1
            chosen = recorded_runtime(children)
            if found.problem is None and found.explanation.runtime != chosen:
                # Another choice (test_planner_selection says why); the objects are compared for the recorded one.
                shapes["of these with another runtime"] += 1
                found = catalogue.plan(sample, state, chosen)[recorded["name"]]
            expect(name, found.problem is None, "a plan", found, score)
            later = (recorded.get("after_available") or {}).get("added_or_changed") or []
            compare(sample, found, [*children, *(one for one in later if one["kind"] == "Ingress")], score)
    log.info("%s; %s of %s fields equal, deviating %s", shapes, score.equal, score.compared, score.deviating)
    assert not score.unexplained, "\n".join(score.unexplained[:60])
    assert shapes["supported"] >= 100


def test_d57_a_pod_with_rdma_is_what_the_references_webhook_makes_of_it(catalogue: Catalogue) -> None:
    sample = "variants/rdma-annotation.yaml"
    recorded = next(one for name, _, one in results(catalogue.root) if name == sample)
    wanted = recorded["pods"][0]["mutated"]["spec"]
    plan = catalogue.plan(sample, "parsed")[recorded["name"]]
    planned = next(with_defaults(obj) for obj in plan.objects if obj["kind"] == "Deployment")["spec"]["template"][
        "spec"
    ]
    container, other = planned["containers"][0], wanted["containers"][0]
    assert container["env"] == other["env"]
    assert container["securityContext"] == other["securityContext"]
    assert mounts(container) == mounts(other)
    assert [volume["name"] for volume in planned["volumes"]] == [volume["name"] for volume in wanted["volumes"]]


def test_d61_the_container_that_decrypts_is_that_of_the_references_webhook(catalogue: Catalogue) -> None:
    sample = "variants/model-init.yaml"
    recorded = next(one for name, _, one in results(catalogue.root) if name == sample)
    (wanted,) = recorded["pods"][0]["mutated"]["spec"]["initContainers"]
    plan = catalogue.plan(sample, "parsed")[recorded["name"]]
    (planned,) = next(obj for obj in plan.objects if obj["kind"] == "Deployment")["spec"]["template"]["spec"][
        "initContainers"
    ]
    default_container(planned)
    assert mounts(planned) == mounts(wanted)
    assert planned["volumeMounts"].pop()["readOnly"]
    assert planned | {"volumeMounts": None} == wanted | {"volumeMounts": None}


def mounts(container: Json) -> list[tuple[str, str]]:
    return [(one["name"], one["mountPath"]) for one in container["volumeMounts"]]


def test_the_route_of_a_serverless_service_is_the_recorded_one(catalogue: Catalogue) -> None:
    name = "serverless-component-annotation"
    ((_, _, recorded),) = (one for one in results(catalogue.root) if one[0].startswith(f"variants/{name}"))
    (wanted,) = (one for one in recorded["after_available"]["added_or_changed"] if one["kind"] == "VirtualService")
    status = recorded["after_available"]["stored"]["status"]
    engine = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-engine"},
        "status": {**status["components"]["engine"], "conditions": [{"type": "Ready", "status": "True"}]},
    }
    found = catalogue.plan(f"variants/{name}.yaml", "parsed", live=[engine])[name]
    (made,) = (obj for obj in found.objects if obj["kind"] == "VirtualService")
    assert made["spec"] == wanted["spec"]
    assert made["metadata"]["name"] == wanted["metadata"]["name"]
    assert (found.status["url"], found.status["address"]) == (status["url"], status["address"])


def results(root: Path) -> Iterator[tuple[str, str, Json]]:
    for file in sorted((root / "answers").rglob("*.json")):
        answer = msgspec.json.decode(file.read_bytes())
        for state, found in answer["states"].items():
            for result in found["results"]:
                yield answer["sample"], state, result


def expect(name: str, met: bool, wanted: str, found: Plan, score: Score) -> None:
    if not met:
        score.unexplained.append(f"{name}: wanted {wanted}, found {found.problem or 'a plan'}")


def told(recorded: Json) -> str:
    return f"{recorded['outcome']} {recorded.get('errors') or recorded.get('error')}"


def kind(child: Json) -> str:
    """The kind, less ambiguous: Knative has a Service too."""
    return f"Knative {child['kind']}" if "knative" in child["apiVersion"] else child["kind"]


def recorded_runtime(children: list[Json]) -> str:
    workload = next(child for child in children if kind(child) in WORKLOADS)
    template = workload["spec"]["template"] if kind(workload) == "Knative Service" else workload
    return template["metadata"]["annotations"]["ome.io/serving-runtime"]


def compare(sample: str, found: Plan, children: list[Json], score: Score) -> None:
    ours = {identity(obj): with_defaults(obj) for obj in found.objects}
    theirs = {identity(child): comparable(child) for child in children if child["metadata"].get("ownerReferences")}
    for key in sorted({*ours, *theirs}):
        for path, wanted, got in leaves(key, theirs.get(key), ours.get(key)):
            score.compared += 1
            if wanted == got or (MISSING not in (wanted, got) and equal(path, wanted, got)):
                score.equal += 1
                continue
            deviation = next(
                (one for one in DEVIATIONS if re.match(one.sample, sample) and re.fullmatch(one.path, path)), None
            )
            if deviation is not None:
                score.deviating[deviation.defect] += 1
            else:
                score.unexplained.append(f"{sample}: {path}: recorded {wanted!r:.160}, planned {got!r:.160}")


MISSING = object()


def leaves(path: str, wanted: Json, got: Json) -> Iterator[tuple[str, Json, Json]]:
    """Every leaf of either document with its value in both; a whole missing part counts once."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in sorted({*wanted, *got}):
            yield from leaves(f"{path}.{key}", wanted.get(key, MISSING), got.get(key, MISSING))
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for index, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from leaves(f"{path}[{index}]", one, other)
    else:
        yield path, wanted, got


def equal(path: str, wanted: Json, got: Json) -> bool:
    if ".resources." in path or "sizeLimit" in path:
        try:
            return Quantity.parse(wanted) == Quantity.parse(got)
        except QuantityError:
            return False
    return False


def identity(obj: Json) -> str:
    """Kind and name; a service has one ConfigMap, whose name differs (D37)."""
    name = "modelconfig" if obj["kind"] == "ConfigMap" else obj["metadata"]["name"]
    return f"{kind(obj)} {name}"


def comparable(child: Json) -> Json:
    child = msgspec.json.decode(msgspec.json.encode(child))
    child.pop("status", None)
    child["metadata"].pop("ownerReferences", None)
    if kind(child) == "Knative Service":
        child["spec"]["template"]["metadata"].pop("creationTimestamp", None)
    elif child["kind"] == "RayCluster":
        for part in ("spec", "status"):  # empty values of a Go structure
            del child["spec"]["headGroupSpec"]["headService"][part]
    elif child["kind"] == "Deployment":
        for container in child["spec"]["template"]["spec"]["containers"]:
            sort_configuration(child, container)
    if child["kind"] == "ConfigMap":
        child["data"]["models.json"] = msgspec.json.decode(child["data"]["models.json"])
    return child


def sort_configuration(deployment: Json, container: Json) -> None:
    """The reference appends a router's configuration in random order (D9)."""
    env = container.get("env")
    if env and deployment["metadata"]["labels"]["component"] == "router":
        env.sort(key=lambda variable: variable["name"])


CONTAINER = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
PROBE = {"failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1}
POD = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
}
SERVICE = {
    "internalTrafficPolicy": "Cluster",
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "sessionAffinity": "None",
}
BEHAVIOR = {
    "scaleDown": {"policies": [{"periodSeconds": 15, "type": "Percent", "value": 100}], "selectPolicy": "Max"},
    "scaleUp": {
        "policies": [
            {"periodSeconds": 15, "type": "Pods", "value": 4},
            {"periodSeconds": 15, "type": "Percent", "value": 100},
        ],
        "selectPolicy": "Max",
        "stabilizationWindowSeconds": 0,
    },
}


def with_defaults(obj: Json) -> Json:
    """The object as the API server would store it."""
    obj = msgspec.json.decode(msgspec.json.encode(obj))
    spec = obj.get("spec", {})
    if kind(obj) == "Knative Service":
        obj["spec"]["template"]["spec"] = without_our_defaults(spec["template"]["spec"])
    elif obj["kind"] == "RayCluster":
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
            group["template"]["spec"] = without_our_defaults(group["template"]["spec"])
        for group in spec["workerGroupSpecs"]:
            group |= {"numOfHosts": 1, "scaleStrategy": {}} | group
    elif obj["kind"] == "LeaderWorkerSet":
        for role in ("leaderTemplate", "workerTemplate"):
            group_pod(spec["leaderWorkerTemplate"][role]["spec"])
    elif obj["kind"] == "Deployment":
        spec |= {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "replicas": 1} | spec
        default_pod(spec["template"]["spec"])
        for container in spec["template"]["spec"]["containers"]:
            sort_configuration(obj, container)
    elif obj["kind"] == "Service":
        spec |= SERVICE | spec
    elif obj["kind"] == "HorizontalPodAutoscaler":
        spec.setdefault("behavior", BEHAVIOR)
    elif obj["kind"] == "ConfigMap":
        obj["data"]["models.json"] = msgspec.json.decode(obj["data"]["models.json"])
    return obj


def without_our_defaults(pod: Json) -> Json:
    """Custom resources get no defaults of the API server, but the pods made of them do: this is the same pod."""
    for container in pod["containers"]:
        if container.get("imagePullPolicy") == "IfNotPresent":
            del container["imagePullPolicy"]
        for port in container.get("ports", []):
            port.setdefault("protocol", "TCP")
    return pod


def group_pod(pod: Json) -> None:
    """Of a group's pods the reference writes the defaults itself; ours also have OME's own names for their group."""
    pod |= {**POD, "securityContext": {}} | pod
    for container in pod["containers"]:
        container |= CONTAINER | container
        container["env"] = [variable for variable in container["env"] if not variable["name"].startswith("OME_")]


def default_pod(pod: Json) -> None:
    pod |= POD | pod
    pod.setdefault("securityContext", {})
    if "serviceAccountName" in pod:
        pod.setdefault("serviceAccount", pod["serviceAccountName"])
    for volume in pod.get("volumes", []):
        if "hostPath" in volume:
            volume["hostPath"].setdefault("type", "")
        for source in ("secret", "configMap"):
            if source in volume:
                volume[source].setdefault("defaultMode", 420)
    for container in pod["containers"]:
        default_container(container)


def default_container(container: Json) -> None:
    container |= CONTAINER | container
    container.setdefault("resources", {})
    for port in container.get("ports", []):
        port.setdefault("protocol", "TCP")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            container[probe] |= PROBE | container[probe]
            if "httpGet" in container[probe]:
                container[probe]["httpGet"].setdefault("scheme", "HTTP")
    for variable in container.get("env", []):
        field = variable.get("valueFrom", {}).get("fieldRef")
        if field is not None:
            field.setdefault("apiVersion", "v1")
