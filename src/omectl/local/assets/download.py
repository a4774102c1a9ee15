"""The published archive of etcd, kube-apiserver and kubectl, by the index that the `setup-envtest` tool reads."""

import hashlib
import http.client
import queue
import re
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import yaml

from omectl.local.assets.binaries import KUBERNETES_VERSION, AssetSettings, Binary, architecture
from omectl.local.assets.go import Progress

INDEX = "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml"
PUBLISHED = frozenset({Binary.ETCD, Binary.KUBE_APISERVER, Binary.KUBECTL})
REFUSAL_TIMEOUT_S = 4.0
_STALL_TIMEOUT_S = 20.0
_INDEX_LIMIT = 8 * 1024 * 1024
_ARCHIVE_LIMIT = 512 * 1024 * 1024
_CHUNK = 1024 * 1024
_FAILURES = (
    OSError,
    EOFError,
    http.client.HTTPException,
    tarfile.TarError,
    urllib.error.URLError,
    yaml.YAMLError,
    ValueError,
    msgspec.ValidationError,
)


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
    progress("looking for a published archive", 0.0)
    try:
        archive = choose(yaml.safe_load(_read_index(index)), KUBERNETES_VERSION, architecture())
        if archive is None:
            return f"{index} lists no archive for {KUBERNETES_VERSION.rpartition('.')[0]} on {architecture()}"
        with tempfile.TemporaryFile(dir=settings.store) as body:
            found = _fetch(archive.address, body, progress)
            if found != archive.sha512:
                return f"{archive.address} has another SHA-512 than its index says ({archive.sha512}, found {found})"
            body.seek(0)
            _unpack(body, wanted, settings.store)
    except _FAILURES as error:
        return f"{index} did not answer as hoped ({error})"
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


def _read_index(address: str) -> bytes:
    """The index, or TimeoutError when it is not here in time: looking a name up knows no time limit of its own."""
    answers: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            with _open(address, REFUSAL_TIMEOUT_S) as answer:
                answers.put(answer.read(_INDEX_LIMIT))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, name="envtest-index", daemon=True).start()
    try:
        answer = answers.get(timeout=REFUSAL_TIMEOUT_S)
    except queue.Empty:
        raise TimeoutError(f"no answer within {REFUSAL_TIMEOUT_S:.0f} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _fetch(address: str, body: IO[bytes], progress: Progress) -> str:
    """Copy what is at the address; returns its SHA-512 in hex."""
    started = time.monotonic()
    digest = hashlib.sha512()
    with _open(address, _STALL_TIMEOUT_S) as answer:
        while chunk := answer.read(_CHUNK):
            progress(f"downloading {address}", time.monotonic() - started)
            digest.update(chunk)
            body.write(chunk)
            if body.tell() > _ARCHIVE_LIMIT:
                raise ValueError(f"{address} is larger than {_ARCHIVE_LIMIT} bytes")
    return digest.hexdigest()


def _open(address: str, timeout_s: float) -> http.client.HTTPResponse:
    if not address.startswith(("https://", "http://127.0.0.1:")):
        raise ValueError(f"wanted an https address, found {address!r}")
    return urllib.request.urlopen(address, timeout=timeout_s)  # noqa: S310 - the scheme is checked above


def _unpack(body: IO[bytes], wanted: frozenset[Binary], store: Path) -> None:
    """Only regular files with the wanted names are taken, wherever the archive puts them."""
    with tarfile.open(fileobj=body, mode="r:gz") as archive:
        for member in archive:
            name = member.name.rsplit("/", 1)[-1]
            if not member.isreg() or name not in wanted:
                continue
            content = archive.extractfile(member)
            assert content is not None
            partial = store / f".{name}.partial"
            partial.write_bytes(content.read())
            partial.chmod(0o755)
            partial.replace(store / name)
