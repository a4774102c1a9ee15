"""The agent's tree below the models root: records, artifacts, partial files, journals, and the link that pods mount.

    <models root>/.omectl/models/<model>.json               what is known of the model
    <models root>/.omectl/artifacts/<model>/<revision>/     verified files only
    <models root>/.omectl/partial/<model>/<revision>/       files on their way, by number
    <models root>/.omectl/journals/<model>/<revision>       which ranges of them are written
    <models root>/<path of the model>                       a relative link to the artifact

All methods block. Methods for one model are not to run at once; for different models they may.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable

import msgspec

from omectl.api.labels import ModelKey
from omectl.modelagent.paths import PRIVATE_DIRECTORY, NodePaths, file_name_parts
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.record import ModelRecord, PublishedFile, decode_record, directory_name, encode_record
from omectl.modelagent.rooted import RootedDirectory
from omectl.modelagent.source import RemoteFile
from omectl.modelagent.transfer.job import TransferPaths

_RECORDS = (PRIVATE_DIRECTORY, "models")
_ARTIFACTS = (PRIVATE_DIRECTORY, "artifacts")
_PARTIAL = (PRIVATE_DIRECTORY, "partial")
_JOURNALS = (PRIVATE_DIRECTORY, "journals")
_RECORD_LIMIT = 64 << 20


class ModelStore:
    """See the module."""

    def __init__(self, root: RootedDirectory, paths: NodePaths) -> None:
        self._root = root
        self._paths = paths

    def records(self) -> list[ModelRecord]:
        """Every readable record."""
        found: list[ModelRecord] = []
        for name in self._root.names(*_RECORDS):
            if name.endswith(".json") and not name.startswith("."):
                record = self._read(name)
                if record is not None and f"{directory_name(record.key)}.json" == name:
                    found.append(record)
        return found

    def _read(self, name: str) -> ModelRecord | None:
        try:
            return decode_record(self._root.read(*_RECORDS, name, limit=_RECORD_LIMIT))
        except (OSError, ValueError):
            return None

    def save(self, record: ModelRecord) -> None:
        self._root.write_atomically(encode_record(record), *_RECORDS, f"{directory_name(record.key)}.json")

    def transfer_paths(self, key: ModelKey, revision: str) -> TransferPaths:
        name = directory_name(key)
        return TransferPaths(
            journal=(*_JOURNALS, name, revision),
            partial=(*_PARTIAL, name, revision),
            artifact=(*_ARTIFACTS, name, revision),
        )

    def intact_files(self, record: ModelRecord) -> set[str]:
        """The published files that still have the size and time that they had when they were verified."""
        return {file.path for file in record.files or () if self._intact(record, file)}

    def _intact(self, record: ModelRecord, file: PublishedFile) -> bool:
        artifact = self.transfer_paths(record.key, record.revision).artifact
        found = self._root.stat(*artifact, *file_name_parts(file.path))
        return (
            found is not None
            and stat.S_ISREG(found.st_mode)
            and (found.st_size, found.st_mtime_ns) == (file.size, file.mtime_ns)
        )

    def is_linked(self, record: ModelRecord) -> bool:
        """Whether the model's path leads to the artifact of its record."""
        parts = self._paths.inside(record.path)
        return self._root.read_link(*parts) == self._link_target(parts, directory_name(record.key), record.revision)

    def make_way(self, path: str) -> None:
        """See that a link may be put at `path`: ModelError when files that are not the agent's are there."""
        parts = self._paths.inside(path)
        try:
            found = self._root.stat(*parts)
            if found is None:
                with self._root.directory(*parts[:-1], create=True):
                    return
            if stat.S_ISLNK(found.st_mode) and self._is_ours(parts):
                return
            if stat.S_ISDIR(found.st_mode) and not self._root.names(*parts):
                self._root.prune_empty(*parts)
                return
        except OSError as error:
            raise _occupied(path, f"a part of it is a link or a file ({error.strerror})") from error
        raise _occupied(path, "files that are not the agent's are there")

    def publish(self, record: ModelRecord, files: Iterable[RemoteFile]) -> ModelRecord:
        """Write down what is verified and swap the link to it; answers the record as saved."""
        artifact = self.transfer_paths(record.key, record.revision).artifact
        published: list[PublishedFile] = []
        for file in files:
            found = self._root.stat(*artifact, *file_name_parts(file.path))
            if found is None:
                raise FileNotFoundError(f"{file.path} vanished before it was published")
            digest = file.digest.value if file.digest else ""
            published.append(PublishedFile(file.path, found.st_size, found.st_mtime_ns, digest))
        self._remove_others(artifact, {file.path for file in published})
        saved = msgspec.structs.replace(record, files=tuple(published))
        self.save(saved)
        self.link(saved)
        self._forget_transfer(record.key)
        return saved

    def link(self, record: ModelRecord) -> None:
        """Let the model's path lead to the artifact of its record, in one step."""
        parts = self._paths.inside(record.path)
        self.make_way(record.path)
        self._root.swap_link(self._link_target(parts, directory_name(record.key), record.revision), *parts)

    def remove_revision(self, key: ModelKey, revision: str) -> None:
        paths = self.transfer_paths(key, revision)
        self._root.remove_tree(*paths.artifact)
        self._root.remove_tree(*paths.partial)
        self._root.unlink(*paths.journal)

    def unlink(self, record: ModelRecord, path: str) -> None:
        """Take away the link at `path` if it leads to an artifact of this model, and parents that are then empty."""
        parts = self._paths.inside(path)
        own = self._link_target(parts, directory_name(record.key), "")
        if (self._root.read_link(*parts) or "").startswith(own):
            self._root.unlink(*parts)
            self._root.prune_empty(*parts[:-1])

    def remove(self, record: ModelRecord) -> None:
        """Take away everything of the model; the record goes last, so that a killed removal is taken up again."""
        self.unlink(record, record.path)
        name = directory_name(record.key)
        self._root.remove_tree(*_ARTIFACTS, name)
        self._forget_transfer(record.key)
        self._root.unlink(*_RECORDS, f"{name}.json")

    def sweep(self, records: Iterable[ModelRecord]) -> None:
        """Remove artifacts and partial files that no record knows."""
        known = {directory_name(record.key) for record in records}
        for place in (_ARTIFACTS, _PARTIAL, _JOURNALS):
            for name in self._root.names(*place):
                if name not in known:
                    self._root.remove_tree(*place, name)

    def _forget_transfer(self, key: ModelKey) -> None:
        self._root.remove_tree(*_PARTIAL, directory_name(key))
        self._root.remove_tree(*_JOURNALS, directory_name(key))

    def _remove_others(self, artifact: tuple[str, ...], keep: Collection[str], below: tuple[str, ...] = ()) -> None:
        for name in self._root.names(*artifact, *below):
            path = (*below, name)
            found = self._root.stat(*artifact, *path)
            if found is not None and stat.S_ISDIR(found.st_mode):
                self._remove_others(artifact, keep, path)
            elif "/".join(path) not in keep:
                self._root.unlink(*artifact, *path)

    def _link_target(self, parts: tuple[str, ...], *below: str) -> str:
        """From the link at `parts` to what is `below` the artifacts, as a relative path."""
        return "/".join((*[os.pardir] * (len(parts) - 1), *_ARTIFACTS, *below))

    def _is_ours(self, parts: tuple[str, ...]) -> bool:
        return (self._root.read_link(*parts) or "").startswith(self._link_target(parts, ""))


def _occupied(path: str, what: str) -> ModelError:
    return ModelError(
        Reason.PATH_OCCUPIED,
        f"The model's link cannot be put at {path!r}: {what}.",
        "Move them away, or set storage.path to another directory below the models root.",
    )
