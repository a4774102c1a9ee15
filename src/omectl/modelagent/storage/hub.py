"""`hf://`: a repository on any hub that speaks the Hugging Face API.

One call lists the files with sizes and digests and resolves the revision to a commit; every byte is then read from
exactly that commit. (The hub's own client library would ask the same question in a thread and with retries of its own;
one request under our rules for credentials and redirects is less.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import msgspec

from omectl.api.storage_uri import DEFAULT_REVISION
from omectl.modelagent.paths import check_file_names, file_name_parts
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.source import Digest, HttpRequest, RemoteFile
from omectl.modelagent.storage.http import Answer, SmallReads
from omectl.modelagent.storage.selection import select
from omectl.modelagent.transfer.faults import PassingError, access_denied, refused

_LISTING_LIMIT = 64 << 20
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)
_REVISION_LIMIT = 256
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


class _Lfs(msgspec.Struct):
    size: int
    sha256: str | None = None
    oid: str | None = None


class _Sibling(msgspec.Struct, rename="camel"):
    rfilename: str
    size: int | None = None
    blob_id: str | None = None
    lfs: _Lfs | None = None


class _ModelInfo(msgspec.Struct):
    sha: str
    siblings: list[_Sibling] = []


_decoder = msgspec.json.Decoder(_ModelInfo)


@dataclass(frozen=True, slots=True)
class HubSource:
    """The chosen files of a repository at one commit. `listing` has the sizes of all its files."""

    endpoint: str
    repository: str
    revision: str
    files: tuple[RemoteFile, ...]
    listing: Mapping[str, int]
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def identity(self) -> str:
        """Without the endpoint: a mirror of the hub has the same bytes at the same commit."""
        return f"hf://{self.repository}"

    def request(self, file: RemoteFile, start: int, end: int) -> HttpRequest:
        path = "/".join(quote(part, safe="") for part in file.path.split("/"))
        return HttpRequest(f"{self.endpoint}/{self.repository}/resolve/{self.revision}/{path}", self.headers)


class HubBackend:
    """Resolves repositories of one hub. The endpoint is the operator's, never a model's."""

    def __init__(self, endpoint: str, reads: SmallReads) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._reads = reads

    @property
    def host(self) -> str:
        return urlsplit(self._endpoint).hostname or self._endpoint

    async def resolve(
        self, repository: str, revision: str, parameters: Mapping[str, str], token: str | None
    ) -> HubSource:
        """List `repository` at `revision` (a branch, tag or commit; "" is the default branch).

        ModelError says what to do about any failure.
        """
        revision = revision or DEFAULT_REVISION
        _check_name(repository, revision)
        url = f"{self._endpoint}/api/models/{repository}/revision/{quote(revision, safe='')}?blobs=true"
        headers = {"Authorization": f"Bearer {token}"} if token else {}

        async def ask() -> Answer:
            answer = await self._reads.get(url, headers, limit=_LISTING_LIMIT)
            if answer.status != 200:
                raise _refusal(answer, repository, revision, with_token=bool(token))
            return answer

        info = self._decode(await self._reads.retried(ask), repository)
        for sibling in info.siblings:
            file_name_parts(sibling.rfilename)
        listing = {sibling.rfilename: _size(sibling) for sibling in info.siblings}
        chosen = set(select(list(listing), parameters))
        check_file_names(sorted(chosen))
        files = [_remote_file(sibling) for sibling in info.siblings if sibling.rfilename in chosen]
        # Small files first: whoever reads the directory early learns most, and the large ones keep the hasher in step.
        files.sort(key=lambda file: (file.size, file.path))
        return HubSource(self._endpoint, repository, info.sha, tuple(files), listing, headers)

    def _decode(self, answer: Answer, repository: str) -> _ModelInfo:
        try:
            info = _decoder.decode(answer.body)
        except msgspec.DecodeError as error:
            raise _invalid(answer.host, repository, str(error)) from error
        if not _COMMIT.fullmatch(info.sha):
            raise _invalid(answer.host, repository, "its sha is not a commit id")
        if len({sibling.rfilename for sibling in info.siblings}) != len(info.siblings):
            raise _invalid(answer.host, repository, "it names a file twice")
        return info


def _check_name(repository: str, revision: str) -> None:
    if not _REPOSITORY.fullmatch(repository) or ".." in repository:
        raise ModelError(
            Reason.URI_INVALID,
            f"{repository!r} is not the name of a repository; wanted `organisation/name`.",
            "Write storage.storageUri as hf://organisation/name or hf://organisation/name@revision.",
        )
    odd = any(ord(character) < 33 for character in revision)
    if len(revision) > _REVISION_LIMIT or ".." in revision or odd:
        raise ModelError(
            Reason.URI_INVALID,
            f"{revision[:64]!r} is not a revision; wanted a branch, a tag or a commit.",
            "Write storage.storageUri as hf://organisation/name@revision, or leave out the `@` for the main branch.",
        )


def _refusal(answer: Answer, repository: str, revision: str, *, with_token: bool) -> ModelError | PassingError:
    code = answer.headers.get("X-Error-Code", "")
    if code == "RevisionNotFound":
        return ModelError(
            Reason.REVISION_NOT_FOUND,
            f"{answer.host} has {repository!r}, but no revision {revision!r} of it.",
            "Check the part behind `@` in storage.storageUri: wanted is a branch, a tag or a commit of the repository.",
        )
    if code == "GatedRepo" or answer.status == 403:
        return access_denied(answer.host, 403 if with_token else 401, repr(repository))
    if answer.status in {401, 404}:
        hint = "the token may not see it" if with_token else "it is private and no token was sent"
        return ModelError(
            Reason.MODEL_NOT_FOUND if answer.status == 404 else Reason.ACCESS_DENIED,
            f"{answer.host} shows no repository {repository!r} ({answer.status}): it does not exist, or {hint}.",
            "Check the name in storage.storageUri; for a private one put a token into a Secret named by storage.key.",
        )
    return refused(answer.host, answer.status, f"the listing of {repository!r}", answer.headers.get("Retry-After"))


def _size(sibling: _Sibling) -> int:
    size = sibling.lfs.size if sibling.lfs is not None else sibling.size
    if size is None or not 0 <= size < 1 << 60:
        raise ModelError(
            Reason.RESPONSE_INVALID,
            f"The listing gives {sibling.rfilename!r} no usable size.",
            "Check that the hub endpoint is a hub, or a mirror that lists files with their sizes.",
        )
    return size


def _remote_file(sibling: _Sibling) -> RemoteFile:
    digest: Digest | None = None
    if sibling.lfs is not None:
        value = (sibling.lfs.sha256 or sibling.lfs.oid or "").removeprefix("sha256:").lower()
        if _SHA256.fullmatch(value):
            digest = Digest("sha256", value)
    elif sibling.blob_id and _SHA1.fullmatch(sibling.blob_id):
        digest = Digest("git-sha1", sibling.blob_id)
    return RemoteFile(sibling.rfilename, _size(sibling), digest)


def _invalid(host: str, repository: str, why: str) -> ModelError:
    return ModelError(
        Reason.RESPONSE_INVALID,
        f"{host} answered the listing of {repository!r} with something else than a listing: {why}.",
        "Check that the hub endpoint is a hub, or a mirror that speaks its API.",
    )
