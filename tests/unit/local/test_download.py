"""The published archive: which is chosen, what is taken of it, and what a refusing network costs."""

import hashlib
import io
import tarfile
import threading
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest

from omectl.local.assets import AssetSettings, Binary
from omectl.local.assets import download as downloads
from omectl.local.assets.binaries import KUBERNETES_VERSION, architecture
from omectl.local.assets.download import choose, download

INDEX = "https://example.org/index.yaml"
ARCHIVE = "https://example.org/a.tar.gz"
Opened = Callable[[str, float], io.BytesIO]


@pytest.fixture
def settings(tmp_path: Path) -> AssetSettings:
    found = AssetSettings(cache=tmp_path, environment={"OMECTL_ENVTEST_INDEX": INDEX})
    found.store.mkdir(parents=True)
    return found


def archive_of(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"controller-tools/envtest/{name.replace('_', '-')}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("controller-tools/envtest/kubectl")
        link.type, link.linkname = tarfile.SYMTYPE, "/bin/sh"
        archive.addfile(link)
    return packed.getvalue()


def network(archive: bytes, digest: str) -> Opened:
    name = f"envtest-v{KUBERNETES_VERSION}-linux-{architecture()}.tar.gz"
    index = f"releases: {{v{KUBERNETES_VERSION}: {{{name}: {{hash: '{digest}', selfLink: '{ARCHIVE}'}}}}}}"
    return lambda address, _: io.BytesIO(index.encode() if address == INDEX else archive)


def entry(version: str) -> dict[str, dict[str, str]]:
    name = f"envtest-{version}-linux-amd64.tar.gz"
    return {name: {"hash": f"hash-{version}", "selfLink": f"https://example.org/{name}"}}


@pytest.mark.parametrize(
    ("published", "chosen"),
    [
        (["v1.36.0", "v1.36.3", "v1.36.9"], "v1.36.3"),
        (["v1.36.0", "v1.36.10", "v1.36.2"], "v1.36.10"),
        (["v1.35.3", "v1.37.0"], None),
    ],
)
def test_archive_of_the_same_minor_version_is_chosen(published: list[str], chosen: str | None) -> None:
    index = {"releases": {version: entry(version) for version in published}}
    found = choose(index, "1.36.3", "amd64")
    assert (found.version if found else None) == chosen


def test_wanted_programs_are_taken_out_of_the_archive_and_nothing_else(
    settings: AssetSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = archive_of(etcd=b"the etcd", kube_apiserver=b"the server", surprise=b"x")
    monkeypatch.setattr(downloads, "_open", network(body, hashlib.sha512(body).hexdigest()))
    wanted = frozenset({Binary.ETCD, Binary.KUBECTL})
    assert download(wanted, settings, lambda *_: None) == ""
    assert [path.name for path in settings.store.iterdir()] == ["etcd"]
    assert (settings.store / "etcd").read_bytes() == b"the etcd"
    assert (settings.store / "etcd").stat().st_mode & 0o777 == 0o755


def test_archive_with_another_digest_is_refused(settings: AssetSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_open", network(archive_of(etcd=b"other"), hashlib.sha512(b"").hexdigest()))
    assert "another SHA-512" in download(frozenset({Binary.ETCD}), settings, lambda *_: None)
    assert list(settings.store.iterdir()) == []


@pytest.mark.parametrize("index", [b"<html>welcome</html>", b"releases: [", b"", b"releases: {v1: {a: {}}}"])
def test_index_that_is_none_is_a_reason_and_no_crash(
    settings: AssetSettings, monkeypatch: pytest.MonkeyPatch, index: bytes
) -> None:
    monkeypatch.setattr(downloads, "_open", lambda *_: io.BytesIO(index))
    assert "did not answer as hoped" in download(frozenset({Binary.ETCD}), settings, lambda *_: None)


def test_refusing_network_is_a_reason(settings: AssetSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> io.BytesIO:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(downloads, "_open", refuse)
    assert "Name or service not known" in download(frozenset({Binary.ETCD}), settings, lambda *_: None)


def test_name_service_that_never_answers_does_not_hold_the_next_place_up(
    settings: AssetSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(downloads, "REFUSAL_TIMEOUT_S", 0.01)
    monkeypatch.setattr(downloads, "_open", lambda *_: ended.wait(10))
    try:
        assert "no answer within" in download(frozenset({Binary.ETCD}), settings, lambda *_: None)
    finally:
        ended.set()


def test_plain_http_is_refused_but_on_loopback(tmp_path: Path) -> None:
    settings = AssetSettings(cache=tmp_path, environment={"OMECTL_ENVTEST_INDEX": "http://example.org/index.yaml"})
    assert "wanted an https address" in download(frozenset({Binary.ETCD}), settings, lambda *_: None)


def test_programs_that_nobody_publishes_cost_no_request(
    settings: AssetSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_open", lambda *_: pytest.fail("asked"))
    assert "in no published archive" in download(frozenset({Binary.KWOK}), settings, lambda *_: None)
