"""What the plugin does where binaries or sense are missing."""

import pytest

from omectl.local.assets import Binary
from omectl.testing.plugin import find_binaries, parse_duration


@pytest.fixture
def bare_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    for name in ("KUBEBUILDER_ASSETS", "TEST_ASSET_ETCD", "CI"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("bare_machine")
def test_missing_binaries_skip_with_the_way_to_get_them() -> None:
    with pytest.raises(pytest.skip.Exception, match="omectl cluster binaries"):
        find_binaries([Binary.ETCD])


@pytest.mark.usefixtures("bare_machine")
def test_missing_binaries_fail_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="omectl cluster binaries"):
        find_binaries([Binary.ETCD])


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("2m", 120.0), ("1.5h", 5400.0), ("250ms", 0.25)])
def test_start_timeout_is_read_as_go_writes_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "soon", "1m30s"])
def test_start_timeout_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="wanted a time such as 90s"):
        parse_duration(text)
