"""Building with Go, by a stand-in for the Go command."""

import asyncio
import threading
import time
from pathlib import Path

import psutil
import pytest

from omectl.local.assets import AssetSettings, Binary, BuildFailed, acquire
from omectl.local.assets.build import KWOK_STAGES
from omectl.local.control_plane import ControlPlane

GO = """#!/bin/sh
echo "$(basename $PWD) cgo=$CGO_ENABLED $*" >> {record}
case "$1" in
  list) echo {module};;
  build)
    {build}
    while [ "$1" != -o ]; do shift; done
    output=$2; shift 2
    for package in "$@"; do
      name=$(basename $package); [ $name = v3 ] && name=server
      printf '#!/bin/sh\n' > $output$name; chmod +x $output$name
    done;;
esac
"""


class Go:
    """A folder with a stand-in, what it was asked, and the settings of an empty cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "record"
        self.inner = folder / "inner"
        self.hanging = f"sleep 300 & echo $! > {self.inner}.new; mv {self.inner}.new {self.inner}; wait"
        self.module = folder / "module"
        self.settings = AssetSettings(cache=folder / "cache", environment={"OMECTL_ENVTEST_INDEX": "off"})
        for stage in KWOK_STAGES:
            (self.module / stage).parent.mkdir(parents=True, exist_ok=True)
            (self.module / stage).write_text(f"# {stage}")
        self.write("")

    def write(self, build: str) -> None:
        """Let `go build` begin with these commands."""
        path = self.folder / "bin" / "go"
        path.parent.mkdir(exist_ok=True)
        path.write_text(GO.format(record=self.record, module=self.module, build=build))
        path.chmod(0o755)

    def hangs_no_more(self) -> bool:
        """Whether what `hanging` started has ended."""
        try:
            psutil.Process(int(self.inner.read_text())).wait(5)
        except psutil.NoSuchProcess:
            return True
        except psutil.TimeoutExpired:
            return False
        return True

    @property
    def builds(self) -> list[str]:
        return [line for line in self.record.read_text().splitlines() if " build " in line]


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    stand_in = Go(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return stand_in


def test_each_module_is_built_once_and_kept_under_the_programs_names(go: Go) -> None:
    found = acquire([Binary.ETCD, Binary.KUBE_APISERVER, Binary.KWOK], go.settings)
    assert {path.relative_to(go.settings.store).name for path in found.paths.values()} == set(found.paths)
    assert [line.split()[0] for line in go.builds] == ["kubernetes", "kwok"]
    assert all("cgo=0 build -mod=readonly -trimpath" in line for line in go.builds)
    assert "gitVersion=v1.36.3" in go.builds[0]
    assert found.kwok_stages == go.settings.store / "kwok-stages"
    assert {path.name for path in found.kwok_stages.iterdir()} == {Path(stage).name for stage in KWOK_STAGES}
    assert not list(go.settings.store.glob(".building-*"))


def test_controller_of_another_project_is_built_from_its_own_module(go: Go) -> None:
    found = acquire([Binary.LWS_CONTROLLER], go.settings)
    assert found[Binary.LWS_CONTROLLER] == go.settings.store / "lws-controller"
    assert [line.split()[0] for line in go.builds] == ["lws"]


def test_second_run_needs_no_go(go: Go) -> None:
    first = acquire([Binary.ETCD, Binary.KWOK], go.settings)
    go.record.unlink()
    assert acquire([Binary.ETCD, Binary.KWOK], go.settings) == first
    assert not go.record.exists()


def test_only_what_is_missing_is_built(go: Go) -> None:
    acquire([Binary.ETCD], go.settings)
    acquire([Binary.ETCD, Binary.KUBECTL], go.settings)
    assert go.builds[1].endswith("k8s.io/kubernetes/cmd/kubectl")


def test_two_at_once_build_once(go: Go) -> None:
    go.write("sleep 1")
    found: list[Path] = []
    builders = [
        threading.Thread(target=lambda: found.append(acquire([Binary.ETCD], go.settings)[Binary.ETCD]))
        for _ in range(2)
    ]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert found == [go.settings.store / "etcd"] * 2
    assert len(go.builds) == 1


def test_failed_build_shows_command_and_end_of_output_and_leaves_nothing(go: Go) -> None:
    go.write("echo cannot find module >&2; exit 1")
    with pytest.raises(BuildFailed) as raised:
        acquire([Binary.ETCD], go.settings)
    assert f"{go.folder / 'bin' / 'go'} build -mod=readonly" in str(raised.value)
    assert str(raised.value).endswith("cannot find module")
    assert [path.name for path in go.settings.store.iterdir()] == [".lock"]


def test_build_is_stopped_with_all_that_it_started_by_what_progress_raises(go: Go) -> None:
    go.write(go.hanging)

    def stop(_: str, elapsed_s: float) -> None:
        if elapsed_s > 0.5:
            raise InterruptedError

    started = time.monotonic()
    with pytest.raises(InterruptedError):
        acquire([Binary.ETCD], go.settings, stop)
    assert time.monotonic() - started < 10
    assert go.hangs_no_more()


async def test_starting_a_control_plane_can_be_cancelled_while_it_builds(
    go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    go.write(go.hanging)
    monkeypatch.setenv("XDG_CACHE_HOME", str(go.folder / "other"))
    monkeypatch.setenv("OMECTL_ENVTEST_INDEX", "off")
    for name in ("KUBEBUILDER_ASSETS", "TEST_ASSET_ETCD", "TEST_ASSET_KUBE_APISERVER"):
        monkeypatch.delenv(name, raising=False)
    starting = asyncio.create_task(ControlPlane().__aenter__())
    async with asyncio.timeout(20):
        while not go.inner.exists():
            await asyncio.sleep(0.02)
    starting.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([starting])
        assert starting.cancelled()
    assert go.hangs_no_more()


def test_what_a_killed_build_left_is_swept(go: Go) -> None:
    (go.settings.store / ".building-old" / "kubernetes").mkdir(parents=True)
    acquire([Binary.ETCD], go.settings)
    assert not list(go.settings.store.glob(".building-*"))


def test_stages_for_a_kwok_from_elsewhere_come_from_its_module(go: Go) -> None:
    kwok = go.folder / "kwok"
    kwok.write_text("#!/bin/sh\n")
    kwok.chmod(0o755)
    settings = AssetSettings(
        cache=go.settings.cache, environment=dict(go.settings.environment) | {"TEST_ASSET_KWOK": str(kwok)}
    )
    assert acquire([Binary.KWOK], settings).kwok_stages == settings.store / "kwok-stages"
    assert (settings.store / "kwok-stages" / "pod-ready.yaml").is_file()
