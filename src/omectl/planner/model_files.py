"""Where a model's or a weight's files come from, as the volume of a pod.

Files on a node's disk are a host path. A claim (`pvc://`) and an image (`image://`) are mounted by the kubelet itself,
on whichever node the pod runs.
"""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from omectl.api.installation import SETTINGS_CONFIG_MAP
from omectl.api.json import JsonObject, JsonValue
from omectl.api.model_path import default_model_path
from omectl.api.storage import StorageSpec
from omectl.api.storage_uri import ImageUri, PvcUri, StorageUri, StorageUriError, VendorUri, parse_storage_uri
from omectl.planner.result import PlanRefused, Reason

NOT_READY: Final = "BaseModelNotReady"
MOUNTED_AT: Final = "/mnt/model"
"""Where a claim or an image is mounted when the storage names no path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A volume and where it is mounted.

    `source` is the volume's source, `subpath` the part of it that is mounted ("" is all), `on_nodes` whether only nodes
    that brought the files have them. `namespace` is that of a claim, "" when the URI names none.
    """

    path: str
    source: JsonObject = field(default_factory=dict[str, JsonValue])
    subpath: str = ""
    on_nodes: bool = True
    namespace: str = ""

    def mount(self, volume: str, path: str = "") -> JsonObject:
        """A read-only mount of the volume of that name, at the files' own path unless another is given."""
        made: JsonObject = {"name": volume, "mountPath": path or self.path, "readOnly": True}
        if self.subpath:
            made["subPath"] = self.subpath
        return made


def files_of(storage: StorageSpec, models_root: str) -> ModelFiles:
    """The files of a storage; a URI that cannot be read is taken for files on the nodes. Raises nothing."""
    path, mounted = storage.path or default_model_path(models_root, storage.storage_uri), storage.path or MOUNTED_AT
    match _parsed(storage.storage_uri):
        case PvcUri(namespace=namespace, claim=claim, subpath=subpath):
            source: JsonObject = {"persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
            return ModelFiles(path=mounted, source=source, subpath=_plain(subpath), on_nodes=False, namespace=namespace)
        case ImageUri(reference=reference, subpath=subpath):
            source = {"image": {"reference": reference, "pullPolicy": "IfNotPresent"}}
            return ModelFiles(path=mounted, source=source, subpath=_plain(subpath), on_nodes=False)
        case VendorUri():
            # Nobody looked whether that is a directory or a file.
            return ModelFiles(path=path, source={"hostPath": {"path": path}})
        case _:
            # Where the directory is missing a pod waits; without the type it would get an empty one.
            return ModelFiles(path=path, source={"hostPath": {"path": path, "type": "Directory"}})


def check_files(files: ModelFiles, whose: str, namespace: str, models_root: str) -> None:
    """Refuse files that pods of that namespace may not or cannot mount; `whose` they are. Raises `PlanRefused`."""
    path, root = PurePosixPath(files.path), PurePosixPath(models_root)
    if files.on_nodes:
        # A pod mounts the path from its node's disk, so it must be a model's place and no other directory.
        if ".." in path.parts or path == root or not path.is_relative_to(root):
            message = f"spec.storage.path of {whose}: {files.path} lies outside the models root {root}"
            setting = f"modelsRoot under the key omectl of ConfigMap {SETTINGS_CONFIG_MAP}"
            step = f"choose a path below {root}, or change {setting}"
            raise PlanRefused(Reason.MODEL, message, step, failure=NOT_READY)
        return
    if not path.is_absolute() or path == PurePosixPath("/") or ".." in path.parts or ":" in files.path:
        message = (
            f"spec.storage.path of {whose}: wanted an absolute path without .. and colons, found {files.path!r:.200}"
        )
        raise PlanRefused(Reason.MODEL, message, "correct the path, or leave it out", failure=NOT_READY)
    if ".." in PurePosixPath(files.subpath).parts:
        message = f"spec.storage.storageUri of {whose}: {files.subpath!r:.200} leads out of the volume"
        raise PlanRefused(Reason.MODEL, message, "name a path without ..", failure=NOT_READY)
    if files.namespace not in ("", namespace):
        message = (
            f"spec.storage.storageUri of {whose}: the claim is in namespace {files.namespace}, and pods of namespace "
            f"{namespace} can mount claims of their own namespace only"
        )
        step = f"put the service into namespace {files.namespace}, or make a claim in {namespace} and a model for it"
        raise PlanRefused(Reason.MODEL, message, step, failure=NOT_READY)


def _parsed(uri: str) -> StorageUri | None:
    try:
        return parse_storage_uri(uri)
    except StorageUriError:
        return None


def _plain(subpath: str) -> str:
    """A path inside a volume as the API server takes it: relative, without empty parts; "" is the whole volume."""
    return "/".join(part for part in subpath.split("/") if part not in ("", "."))
