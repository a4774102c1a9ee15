"""The operator's settings: ConfigMap `inferenceservice-config`."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from omectl.api.installation import DEFAULT_MODELS_ROOT, SETTINGS_CONFIG_MAP
from omectl.api.json import JsonValue
from omectl.api.quantity import Quantity

_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_HOST: Final = 253
_NAMESPACED_NAME: Final = re.compile(rf"{_LABEL}/{_LABEL}(\.{_LABEL})*")


class SettingsError(ValueError):
    """A document of the settings ConfigMap cannot be used. `field` is "" when the whole document is meant."""

    def __init__(self, key: str, field: str, found: str, wanted: str) -> None:
        self.key, self.field, self.found, self.wanted = key, field, found, wanted
        super().__init__(key, field, found, wanted)

    def __str__(self) -> str:
        where = f"key {self.key}" + (f", field {self.field}" if self.field else "")
        return (
            f"ConfigMap {SETTINGS_CONFIG_MAP}, {where}: wanted {self.wanted}, found {self.found}; correct the ConfigMap"
        )


def _quantity(text: str) -> str:
    if text:
        Quantity.parse(text)
    return text


def _absolute_path(text: str) -> str:
    if not text.startswith("/") or any(part in ("", ".", "..") for part in text[1:].split("/")) or "\0" in text:
        raise PydanticCustomError("absolute_path", "an absolute path without '.', '..' or a slash at its end")
    return text


def _domain(text: str) -> str:
    if len(text) > _LONGEST_HOST or not _DOMAIN.fullmatch(text):
        raise PydanticCustomError("domain", "a domain such as example.com")
    return text


def _gateway(text: str) -> str:
    if text and not _NAMESPACED_NAME.fullmatch(text):
        raise PydanticCustomError("gateway", "namespace/name of a Gateway, or nothing")
    return text


QuantitySetting = Annotated[str, AfterValidator(_quantity)]


class SettingsPart(BaseModel):
    """One JSON document. Unknown fields are ignored, as OME does."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        alias_generator=to_camel,
        defer_build=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
    )


