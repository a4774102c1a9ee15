"""Directories as repositories."""

import hashlib
from pathlib import Path

import pytest

from omectl.local.hub.digests import DigestCache, DigestsClosedError
from omectl.local.hub.options import HubOptions
from omectl.local.hub.repository import RepositoryError, find_repositories, scan
from omectl.local.hub.statistics import FileStatistics


def write(root: Path, **files: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_model_directory_is_one_repository(tmp_path: Path) -> None:
    model = write(tmp_path / "tiny", config_json="{}")
    assert find_repositories(model) == {"local/tiny": {"main": model}}
    assert find_repositories(model, "org/name") == {"org/name": {"main": model}}


def test_folders_of_owners_hold_repositories_and_revisions(tmp_path: Path) -> None:
    for name in ("a/one", "a/one@v1", "b/two", ".hidden/x"):
        write(tmp_path / name, config_json="{}")
    assert {name: sorted(found) for name, found in find_repositories(tmp_path).items()} == {
        "a/one": ["main", "v1"],
        "b/two": ["main"],
    }


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_directory_without_models_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RepositoryError, match="wanted"):
        find_repositories(tmp_path / name)


def test_digests_are_gits_and_sha256(tmp_path: Path) -> None:
    model = write(tmp_path / "m", config_json="what is up, doc?")
    file = scan(model, DigestCache(), 1 << 20).files["config.json"]
    assert file.blob == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    assert file.etag == file.blob
    assert not file.large


def test_a_large_file_is_named_by_its_sha256_and_stored_as_a_pointer(tmp_path: Path) -> None:
    model = write(tmp_path / "m", config_json="x" * 100)
    file = scan(model, DigestCache(), 100).files["config.json"]
    sha256 = hashlib.sha256(b"x" * 100).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 100\n".encode()
    assert (file.etag, file.large, file.pointer_size) == (sha256, True, len(pointer))
    assert file.blob == hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()


def test_the_commit_is_a_function_of_names_and_contents(tmp_path: Path) -> None:
    digests = DigestCache()
    one = scan(write(tmp_path / "a", config_json="{}", sub__x="1"), digests, 99).commit
    assert one == scan(write(tmp_path / "b", config_json="{}", sub__x="1"), digests, 99).commit
    assert one != scan(write(tmp_path / "c", config_json="{}", sub__x="2"), digests, 99).commit
    assert one != scan(write(tmp_path / "d", config_json="{}", sub__y="1"), digests, 99).commit
    assert len(one) == 40


def test_a_file_is_read_once_for_its_digests_until_it_changes(tmp_path: Path) -> None:
    digests, model = DigestCache(), write(tmp_path / "m", config_json="{}")
    scan(model, digests, 99)
    scan(model, digests, 99)
    assert digests.computed == 1
    write(model, config_json="{ }")
    scan(model, digests, 99)
    assert digests.computed == 2


def test_a_closed_cache_stops_reading(tmp_path: Path) -> None:
    digests = DigestCache()
    digests.close()
    with pytest.raises(DigestsClosedError):
        scan(write(tmp_path / "m", config_json="{}"), digests, 99)


def test_links_out_of_the_directory_and_special_files_are_left_out(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", secret="x")
    model = write(tmp_path / "m", config_json="{}", _git__HEAD="x")
    (model / ".git").mkdir()
    (model / ".git" / "HEAD").write_text("x")
    (model / "file").symlink_to(outside / "secret")
    (model / "folder").symlink_to(outside)
    (model / "dangling").symlink_to("nothing")
    (model / "inside").symlink_to("config.json")
    (model / "up").symlink_to("../m/../outside/secret")
    assert sorted(scan(model, DigestCache(), 99).files) == ["_git/HEAD", "config.json", "inside"]


def test_a_directory_of_links_that_lead_out_is_an_error(tmp_path: Path) -> None:
    blob = write(tmp_path / "blobs", x="{}")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "config.json").symlink_to(blob / "x")
    with pytest.raises(RepositoryError, match="cp -rL"):
        scan(tmp_path / "snapshot", DigestCache(), 99)


def test_repeated_bytes_are_those_sent_more_than_once() -> None:
    file = FileStatistics(bytes_sent=25, ranges=[(10, 20), (0, 10), (5, 10)])
    assert (file.distinct_bytes, file.repeated_bytes) == (20, 5)


@pytest.mark.parametrize("options", [HubOptions(rate_limit=0), HubOptions(page_size=0), HubOptions(port=70000)])
def test_impossible_options_are_refused(options: HubOptions) -> None:
    with pytest.raises(ValueError, match="wanted"):
        options.validated()
