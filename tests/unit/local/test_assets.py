"""Where binaries are looked for, and what is said when they are nowhere."""

import fcntl
from pathlib import Path

import pytest

from omectl.local.assets import (
    AssetSettings,
    BinariesMissing,
    Binary,
    StagesMissing,
    StoreBusy,
    acquire,
    cache_directory,
)
from omectl.local.assets.binaries import look_up, places


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def settings(tmp_path: Path, **environment: str) -> AssetSettings:
    return AssetSettings(cache=tmp_path / "cache", environment=environment | {"OMECTL_ENVTEST_INDEX": "off"})


@pytest.mark.parametrize("winner", ["TEST_ASSET_KUBE_APISERVER", "KUBEBUILDER_ASSETS", "cache"])
def test_first_place_that_has_the_program_wins(tmp_path: Path, winner: str) -> None:
    order = ["TEST_ASSET_KUBE_APISERVER", "KUBEBUILDER_ASSETS", "cache"]
    available = order[order.index(winner) :]
    environment: dict[str, str] = {}
    expected: dict[str, Path] = {}
    if "TEST_ASSET_KUBE_APISERVER" in available:
        expected["TEST_ASSET_KUBE_APISERVER"] = program(tmp_path / "named")
        environment["TEST_ASSET_KUBE_APISERVER"] = str(tmp_path / "named")
    if "KUBEBUILDER_ASSETS" in available:
        expected["KUBEBUILDER_ASSETS"] = program(tmp_path / "assets" / "kube-apiserver")
        environment["KUBEBUILDER_ASSETS"] = str(tmp_path / "assets")
    looked = settings(tmp_path, **environment)
    expected["cache"] = program(looked.store / "kube-apiserver")
    found, missing = look_up(frozenset({Binary.KUBE_APISERVER}), looked)
    assert found == {Binary.KUBE_APISERVER: expected[winner]}
    assert missing == {}


def test_file_that_cannot_be_executed_does_not_count(tmp_path: Path) -> None:
    looked = settings(tmp_path)
    program(looked.store / "etcd").chmod(0o644)
    assert not any(place.found for place in places(Binary.ETCD, looked))


def test_nowhere_to_be_had_names_all_four_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    looked = settings(tmp_path, KUBEBUILDER_ASSETS=str(tmp_path / "assets"))
    with pytest.raises(BinariesMissing) as raised:
        acquire([Binary.ETCD, Binary.KUBECTL], looked)
    text = str(raised.value)
    assert "  $TEST_ASSET_ETCD, $TEST_ASSET_KUBECTL: not set\n" in text
    assert f"  $KUBEBUILDER_ASSETS: no program etcd, kubectl in {tmp_path / 'assets'}\n" in text
    assert f"  cache: no program etcd, kubectl in {looked.store}\n" in text
    assert "OMECTL_ENVTEST_INDEX=off" in text
    assert "no `go` on the PATH" in text
    assert "Install Go" in text


def test_without_fetching_nothing_is_built_and_the_way_to_build_is_named(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissing, match="omectl cluster binaries"):
        acquire([Binary.KWOK], settings(tmp_path), fetch=False)


def test_present_programs_need_no_lock(tmp_path: Path) -> None:
    looked = settings(tmp_path)
    program(looked.store / "etcd")
    with (looked.store / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert acquire([Binary.ETCD], looked)[Binary.ETCD] == looked.store / "etcd"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, Path("/x/omectl")),
        ({"HOME": "/h"}, Path("/h/.cache/omectl")),
    ],
)
def test_cache_folder_follows_the_desktop_convention(environment: dict[str, str], expected: Path) -> None:
    assert cache_directory(environment) == expected


def test_store_that_another_process_fills_is_waited_for_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = settings(tmp_path)
    looked.store.mkdir(parents=True)
    said: list[str] = []
    with (looked.store / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def filled_meanwhile(_: float) -> None:
            program(looked.store / "etcd")
            fcntl.flock(lock, fcntl.LOCK_UN)

        monkeypatch.setattr("omectl.local.assets.acquisition.time.sleep", filled_meanwhile)
        found = acquire([Binary.ETCD], looked, lambda what, _: said.append(what))
    assert found[Binary.ETCD] == looked.store / "etcd"
    assert said == ["waiting for another process that builds the same binaries"]


def test_store_that_stays_locked_is_a_failure_that_names_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = settings(tmp_path)
    looked.store.mkdir(parents=True)
    monkeypatch.setattr("omectl.local.assets.acquisition.LOCK_TIMEOUT_S", -1.0)
    with (looked.store / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreBusy, match=str(looked.store / ".lock")):
            acquire([Binary.ETCD], looked)


def test_stages_beside_kwok_win_over_those_in_the_store(tmp_path: Path) -> None:
    looked = settings(tmp_path, KUBEBUILDER_ASSETS=str(tmp_path / "assets"))
    program(tmp_path / "assets" / "kwok")
    (looked.store / "kwok-stages").mkdir(parents=True)
    assert acquire([Binary.KWOK], looked).kwok_stages == looked.store / "kwok-stages"
    (tmp_path / "assets" / "kwok-stages").mkdir()
    assert acquire([Binary.KWOK], looked).kwok_stages == tmp_path / "assets" / "kwok-stages"


def test_kwok_without_stages_is_a_failure_that_names_both_folders(tmp_path: Path) -> None:
    looked = settings(tmp_path, TEST_ASSET_KWOK=str(program(tmp_path / "bin" / "kwok")))
    with pytest.raises(StagesMissing) as raised:
        acquire([Binary.KWOK], looked, fetch=False)
    assert str(tmp_path / "bin" / "kwok-stages") in str(raised.value)
    assert str(looked.store / "kwok-stages") in str(raised.value)