class IngressSettings(SettingsPart):
    """How services are reached. The values here are what holds for a field that the document lacks."""

    ingress_gateway: str = Field(min_length=1)
    ingress_service: str = Field(min_length=1)
    local_gateway: str = ""
    local_gateway_service: str = ""
    knative_local_gateway_service: str = ""
    ome_ingress_gateway: Annotated[str, AfterValidator(_gateway)] = ""
    ingress_domain: Annotated[str, AfterValidator(_domain)] = "example.com"
    ingress_class_name: str | None = None
    tls_secret_name: str = ""
    """The Secret with the certificate of an Ingress, in the service's namespace; "" for none. Only we have it."""
    additional_ingress_domains: tuple[Annotated[str, AfterValidator(_domain)], ...] | None = None
    domain_template: str = "{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}"
    url_scheme: Literal["http", "https"] = "http"
    disable_istio_virtual_host: bool = False
    path_template: str = ""
    disable_ingress_creation: bool = False
    enable_gateway_api: bool = Field(default=False, alias="enableGatewayAPI")

    @field_validator("enable_gateway_api")
    @classmethod
    def _with_a_gateway(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("ome_ingress_gateway") == "":
            raise PydanticCustomError("no_gateway", "omeIngressGateway, namespace/name of a Gateway, beside true")
        return value


class DeploySettings(SettingsPart):
    """How components are deployed when nothing else says it."""

    default_deployment_mode: Literal["RawDeployment", "Serverless"]


class MetricsAggregatorSettings(SettingsPart):
    """Defaults of two pod annotations; texts, not booleans."""

    enable_metric_aggregation: str = ""
    enable_prometheus_scraping: str = ""


class InjectedContainerSettings(SettingsPart):
    """An init container or side-car that pods may ask for."""

    image: str = Field(min_length=1)
    memory_request: QuantitySetting = ""
    memory_limit: QuantitySetting = ""
    cpu_request: QuantitySetting = ""
    cpu_limit: QuantitySetting = ""
    compartment_id: str = Field(min_length=1)
    auth_type: str = Field(min_length=1)
    region: str = ""


class ModelInitSettings(InjectedContainerSettings):
    """The init container that decrypts models."""

    vault_id: str = Field(min_length=1)
    extra_volume_mounts: tuple[dict[str, JsonValue], ...] | None = None
    extra_env_vars: tuple[dict[str, JsonValue], ...] | None = None


class ServingSidecarSettings(InjectedContainerSettings):
    """The side-car that follows fine-tuned weights."""

    realm_domain_component: str = ""


class MultinodeProberSettings(SettingsPart):
    """The prober of a Ray cluster. Times are seconds."""

    image: str = ""
    memory_request: QuantitySetting = ""
    memory_limit: QuantitySetting = ""
    cpu_request: QuantitySetting = ""
    cpu_limit: QuantitySetting = ""
    startup_failure_threshold: int = 0
    startup_period_seconds: int = 0
    startup_timeout_seconds: int = 0
    startup_initial_delay_seconds: int = 0
    unavailable_threshold_seconds: int = 0


class KedaSettings(SettingsPart):
    """What holds for KEDA's triggers when neither service nor runtime says it. `enableKeda` is no switch for all."""

    prom_server_address: str = ""
    custom_prom_query: str = ""
    scaling_threshold: str = ""
    """Goes with `custom_prom_query`; named queries have thresholds of their own."""


class SelectionSettings(SettingsPart):
    """How a runtime is chosen. Only omectl reads this, so an unknown field is a slip and refused."""

    model_config = ConfigDict(extra="forbid")

    ranking: Literal["default", "ome"] = "default"
    """`ome` ranks the runtimes that fit as OME does."""
    strict: StrictBool = False
    """Refuse a choice that only a name decides, a named runtime that does not list the model, and of the others those
    whose accelerators would not do."""


class RdmaProfile(SettingsPart):
    """What a pod needs to use RDMA on some kind of machine. Only omectl reads this, so an unknown field is refused.

    `devices` is a directory of device files on the node, which only a privileged container can open; `resources` are
    devices that a device plugin gives, by name.
    """

    model_config = ConfigDict(extra="forbid")

    env: Mapping[str, str] = Field(default_factory=dict[str, str])
    capabilities: tuple[str, ...] = ("IPC_LOCK",)
    privileged: StrictBool = False
    devices: Annotated[str, AfterValidator(_absolute_path)] | Literal[""] = ""
    resources: Mapping[str, QuantitySetting] = Field(default_factory=dict[str, str])


class PickerSettings(SettingsPart):
    """The endpoint picker that omectl runs for each InferencePool: a build of the Inference Extension's."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(min_length=1)
    args: tuple[str, ...] = ("--tracing=false", "--metrics-endpoint-auth=false")
    """Besides those that name its pool. To ask who reads its metrics it would need rights on the whole cluster."""
    cpu_request: QuantitySetting = "100m"
    memory_request: QuantitySetting = "256Mi"
    memory_limit: QuantitySetting = ""


class InferencePoolSettings(SettingsPart):
    """Pools of pods behind HTTPRoutes. Only omectl reads this, so an unknown field is refused.

    Each pool needs a picker of its own: `service` is the template of the name of a Service that is there already, with
    `:port` behind it for another one than 9002; `picker` is what omectl makes instead.
    """

    model_config = ConfigDict(extra="forbid")

    enabled: StrictBool = False
    """For services that do not say it themselves, and that have nothing else to pick pods."""
    service: str = ""
    picker: PickerSettings | None = None
    failure_mode: Literal["FailClose", "FailOpen"] = "FailClose"

    @field_validator("picker")
    @classmethod
    def _one_of_them(cls, value: PickerSettings | None, info: ValidationInfo) -> PickerSettings | None:
        if value is not None and info.data.get("service"):
            raise PydanticCustomError("two_pickers", "a picker or a service, not both")
        return value


class IngressRewriteSettings(SettingsPart):
    """How the controller of Ingresses takes a path off, which an Ingress cannot say. Only omectl reads this.

    `annotations` stand on the Ingress of a `pathTemplate`, where `{{ .Path }}`, `{{ .Name }}` and `{{ .Namespace }}`
    are filled; `suffix` stands behind the path in its rule, which then is the controller's own to read.
    """

    model_config = ConfigDict(extra="forbid")

    annotations: Mapping[str, str] = Field(min_length=1)
    suffix: str = ""


class OmectlSettings(SettingsPart):
    """What only this operator has."""

    models_root: Annotated[str, AfterValidator(_absolute_path)] = DEFAULT_MODELS_ROOT
    """The directory on every node that all models lie under."""
    selection: SelectionSettings = Field(default_factory=SelectionSettings)
    rdma_profiles: Mapping[str, RdmaProfile] = Field(default_factory=dict[str, RdmaProfile])
    """By name, beside those that are built in and instead of one of the same name."""
    inference_pool: InferencePoolSettings = Field(default_factory=InferencePoolSettings)
    ingress_rewrite: IngressRewriteSettings | None = None


def _shipped_ingress() -> IngressSettings:
    return IngressSettings(
        ingress_gateway="knative-serving/knative-ingress-gateway",
        ingress_service="istio-ingressgateway.istio-system.svc.cluster.local",
        local_gateway="knative-serving/knative-local-gateway",
        local_gateway_service="knative-local-gateway.istio-system.svc.cluster.local",
        knative_local_gateway_service="knative-local-gateway.istio-system.svc.cluster.local",
        ingress_domain="svc.cluster.local",
        ingress_class_name="istio",
        disable_ingress_creation=True,
    )


def _shipped_prober() -> MultinodeProberSettings:
    return MultinodeProberSettings(
        image="ghcr.io/moirai-internal/multinode-prober:v0.1.5",
        memory_request="100Mi",
        memory_limit="100Mi",
        cpu_request="100m",
        cpu_limit="100m",
        startup_failure_threshold=150,
        startup_period_seconds=30,
        startup_timeout_seconds=60,
        startup_initial_delay_seconds=200,
        unavailable_threshold_seconds=1800,
    )


class Settings(SettingsPart):
    """All documents. A document that the ConfigMap lacks has its shipped value; the three injected ones have none."""

    ingress: IngressSettings = Field(default_factory=_shipped_ingress)
    deploy: DeploySettings = Field(default_factory=lambda: DeploySettings(default_deployment_mode="RawDeployment"))
    metrics_aggregator: MetricsAggregatorSettings = Field(
        default_factory=lambda: MetricsAggregatorSettings(
            enable_metric_aggregation="false", enable_prometheus_scraping="false"
        )
    )
    model_init: ModelInitSettings | None = None
    serving_sidecar: ServingSidecarSettings | None = None
    fine_tuned_adapter: InjectedContainerSettings | None = None
    multinode_prober: MultinodeProberSettings = Field(default_factory=_shipped_prober)
    keda_config: KedaSettings = Field(default_factory=KedaSettings)
    omectl: OmectlSettings = Field(default_factory=OmectlSettings)

    @classmethod
    def defaults(cls) -> "Settings":
        """What holds without a ConfigMap."""
        return cls()

    @property
    def models_root(self) -> str:
        """The directory on every node that all models lie under."""
        return self.omectl.models_root


def parse_settings(data: Mapping[str, str]) -> Settings:
    """Settings from the ConfigMap's data. Unknown keys are ignored.

    Raises: `SettingsError` for the first document that cannot be used.
    """
    documents: dict[str, object] = {}
    for attribute in Settings.model_fields:
        key = to_camel(attribute)
        text = data.get(key)
        if text is None:
            continue
        try:
            document: object = msgspec.json.decode(text.encode())
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise SettingsError(key, "", f"no JSON ({str(error)[:120]})", "a JSON object") from None
        if not isinstance(document, dict):
            raise SettingsError(key, "", f"a JSON {type(document).__name__}", "a JSON object")
        documents[key] = document
    try:
        return Settings.model_validate(documents)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, *path = (str(part) for part in first["loc"])
        found = "nothing" if first["type"] == "missing" else f"{first['input']!r:.80}"
        raise SettingsError(key, ".".join(path), found, first["msg"][:160]) from None
