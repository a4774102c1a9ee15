"""The agent's tree on disk: what is published, replaced and removed, and what is never touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from omectl.modelagent.paths import NodePaths
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.record import ModelRecord
from omectl.modelagent.rooted import RootedDirectory
from omectl.modelagent.source import RemoteFile
from omectl.modelagent.store import ModelStore

FILES = (RemoteFile("config.json", 2, None), RemoteFile("sub/w.safetensors", 3, None))


class Disk:
    """A models root with a store."""

    def __init__(self, root: RootedDirectory) -> None:
        self.root = root
        self.store = ModelStore(root, NodePaths(PurePosixPath("/raid/models"), PurePosixPath("/host")))

    @property
    def path(self) -> Path:
        return self.root.path

    def record(self, name: str = "m", revision: str = "r1", path: str = "/raid/models/org/m") -> ModelRecord:
        return ModelRecord(kind="ClusterBaseModel", name=name, uid="u", fingerprint="f", revision=revision, path=path)

    def published(self, record: ModelRecord) -> ModelRecord:
        artifact = self.path.joinpath(*self.store.transfer_paths(record.key, record.revision).artifact)
        (artifact / "sub").mkdir(parents=True, exist_ok=True)
        (artifact / "config.json").write_text("{}")
        (artifact / "sub" / "w.safetensors").write_text("abc")
        return self.store.publish(record, FILES)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    root = RootedDirectory(tmp_path / "models")
    yield Disk(root)
    root.close()


def test_a_published_model_is_found_at_its_path_by_a_relative_link(disk: Disk) -> None:
    saved = disk.published(disk.record())
    link = disk.path / "org" / "m"
    assert not os.path.isabs(os.readlink(link))  # noqa: PTH115, PTH117
    assert (link / "sub" / "w.safetensors").read_text() == "abc"
    assert disk.store.is_linked(saved)
    assert disk.store.intact_files(saved) == {"config.json", "sub/w.safetensors"}
    assert disk.store.records() == [saved]


def test_a_file_that_changed_is_not_intact(disk: Disk) -> None:
    saved = disk.published(disk.record())
    (disk.path / "org" / "m" / "config.json").write_text("[]")
    assert disk.store.intact_files(saved) == {"sub/w.safetensors"}


def test_a_new_revision_takes_the_link_over_and_the_old_files_stay(disk: Disk) -> None:
    disk.published(disk.record())
    old = (disk.path / "org" / "m").resolve()
    disk.published(disk.record(revision="r2"))
    assert (disk.path / "org" / "m").resolve() != old
    assert (old / "config.json").exists()
    disk.store.remove_revision(disk.record().key, "r1")
    assert not old.exists()


def test_what_the_listing_no_longer_names_is_removed_when_published_again(disk: Disk) -> None:
    saved = disk.published(disk.record())
    disk.store.publish(saved, FILES[:1])
    assert not (disk.path / "org" / "m" / "sub" / "w.safetensors").exists()


def test_removal_takes_everything_of_the_model_and_nothing_else(disk: Disk) -> None:
    other = disk.published(disk.record("other", path="/raid/models/org/other"))
    saved = disk.published(disk.record())
    disk.store.remove(saved)
    assert not (disk.path / "org" / "m").is_symlink()
    assert disk.store.records() == [other]
    assert disk.store.intact_files(other) == {"config.json", "sub/w.safetensors"}


def test_removal_leaves_a_link_that_leads_elsewhere(disk: Disk, tmp_path: Path) -> None:
    saved = disk.published(disk.record())
    (tmp_path / "theirs").mkdir()
    (disk.path / "org" / "m").unlink()
    (disk.path / "org" / "m").symlink_to(tmp_path / "theirs")
    disk.store.remove(saved)
    assert (disk.path / "org" / "m").is_symlink()
    assert (tmp_path / "theirs").exists()


@pytest.mark.parametrize("kind", ["directory", "file", "foreign link", "file as parent", "link as parent"])
def test_what_is_not_the_agent_s_is_never_replaced(disk: Disk, tmp_path: Path, kind: str) -> None:
    place = disk.path / "org" / "m"
    if kind.endswith("parent"):
        if kind.startswith("file"):
            place.parent.write_text("x")
        else:
            place.parent.symlink_to(tmp_path)
    else:
        place.parent.mkdir()
        if kind == "directory":
            place.mkdir()
            (place / "data").write_text("precious")
        elif kind == "file":
            place.write_text("precious")
        else:
            place.symlink_to("/etc")
    with pytest.raises(ModelError) as caught:
        disk.store.make_way("/raid/models/org/m")
    assert caught.value.reason is Reason.PATH_OCCUPIED


def test_an_empty_directory_makes_way(disk: Disk) -> None:
    (disk.path / "org" / "m").mkdir(parents=True)
    disk.published(disk.record())
    assert (disk.path / "org" / "m").is_symlink()


def test_a_damaged_record_is_as_none(disk: Disk) -> None:
    disk.store.save(disk.record())
    next((disk.path / ".omectl" / "models").iterdir()).write_bytes(b'{"kind": 3')
    assert disk.store.records() == []


def test_a_sweep_removes_what_no_record_knows(disk: Disk) -> None:
    saved = disk.published(disk.record())
    stray = disk.path / ".omectl" / "artifacts" / "clusterbasemodel.gone" / "r"
    stray.mkdir(parents=True)
    disk.store.sweep([saved])
    assert not stray.parent.exists()
    assert disk.store.intact_files(saved)
