"""The agent's metrics, under the names that dashboards of the field use."""

from __future__ import annotations

from omectl import metrics
from omectl.api.labels import ModelKey
from omectl.modelagent.problems import Reason

_MODEL = ("model_type", "namespace", "name")
_DURATIONS = metrics.exponential_buckets(0.1, 2, 18)

downloads_succeeded = metrics.counter(
    "model_agent_downloads_success_total", "Models that were brought to this node and published.", _MODEL
)
downloads_failed = metrics.counter(
    "model_agent_downloads_failed_total", "Attempts to bring a model that failed, by reason.", (*_MODEL, "reason")
)
verifications = metrics.counter("model_agent_verifications_total", "Checks of a model's files.", (*_MODEL, "result"))
checksums_failed = metrics.counter(
    "model_agent_md5_checksum_failed_total", "Attempts that received bytes with the wrong digest.", _MODEL
)
rate_limited = metrics.counter("model_agent_rate_limit_total", "Attempts that ended in a rate limit.", _MODEL)
download_bytes = metrics.counter("model_agent_download_bytes_total", "Bytes fetched.", _MODEL)
download_duration = metrics.histogram(
    "model_agent_download_duration_seconds", "Time of a successful download.", _MODEL, _DURATIONS
)
verification_duration = metrics.histogram(
    "model_agent_verification_duration_seconds", "Time of a check of published files.", (), _DURATIONS
)
rate_limit_wait = metrics.histogram(
    "model_agent_rate_limit_wait_seconds",
    "Waits that a hub asked for.",
    _MODEL,
    metrics.exponential_buckets(1, 2, 10),
)


def model_labels(key: ModelKey) -> tuple[str, str, str]:
    return key.kind, key.namespace, key.name


def count_failure(key: ModelKey, reason: Reason, retry_after_s: float | None) -> None:
    labels = model_labels(key)
    downloads_failed.labels(*labels, str(reason)).inc()
    if reason is Reason.DIGEST_MISMATCH:
        checksums_failed.labels(*labels).inc()
    if reason is Reason.RATE_LIMITED:
        rate_limited.labels(*labels).inc()
        rate_limit_wait.labels(*labels).observe(retry_after_s or 0.0)
