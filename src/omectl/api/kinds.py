"""The eight kinds of `ome.io/v1beta1`."""

from omectl.api.resource import ResourceKind

GROUP = "ome.io"
VERSION = "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"


def _kind(kind: str, plural: str, *, namespaced: bool) -> ResourceKind:
    return ResourceKind(group=GROUP, version=VERSION, kind=kind, plural=plural, namespaced=namespaced)


BASE_MODELS = _kind("BaseModel", "basemodels", namespaced=True)
CLUSTER_BASE_MODELS = _kind("ClusterBaseModel", "clusterbasemodels", namespaced=False)
FINE_TUNED_WEIGHTS = _kind("FineTunedWeight", "finetunedweights", namespaced=False)
SERVING_RUNTIMES = _kind("ServingRuntime", "servingruntimes", namespaced=True)
CLUSTER_SERVING_RUNTIMES = _kind("ClusterServingRuntime", "clusterservingruntimes", namespaced=False)
INFERENCE_SERVICES = _kind("InferenceService", "inferenceservices", namespaced=True)
BENCHMARK_JOBS = _kind("BenchmarkJob", "benchmarkjobs", namespaced=True)
ACCELERATOR_CLASSES = _kind("AcceleratorClass", "acceleratorclasses", namespaced=False)

ALL_KINDS: tuple[ResourceKind, ...] = (
    BASE_MODELS,
    CLUSTER_BASE_MODELS,
    FINE_TUNED_WEIGHTS,
    SERVING_RUNTIMES,
    CLUSTER_SERVING_RUNTIMES,
    INFERENCE_SERVICES,
    BENCHMARK_JOBS,
    ACCELERATOR_CLASSES,
)
