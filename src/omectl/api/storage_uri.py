"""Storage URIs: where files come from or go to. Prefixes are case-sensitive; nothing is trimmed or percent-decoded."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

DEFAULT_REVISION: Final = "main"
"""What a hub's repository is read at when nobody names a branch, a tag or a commit."""


class StorageUriError(ValueError):
    """A text is not a storage URI. `storage` names the kind of storage, "" when the prefix is unknown."""

    def __init__(self, uri: str, storage: str, wanted: str) -> None:
        self.uri, self.storage, self.wanted = uri, storage, wanted
        super().__init__(uri, storage, wanted)

    def __str__(self) -> str:
        if not self.storage:
            return f"unknown storage type for URI: {self.uri:.200}; wanted one of {self.wanted}"
        return f"invalid {self.storage} storage URI format: wanted {self.wanted}, found {self.uri!r:.200}"


@dataclass(frozen=True, slots=True)
class HuggingFaceUri:
    """A repository on a model hub. `revision` is "" when the URI ends in `@`, which a hub reads as its default."""

    scheme: ClassVar[str] = "hf"
    model: str
    revision: str = DEFAULT_REVISION


@dataclass(frozen=True, slots=True)
class LocalUri:
    """A path on the node."""

    scheme: ClassVar[str] = "local"
    path: str


@dataclass(frozen=True, slots=True)
class OciUri:
    """A prefix in an Oracle object storage bucket; any part may be empty."""

    scheme: ClassVar[str] = "oci"
    namespace: str
    bucket: str
    path: str


@dataclass(frozen=True, slots=True)
class PvcUri:
    """A path inside a PersistentVolumeClaim; `namespace` is "" when the URI names none."""

    scheme: ClassVar[str] = "pvc"
    namespace: str
    claim: str
    subpath: str


@dataclass(frozen=True, slots=True)
class ImageUri:
    """A path inside an OCI image; `subpath` is "" for the whole image. OME does not know this one."""

    scheme: ClassVar[str] = "image"
    reference: str
    subpath: str = ""


@dataclass(frozen=True, slots=True)
class S3Uri:
    """A prefix in an S3 bucket; `region` is "" when the URI names none."""

    scheme: ClassVar[str] = "s3"
    bucket: str
    prefix: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class AzureUri:
    """A prefix in an Azure container; `account` is without its host suffix."""

    scheme: ClassVar[str] = "az"
    account: str
    container: str
    blob: str = ""


@dataclass(frozen=True, slots=True)
class GcsUri:
    """A prefix in a Google Cloud Storage bucket."""

    scheme: ClassVar[str] = "gs"
    bucket: str
    object: str = ""


@dataclass(frozen=True, slots=True)
class GitHubUri:
    """A release of a GitHub repository. `tag` is "" when the URI ends in `@`."""

    scheme: ClassVar[str] = "github"
    owner: str
    repository: str
    tag: str = "latest"


@dataclass(frozen=True, slots=True)
class VendorUri:
    """Something a vendor already put where it belongs."""

    scheme: ClassVar[str] = "vendor"
    vendor: str
    resource_type: str
    path: str


StorageUri: TypeAlias = (
    HuggingFaceUri | LocalUri | OciUri | PvcUri | ImageUri | S3Uri | AzureUri | GcsUri | GitHubUri | VendorUri
)
MOUNTED_BY_PODS: Final = (f"{PvcUri.scheme}://", f"{ImageUri.scheme}://")
"""How URIs begin whose files no node holds: pods mount them themselves."""

_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_AZURE_HOST: Final = ".blob.core.windows.net"


class _MalformedError(Exception):
    """The part after the prefix does not have its form."""


def _need(*parts: str) -> None:
    if not all(parts):
        raise _MalformedError


def _hugging_face(rest: str) -> HuggingFaceUri:
    model, marked, revision = rest.partition("@")
    _need(model)
    return HuggingFaceUri(model, revision if marked else DEFAULT_REVISION)


def _local(rest: str) -> LocalUri:
    _need(rest)
    return LocalUri(rest)


def _oci(rest: str) -> OciUri:
    parts = rest.split("/", 5)
    if len(parts) < 6 or parts[0::2] != ["n", "b", "o"]:
        raise _MalformedError
    return OciUri(parts[1], parts[3], parts[5])


def _pvc(rest: str) -> PvcUri:
    place, slash, subpath = rest.partition("/")
    namespace, colon, claim = place.rpartition(":")
    _need(place, slash, claim, subpath)
    if colon and not _NAMESPACE.fullmatch(namespace):
        raise _MalformedError
    return PvcUri(namespace, claim, subpath)


def _image(rest: str) -> ImageUri:
    reference, _, subpath = rest.partition("#")
    _need(reference)
    return ImageUri(reference, subpath)


def _s3(rest: str) -> S3Uri:
    if "@" in rest:
        bucket, _, place = rest.partition("@")
        region, _, prefix = place.partition("/")
    else:
        region = ""
        bucket, _, prefix = rest.partition("/")
    _need(bucket)
    return S3Uri(bucket, prefix, region)


def _azure(rest: str) -> AzureUri:
    account, _, path = rest.partition("/")
    container, _, blob = path.partition("/")
    account = account.removesuffix(_AZURE_HOST)
    _need(account, container)
    return AzureUri(account, container, blob)


def _gcs(rest: str) -> GcsUri:
    bucket, _, name = rest.partition("/")
    _need(bucket)
    return GcsUri(bucket, name)


def _github(rest: str) -> GitHubUri:
    place, marked, tag = rest.partition("@")
    owner, _, repository = place.partition("/")
    _need(owner, repository)
    return GitHubUri(owner, repository, tag if marked else "latest")


def _vendor(rest: str) -> VendorUri:
    vendor, _, more = rest.partition("/")
    resource_type, _, path = more.partition("/")
    _need(vendor, resource_type, path)
    return VendorUri(vendor, resource_type, path)


_FORMS: Final[dict[str, tuple[str, str, Callable[[str], StorageUri]]]] = {
    "oci": ("OCI", "oci://n/{namespace}/b/{bucket}/o/{path}", _oci),
    "pvc": ("PVC", "pvc://[{namespace}:]{claim}/{subpath}", _pvc),
    "vendor": ("vendor", "vendor://{vendor}/{type}/{path}", _vendor),
    "hf": ("Hugging Face", "hf://{model}[@{revision}]", _hugging_face),
    "s3": ("S3", "s3://{bucket}[@{region}][/{prefix}]", _s3),
    "az": ("Azure", "az://{account}[.blob.core.windows.net]/{container}[/{blob}]", _azure),
    "gs": ("GCS", "gs://{bucket}[/{object}]", _gcs),
    "github": ("GitHub", "github://{owner}/{repository}[@{tag}]", _github),
    "local": ("local", "local://{path}", _local),
    "image": ("image", "image://{reference}[#{path}]", _image),
}


def parse_storage_uri(text: str) -> StorageUri:
    """The parts of a storage URI. Raises: `StorageUriError`."""
    scheme, separator, rest = text.partition("://")
    form = _FORMS.get(scheme) if separator else None
    if form is None:
        raise StorageUriError(text, "", ", ".join(f"{name}://" for name in _FORMS))
    storage, wanted, read = form
    try:
        return read(rest)
    except _MalformedError:
        raise StorageUriError(text, storage, wanted) from None
