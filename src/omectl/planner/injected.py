"""Containers that pods of OME get from its webhook: here they stand in the plan (4.5, 8.3 and 8.4 of admission).

`model-init` decrypts the base model, `fine-tuned-adapter` fetches a weight; both write into memory that the engine
mounts. Their image and credentials are the operator's settings.
"""

from typing import Final

from omectl.api.document import as_objects, as_text
from omectl.api.installation import SETTINGS_CONFIG_MAP
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import (
    DECRYPTION_KEY_NAME,
    DECRYPTION_SECRET_NAME,
    DISABLE_MODEL_DECRYPTION,
    INJECT_FINE_TUNED_ADAPTER,
    INJECT_MODEL_INIT,
    INJECT_SERVING_SIDECAR,
)
from omectl.api.settings import InjectedContainerSettings
from omectl.planner.accelerators.resources import accelerators_asked
from omectl.planner.component import Component
from omectl.planner.model import ModelView
from omectl.planner.result import PlanRefused, Reason, not_supported
from omectl.planner.weights import FIELD, ServedWeight

MODEL_DIRECTORY: Final = "/opt/ml/model"
IN_MEMORY: Final = "model-empty-dir"
_BASE: Final = "/mnt/model"
_DOWNLOAD: Final = "/mnt/finetuned/download"
_TFEW: Final = "/opt/ml/tfew"
_TENSORRT: Final = "tensorrtllm"
_WORKLOAD_IDENTITY: Final = "OkeWorkloadIdentity"


def wants_model_init(component: Component, weight: ServedWeight | None) -> bool:
    """Whether the base model is to be decrypted into memory; merged weights are served in its place."""
    return component.annotations.get(INJECT_MODEL_INIT) == "true" and not (weight is not None and weight.merged)


def refuse_others(component: Component, weight: ServedWeight | None) -> None:
    """Refuse containers that annotations ask for and pods do not get. Raises `PlanRefused`."""
    annotations = component.annotations
    if annotations.get(INJECT_SERVING_SIDECAR) == "true":
        step = "remove it, and name the weight in spec.model.fineTunedWeights"
        raise not_supported(f"annotation {INJECT_SERVING_SIDECAR}", "an injected container", step)
    named = annotations.get(INJECT_FINE_TUNED_ADAPTER, "")
    if named and (weight is None or weight.name != named):
        step = "remove it, and name the weight in spec.model.fineTunedWeights"
        raise not_supported(f"annotation {INJECT_FINE_TUNED_ADAPTER}", "an injected container", step)


def add_model_init(component: Component, pod: JsonObject, container: JsonObject, model: ModelView, volume: str) -> None:
    """The init container that decrypts the model of that volume. Raises `PlanRefused`."""
    settings = model.settings.model_init
    if settings is None:
        raise _not_configured(f"annotation {INJECT_MODEL_INIT}", "modelInit", f"annotation {INJECT_MODEL_INIT}")
    annotations = component.annotations
    kind = model.format.name if model.format is not None else ""
    plain = kind.lower().replace("_", "").replace("-", "")
    env = [
        ("OME_AGENT_AUTH_TYPE", settings.auth_type),
        ("OME_AGENT_COMPARTMENT_ID", settings.compartment_id),
        ("OME_AGENT_VAULT_ID", settings.vault_id),
        ("OME_AGENT_MODEL_NAME", model.name),
        ("OME_AGENT_KEY_NAME", model.annotations.get(DECRYPTION_KEY_NAME, "")),
        ("OME_AGENT_SECRET_NAME", model.annotations.get(DECRYPTION_SECRET_NAME, "")),
        ("OME_AGENT_DISABLE_MODEL_DECRYPTION", annotations.get(DISABLE_MODEL_DECRYPTION) or "false"),
        ("OME_AGENT_MODEL_TYPE", "Serving"),
        ("OME_AGENT_LOCAL_PATH", _BASE),
        ("OME_AGENT_MODEL_STORE_DIRECTORY", MODEL_DIRECTORY),
        ("OME_AGENT_REGION", settings.region),
        ("OME_AGENT_MODEL_FRAMEWORK", plain),
    ]
    if plain == _TENSORRT:
        count = accelerators_asked(container)
        if not count:
            message = (
                f"{component.name}: a model of format {kind} is made for a number of GPUs, and its pods ask for none"
            )
            raise PlanRefused(Reason.INVALID_SPEC, message, "have the runner ask for GPUs")
        version = (model.format.version or "") if model.format is not None else ""
        env += [("OME_AGENT_TENSORRTLLM_VERSION", version), ("OME_AGENT_NUM_OF_GPU", str(count))]
    store: JsonObject = {"name": IN_MEMORY, "mountPath": MODEL_DIRECTORY}
    if model.weight is not None and model.weight.few:
        store["subPath"] = "base"
    made = _container("model-init", "enigma", settings, container, env)
    made["volumeMounts"] = [store, model.files.mount(volume, _BASE), *(settings.extra_volume_mounts or ())]
    made["env"] = [*as_objects(made["env"]), *(settings.extra_env_vars or ())]
    _add(component, pod, settings, made)


