"""A deduplicating priority queue with delays and rate limits; it knows nothing of Kubernetes."""

from omectl.workqueue.queue import LOW_PRIORITY, PriorityQueue, QueueShutDown, QueueStatistics
from omectl.workqueue.rate_limit import (
    BucketLimiter,
    ExponentialLimiter,
    FastSlowLimiter,
    MaxOfLimiter,
    MaxWaitLimiter,
    RateLimiter,
    classic_limiter,
)
from omectl.workqueue.schedule import NotProcessingError

__all__ = [
    "LOW_PRIORITY",
    "BucketLimiter",
    "ExponentialLimiter",
    "FastSlowLimiter",
    "MaxOfLimiter",
    "MaxWaitLimiter",
    "NotProcessingError",
    "PriorityQueue",
    "QueueShutDown",
    "QueueStatistics",
    "RateLimiter",
    "classic_limiter",
]
