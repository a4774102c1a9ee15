"""Small objects for the planner's tests: a model, runtimes that fit it, services, and what is live."""

from typing import Any

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.codec import decode_as
from omectl.api.inference_service import InferenceService
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.planner import LiveState, Plan, PlanInputs, plan
from omectl.planner.inputs import kind_of

Json = Any
Runtime = ServingRuntime | ClusterServingRuntime

FORMAT = {"name": "safetensors", "version": "1.0.0"}
FRAMEWORK = {"name": "transformers", "version": "4.43.0"}
RUNNER = {"name": "ome-container", "image": "engine:1", "args": ["--x"], "ports": [{"containerPort": 8080}]}
NAMESPACE = "team"


def model(name: str = "m", *, namespace: str = "", status: Json = None, **spec: Json) -> BaseModel | ClusterBaseModel:
    """M0 of the selection sheet; a field of None is left out."""
    fields = {
        "modelFormat": FORMAT,
        "modelFramework": FRAMEWORK,
        "modelArchitecture": "Llama",
        "modelParameterSize": "8B",
        "storage": {"storageUri": "hf://org/m", "path": "/raid/models/m"},
        "vendor": "org",
        **spec,
    }
    raw: Json = {"metadata": {"name": name}, "spec": present(fields)}
    if status is not None:
        raw["status"] = status
    if namespace:
        raw["metadata"]["namespace"] = namespace
        return decode_as(BaseModel, raw)
    return decode_as(ClusterBaseModel, raw)


def entry(**changes: Json) -> Json:
    """E0 of the selection sheet; a change of None leaves the field out."""
    fields = {"modelFormat": FORMAT, "modelFramework": FRAMEWORK, "modelArchitecture": "Llama", "autoSelect": True}
    return present({**fields, **changes})


def runtime(name: str, *entries: Json, namespace: str = "", **spec: Json) -> Runtime:
    """A runtime with an engine of one container."""
    fields = {"supportedModelFormats": list(entries), "engineConfig": {"runner": RUNNER}, **spec}
    raw: Json = {"metadata": {"name": name}, "spec": present(fields)}
    if namespace:
        raw["metadata"]["namespace"] = namespace
        return decode_as(ServingRuntime, raw)
    return decode_as(ClusterServingRuntime, raw)


def service(name: str = "svc", *, metadata: Json = None, status: Json = None, **spec: Json) -> InferenceService:
    """A service of model `m` with an engine as in the runtime."""
    fields = {"model": {"name": "m"}, "engine": {}, **spec}
    raw: Json = {"metadata": {"name": name, "namespace": NAMESPACE, **(metadata or {})}, "spec": present(fields)}
    if status is not None:
        raw["status"] = status
    return decode_as(InferenceService, raw)


def made(asked: InferenceService | None = None, *runtimes: Runtime, live: Json = None, **inputs: Any) -> Plan:
    """The plan of a service for model M0 and, without others, one runtime that fits it."""
    return plan(inputs_for(asked, *runtimes, live=live, **inputs))


def inputs_for(
    asked: InferenceService | None = None, *runtimes: Runtime, live: Json = None, **inputs: Any
) -> PlanInputs:
    """What that plan is made from."""
    given = {"model": model(), "runtimes": runtimes or (runtime("r", entry()),), **inputs}
    state = LiveState({(kind_of(obj), obj["metadata"]["name"]): obj for obj in live or []})
    return PlanInputs(service=asked or service(), live=state, **given)


def child(found: Plan, kind: str, name: str = "") -> Json:
    """The planned object of that kind (and name)."""
    matching = [obj for obj in found.objects if obj["kind"] == kind and name in ("", obj["metadata"]["name"])]
    assert len(matching) == 1, f"{kind} {name}: {[obj['metadata']['name'] for obj in matching]} {found.problem}"
    return matching[0]


def pod_of(found: Plan, component: str = "engine") -> Json:
    """The pod of a component's Deployment."""
    return child(found, "Deployment", f"svc-{component}")["spec"]["template"]["spec"]


def container_of(found: Plan, component: str = "engine", name: str = "") -> Json:
    """A container of that pod, the last without a name."""
    containers = pod_of(found, component)["containers"]
    return next((one for one in containers if one["name"] == name), containers[-1])


def values(container: Json) -> dict[str, str]:
    """The container's environment, less what has no plain value."""
    return {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}


def live_deployment(component: str = "engine", **conditions: tuple[str, str, str]) -> Json:
    """A live Deployment; each condition is status, reason, message."""
    written = [
        {"type": kind, "status": status, "reason": reason, "message": message}
        for kind, (status, reason, message) in conditions.items()
    ]
    return {
        "kind": "Deployment",
        "metadata": {
            "name": f"svc-{component}",
            "labels": {"component": component},
            "annotations": {"deployment.kubernetes.io/revision": "3"},
        },
        "status": {"conditions": written, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1},
    }


def live_pod(name: str = "p", component: str = "engine", **status: Json) -> Json:
    """A live pod of a component."""
    labels = {"app": f"svc-{component}"}
    return {"kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels}, "status": status}


def condition(found: Plan, kind: str) -> Json:
    """A condition of the planned status."""
    return next((one for one in found.status["conditions"] if one["type"] == kind), None)


def present(fields: Json) -> Json:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def accelerator(name: str, *, resources: Json = None, **discovery: Json) -> AcceleratorClass:
    """A class of NVIDIA accelerators, recognised by a node label of its name."""
    spec: Json = {
        "discovery": {"nodeSelector": {"gpu": name}, **discovery},
        "capabilities": {"memoryGB": "80Gi"},
        "resources": resources if resources is not None else [{"name": "nvidia.com/gpu", "quantity": "1"}],
    }
    return decode_as(AcceleratorClass, {"metadata": {"name": name}, "spec": spec})


def with_class(engine: Json = None, template: Json = None, config: Json = None, **given: Any) -> Plan:
    """The plan of a service that names class `h100`: its engine, the runtime's, what the entry says of the class."""
    classes = given.pop("accelerator_classes", (accelerator("h100"),))
    fields = given.pop("runtime_fields", {})
    taken = runtime(
        "r",
        entry(acceleratorConfig={"h100": config} if config is not None else None),
        engineConfig=template if template is not None else {"runner": RUNNER},
        acceleratorRequirements={"acceleratorClasses": ["h100"]},
        **fields,
    )
    asked = service(engine=engine or {}, acceleratorSelector={"acceleratorClass": "h100"}, **given.pop("spec", {}))
    return made(asked, taken, accelerator_classes=classes, **given)
