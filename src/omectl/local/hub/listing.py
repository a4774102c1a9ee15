"""The hub's JSON: model descriptions and trees."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from omectl.api.json import JsonObject, JsonValue
from omectl.local.hub.options import FileFault
from omectl.local.hub.repository import HubFile, Snapshot

FaultOf = Callable[[str], FileFault | None]


def describe(
    name: str, snapshot: Snapshot, *, gated: bool, blobs: bool, fault_of: FaultOf, extra: Iterable[str]
) -> JsonObject:
    """What `/api/models/<name>` answers; with `blobs`, sizes and digests of the files too."""
    siblings: list[JsonValue] = []
    for file in snapshot.files.values():
        sibling: JsonObject = {"rfilename": file.path}
        if blobs:
            size, digest = _claimed(file, fault_of(file.path))
            sibling |= {"size": size, "blobId": file.blob}
            if file.large:
                sibling["lfs"] = {"sha256": digest, "size": size, "pointerSize": file.pointer_size}
        siblings.append(sibling)
    siblings.extend({"rfilename": path, "size": 0, "blobId": "0" * 40} for path in extra)
    modified = datetime.fromtimestamp(snapshot.modified_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "_id": hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:24],
        "id": name,
        "modelId": name,
        "author": name.partition("/")[0],
        "sha": snapshot.commit,
        "private": False,
        "gated": "manual" if gated else False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "lastModified": modified,
        "createdAt": modified,
        "siblings": siblings,
    }


def tree(
    snapshot: Snapshot, folder: str, *, recursive: bool, fault_of: FaultOf, extra: Iterable[str]
) -> list[JsonValue] | None:
    """The entries of a folder ("" is the root), files and folders; None when there is no such folder."""
    prefix = f"{folder}/" if folder else ""
    inside = [file for path, file in snapshot.files.items() if path.startswith(prefix)]
    if not inside and folder:
        return None
    folders: dict[str, JsonValue] = {}
    entries: list[tuple[str, JsonValue]] = []
    for file in inside:
        parts = file.path[len(prefix) :].split("/")
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            path = prefix + "/".join(parts[:depth])
            oid = hashlib.sha1(
                f"{snapshot.commit}/{path}".encode("utf-8", "replace"), usedforsecurity=False
            ).hexdigest()
            folders.setdefault(path, {"type": "directory", "oid": oid, "size": 0, "path": path})
        if recursive or len(parts) == 1:
            entries.append((file.path, entry(file, fault_of(file.path))))
    listed = sorted([*folders.items(), *entries], key=lambda item: item[0])
    result = [value for _, value in listed]
    result.extend({"type": "file", "oid": "0" * 40, "size": 0, "path": path} for path in extra)
    return result


def entry(file: HubFile, fault: FileFault | None) -> JsonObject:
    """A file as trees list it."""
    size, digest = _claimed(file, fault)
    result: JsonObject = {"type": "file", "oid": file.blob, "size": size, "path": file.path}
    if file.large:
        result["lfs"] = {"oid": digest, "size": size, "pointerSize": file.pointer_size}
    return result


def _claimed(file: HubFile, fault: FileFault | None) -> tuple[int, str]:
    size = fault.listed_size if fault is not None and fault.listed_size is not None else file.size
    return size, (fault.listed_digest if fault is not None and fault.listed_digest else file.sha256)
