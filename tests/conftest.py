"""What every test has: the fixtures of omectl.testing, a time limit by folder, the recorded answers where they are."""

import logging
import os
from pathlib import Path

import pytest
import structlog

pytest_plugins = ["omectl.testing.plugin"]

_HERE = Path(__file__).parent
_LIMITS_S = {"unit": 20, "simulation": 20, "envtest": 120, "compat": 120, "cluster": 300}
_OTHERS_S = 120


def pytest_configure() -> None:
    # Plain tracebacks: the pretty ones take a tenth of a second and more each, and many tests make something fail.
    *before, _ = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[*before, renderer], wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING)
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0]
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_LIMITS_S.get(folder, _OTHERS_S)))
        if folder == "cluster" and isinstance(item, pytest.Function):
            # Such tests start clusters of their own: look for the programs first, so that none is built within a test.
            item.fixturenames.insert(0, "binaries")


@pytest.fixture(scope="session")
def compat_dir() -> Path:
    """The folder of recorded answers of the reference implementation, named by OMECTL_COMPAT_DIR."""
    named = os.environ.get("OMECTL_COMPAT_DIR")
    if not named:
        pytest.skip("OMECTL_COMPAT_DIR names no folder of recorded answers")
    return Path(named)
