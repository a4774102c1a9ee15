"""The published archive of etcd, kube-apiserver and kubectl, by the index that the `setup-envtest` tool reads."""

import hashlib
import io
import os
import re
import tarfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from omectl.local.assets.binaries import KUBERNETES_VERSION, AssetSettings, Binary, architecture
from omectl.local.assets.build import Progress

INDEX = "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml"
PUBLISHED = frozenset({Binary.ETCD, Binary.KUBE_APISERVER, Binary.KUBECTL})
_REFUSAL_TIMEOUT_S = 4.0
_ARCHIVE_LIMIT = 512 * 1024 * 1024


class _Published(msgspec.Struct, frozen=True):
    address: str = msgspec.field(name="selfLink")
    sha512: str = msgspec.field(name="hash")


class _Index(msgspec.Struct, frozen=True):
    releases: dict[str, dict[str, _Published]]


@dataclass(frozen=True, slots=True)
class Archive:
    """A published archive, its address and its SHA-512 in hex."""

    version: str
    address: str
    sha512: str


def download(missing: frozenset[Binary], settings: AssetSettings, progress: Progress) -> str:
    """Fetch what is published of the missing binaries into the store; returns why nothing came, or an empty text.

    Where the network refuses, that is noticed within seconds. `OMECTL_ENVTEST_INDEX` names another index, or `off`.
    """
    wanted = missing & PUBLISHED
    index = settings.environment.get("OMECTL_ENVTEST_INDEX", INDEX)
    if index == "off":
        return "switched off by OMECTL_ENVTEST_INDEX=off"
    if not wanted:
        return f"{', '.join(sorted(missing))} is in no published archive"
    started = time.monotonic()
    progress("looking for a published archive", 0.0)
    try:
        archive = choose(yaml.safe_load(_fetch(index)), KUBERNETES_VERSION, architecture())
        if archive is None:
            return f"{index} lists no archive for {KUBERNETES_VERSION.rpartition('.')[0]} on {architecture()}"
        progress(f"downloading {archive.address}", time.monotonic() - started)
        body = _fetch(archive.address)
    except (OSError, urllib.error.URLError, yaml.YAMLError, ValueError, msgspec.ValidationError) as error:
        return f"{index} did not answer as hoped ({error})"
    found = hashlib.sha512(body).hexdigest()
    if found != archive.sha512:
        return f"{archive.address} has another SHA-512 than its index says (wanted {archive.sha512}, found {found})"
    _unpack(body, wanted, settings.store)
    return ""


def choose(index: object, version: str, machine: str) -> Archive | None:
    """The archive of this version in the parsed index, else of the newest patch release of the same minor version."""
    releases = msgspec.convert(index, _Index).releases
    minor = version.rpartition(".")[0]
    candidates: list[tuple[bool, int, Archive]] = []
    for release, files in releases.items():
        matched = re.fullmatch(rf"v{re.escape(minor)}\.(\d+)", release)
        entry = files.get(f"envtest-{release}-linux-{machine}.tar.gz")
        if matched and entry is not None:
            archive = Archive(release, entry.address, entry.sha512)
            candidates.append((release == f"v{version}", int(matched[1]), archive))
    return max(candidates, key=lambda candidate: candidate[:2])[2] if candidates else None


def _fetch(address: str) -> bytes:
    if not address.startswith(("https://", "http://127.0.0.1:")):
        raise ValueError(f"wanted an https address, found {address!r}")
    with urllib.request.urlopen(address, timeout=_REFUSAL_TIMEOUT_S) as answer:  # noqa: S310 - the scheme is checked above
        body = answer.read(_ARCHIVE_LIMIT + 1)
    if len(body) > _ARCHIVE_LIMIT:
        raise ValueError(f"{address} is larger than {_ARCHIVE_LIMIT} bytes")
    return body


def _unpack(body: bytes, wanted: frozenset[Binary], store: Path) -> None:
    """Only regular files with the wanted names are taken, wherever the archive puts them."""
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        for member in archive:
            name = member.name.rsplit("/", 1)[-1]
            if not member.isreg() or name not in wanted:
                continue
            content = archive.extractfile(member)
            assert content is not None
            partial = store / f".{name}.{os.getpid()}"
            partial.write_bytes(content.read())
            partial.chmod(0o755)
            partial.replace(store / name)
