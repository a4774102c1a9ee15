"""What reflectors count, under the field's names."""

from omectl import metrics

LISTS = metrics.counter(metrics.REFLECTOR_LISTS, "Lists begun, streaming ones too.", ("name",))
RELISTS = metrics.counter(
    metrics.REFLECTOR_RELISTS, "Lists after the first, by what made them needed.", ("name", "reason")
)
WATCHES = metrics.counter(metrics.REFLECTOR_WATCHES, "Watches begun.", ("name",))
SHORT_WATCHES = metrics.counter(
    metrics.REFLECTOR_SHORT_WATCHES, "Watches that ended within a second, empty.", ("name",)
)
LIST_SECONDS = metrics.histogram(metrics.REFLECTOR_LIST_DURATION, "Seconds of a list.", ("name",))
LIST_ITEMS = metrics.histogram(
    metrics.REFLECTOR_ITEMS_PER_LIST, "Objects of a list.", ("name",), buckets=metrics.exponential_buckets(1, 10, 7)
)
WATCH_SECONDS = metrics.histogram(
    metrics.REFLECTOR_WATCH_DURATION,
    "Seconds of a watch.",
    ("name",),
    buckets=(0.1, 1.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0),
)
WATCH_ITEMS = metrics.histogram(
    metrics.REFLECTOR_ITEMS_PER_WATCH,
    "Events and bookmarks of a watch.",
    ("name",),
    buckets=metrics.exponential_buckets(1, 10, 7),
)
STREAMING_FALLBACKS = metrics.counter(
    metrics.REFLECTOR_STREAMING_FALLBACKS,
    "Streaming lists given up until the process restarts, as their end is never marked.",
    ("name",),
)
PROCESSING_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
