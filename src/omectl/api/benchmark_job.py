"""BenchmarkJob: one run of a benchmark against a service or an address."""

from typing import Annotated

from omectl.api.json import JsonObject
from omectl.api.kinds import BENCHMARK_JOBS
from omectl.api.object import Resource
from omectl.api.storage import StorageSpec
from omectl.api.wire import (
    ATOMIC,
    EMPTY_IS_ABSENT,
    NAMELESS_IS_ABSENT,
    SET,
    AtomicStringMap,
    Int,
    PodPart,
    SchemaPart,
    StringMap,
    Time,
    WireType,
    keyed,
    one_of,
)


class HuggingFaceSecretReference(WireType):
    """A Secret in the job's namespace."""

    name: str


class InferenceServiceReference(WireType):
    """A service in this cluster."""

    name: str
    namespace: str


class Endpoint(WireType):
    """An address outside."""

    url: Annotated[str, SchemaPart({"pattern": "^(http|https)://"})]
    api_format: Annotated[str, one_of("openai", "oci-cohere", "cohere")]
    model_name: str | None = None


class EndpointSpec(WireType):
    """Exactly one of the two."""

    inference_service: InferenceServiceReference | None = None
    endpoint: Endpoint | None = None


class ServiceMetadata(WireType):
    """Facts of the server that are recorded with the results."""

    engine: Annotated[str, one_of("vLLM", "SGLang", "TGI")]
    version: str
    gpu_type: Annotated[str, one_of("H100", "A100", "MI300", "A10")]
    gpu_count: Int


class PodOverride(WireType):
    """Overrides of the benchmark's pod."""

    image: str | None = None
    env: Annotated[tuple[Annotated[JsonObject, PodPart("EnvVar")], ...], keyed("name")] | None = None
    env_from: Annotated[tuple[Annotated[JsonObject, PodPart("EnvFromSource")], ...], ATOMIC] | None = None
    volume_mounts: Annotated[tuple[Annotated[JsonObject, PodPart("VolumeMount")], ...], keyed("name")] | None = None
    resources: Annotated[JsonObject, PodPart("ResourceRequirements")] | None = None
    tolerations: Annotated[tuple[Annotated[JsonObject, PodPart("Toleration")], ...], ATOMIC] | None = None
    node_selector: AtomicStringMap | None = None
    affinity: Annotated[JsonObject, PodPart("Affinity")] | None = None
    volumes: Annotated[tuple[Annotated[JsonObject, PodPart("Volume")], ...], ATOMIC] | None = None


class BenchmarkJobSpec(WireType):
    """What to measure, how, and where the results go. Times are minutes."""

    endpoint: EndpointSpec
    task: Annotated[str, one_of("text-to-text", "image-to-text", "text-to-embeddings", "image-to-embeddings")]
    max_time_per_iteration: Int
    max_requests_per_iteration: Int
    output_location: StorageSpec
    hugging_face_secret_reference: Annotated[HuggingFaceSecretReference | None, NAMELESS_IS_ABSENT] = None
    service_metadata: ServiceMetadata | None = None
    traffic_scenarios: Annotated[tuple[str, ...], SET] | None = None
    num_concurrency: Annotated[tuple[Int, ...], SET] | None = None
    additional_request_params: StringMap | None = None
    dataset: Annotated[StorageSpec | None, EMPTY_IS_ABSENT] = None
    result_folder_name: str | None = None
    pod_override: PodOverride | None = None


class BenchmarkJobStatus(WireType):
    """How far the run is."""

    state: Annotated[str, one_of("Pending", "Running", "Completed", "Failed")]
    start_time: Time | None = None
    completion_time: Time | None = None
    last_reconcile_time: Time | None = None
    failure_message: str | None = None
    details: str | None = None


class BenchmarkJob(Resource):
    """A benchmark run."""

    resource_kind = BENCHMARK_JOBS
    spec: BenchmarkJobSpec
    status: Annotated[BenchmarkJobStatus | None, EMPTY_IS_ABSENT] = None
