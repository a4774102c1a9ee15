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
