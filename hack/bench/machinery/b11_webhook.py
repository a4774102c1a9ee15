"""B11: reviews by a webhook server, while its certificate is changed."""

from hack.bench.machinery.benchmark import Case, Found
from hack.bench.machinery.options import Options
from hack.bench.report import Bar

TITLE = "webhook"


def cases(options: Options) -> list[Case]:
    """None yet."""
    return []


def bars(found: Found, options: Options) -> list[Bar]:
    return []