def add_adapter(component: Component, pod: JsonObject, container: JsonObject, model: ModelView) -> None:
    """The init container that fetches the model's weight. Raises `PlanRefused`."""
    weight, settings = model.weight, model.settings.fine_tuned_adapter
    if weight is None or weight.source is None:
        return
    if settings is None:
        raise _not_configured(f"FineTunedWeight {weight.name} in OCI object storage", "fineTunedAdapter", FIELD)
    unzipped: JsonObject = {"name": IN_MEMORY, "mountPath": _TFEW if weight.few else MODEL_DIRECTORY}
    if weight.few:
        unzipped["subPath"] = "finetuned"
    elif model.format is not None and model.format.name == _TENSORRT:
        unzipped["subPath"] = "tensorrt_llm"
    env = [
        ("OME_AGENT_AUTH_TYPE", settings.auth_type),
        ("OME_AGENT_COMPARTMENT_ID", settings.compartment_id),
        ("OME_AGENT_REGION", settings.region),
        ("OME_AGENT_UNZIPPED_FINE_TUNED_WEIGHT_DIRECTORY", as_text(unzipped["mountPath"])),
        ("OME_AGENT_ZIPPED_FINE_TUNED_WEIGHT_DIRECTORY", _DOWNLOAD),
        ("OME_AGENT_MODEL_BUCKET_NAME", weight.source.bucket),
        ("OME_AGENT_MODEL_NAMESPACE", weight.source.namespace),
        ("OME_AGENT_MODEL_OBJECT_NAME", weight.source.path + ("-merged-weight" if weight.merged else "")),
    ]
    made = _container("fine-tuned-adapter", "fine-tuned-adapter", settings, container, env)
    made["volumeMounts"] = [{"name": IN_MEMORY, "mountPath": _DOWNLOAD}, unzipped]
    _add(component, pod, settings, made)


def _container(
    name: str, program: str, settings: InjectedContainerSettings, main: JsonObject, env: list[tuple[str, str]]
) -> JsonObject:
    made: JsonObject = {
        "name": name,
        "image": settings.image,
        "args": [program, "--config", "/ome-agent.yaml", "--debug"],
        "env": [{"name": key, "value": value} if value else {"name": key} for key, value in env],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    asked: dict[str, JsonObject] = {
        "requests": {"cpu": settings.cpu_request, "memory": settings.memory_request},
        "limits": {"cpu": settings.cpu_limit, "memory": settings.memory_limit},
    }
    resources: JsonObject = {}
    for part, amounts in asked.items():
        stated: JsonObject = {key: amount for key, amount in amounts.items() if amount}
        if stated:
            resources[part] = stated
    if resources:
        made["resources"] = resources
    if "securityContext" in main:
        made["securityContext"] = main["securityContext"]
    return made


def _add(component: Component, pod: JsonObject, settings: InjectedContainerSettings, made: JsonObject) -> None:
    """Add an init container behind those of others, unless one of its name is there."""
    if settings.auth_type == _WORKLOAD_IDENTITY:
        if not as_text(pod.get("serviceAccountName")):
            message = f"{component.name}: {_WORKLOAD_IDENTITY} is the identity of a service account, and it names none"
            raise PlanRefused(Reason.INVALID_SPEC, message, f"set spec.{component.name}.serviceAccountName")
        pod["automountServiceAccountToken"] = True
    inits = as_objects(pod.get("initContainers"))
    if all(one.get("name") != made["name"] for one in inits):
        pod["initContainers"] = list[JsonValue]([*inits, made])


def _not_configured(what: str, key: str, field: str) -> PlanRefused:
    message = f"{what} needs an init container of which the settings know nothing"
    fields = "image, compartmentId and authType at least"
    step = f"describe it under the key {key} of ConfigMap {SETTINGS_CONFIG_MAP}: {fields}"
    return PlanRefused(Reason.INVALID_SPEC, message, step, failure="BaseModelNotReady", field=field)
