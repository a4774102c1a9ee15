"""Reading a model's small files and headers from where a command names it: a folder, one file, or a hub's repository.

Of weights only the headers are read, over HTTP by ranges.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from omectl.cli.failure import CliFailure, extra_needed

if TYPE_CHECKING:
    from omectl.api.facts import ModelFacts
    from omectl.modelagent.problems import ModelError
    from omectl.modelparser import ModelParseError, ModelReading

_DEADLINE_S = 120
_MOST_FILES = 20_000
_WITHOUT_PATTERNS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class ReadModel:
    """What the files that an agent would choose tell of the model, and the bytes that they have together.

    `unread` are weight files whose headers could not be understood; the facts are those of the others. `read_bytes` is
    what was read to know all this.
    """

    facts: "ModelFacts"
    size_bytes: int
    files: int
    read_bytes: int
    unread: "tuple[ModelParseError, ...]" = ()


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of a hub. `revision` is a branch, a tag or a commit, and "" the default branch."""

    endpoint: str
    name: str
    revision: str = ""
    token: str | None = field(default=None, repr=False)


def read_folder(folder: Path, patterns: Mapping[str, str] = _WITHOUT_PATTERNS) -> ReadModel:
    """A model in a folder. `patterns` are those of a model's `storage.parameters`.

    Raises: `CliFailure`, `OSError`, and `ModelParseError` when no document says what the model is.
    """
    from omectl.modelparser import ALLOW_PARAMETER, ModelReading, model_files

    sizes = _listing(folder)
    chosen = model_files(list(sizes), patterns)
    if not chosen:
        found = f"none of the {len(sizes)} files in {folder} is part of a model by its name"
        raise CliFailure(f"{found}; name them in storage.parameters with {ALLOW_PARAMETER}", 2)
    # As of a repository, the card is read although it is not part of the model.
    reading = ModelReading({name: size for name, size in sizes.items() if name in {*chosen, "README.md"}})
    read_bytes = _feed_from(reading, folder)
    facts = reading.facts().model_copy(update={"files": len(chosen)})
    return ReadModel(facts, sum(sizes[name] for name in chosen), len(chosen), read_bytes, reading.problems)


def read_file(path: Path) -> ReadModel:
    """One file: a weight file by its header, or a document such as `config.json` without what lies beside it.

    Raises: as `read_folder`.
    """
    from omectl.modelparser import (
        ModelReading,
        header_bytes,
        name_in_model,
        parse_safetensors_header,
        weight_file_facts,
    )

    size, name = path.stat().st_size, name_in_model(path.name)
    if name is None:
        wanted = "a model's folder, a .safetensors or .gguf file, or a .json document"
        raise CliFailure(f"wanted {wanted}, found {path}; name the folder (pickles are never opened)", 2)
    if name.lower().endswith(".safetensors"):
        end = header_bytes(_read_range(path, 0, 8), size, path=name)
        header = parse_safetensors_header(_read_range(path, 0, end), size, path=name)
        return ReadModel(weight_file_facts(header), size, 1, end)
    reading = ModelReading({name: size})
    read_bytes = _feed_from(reading, path.parent, {name: path})
    return ReadModel(reading.facts(), size, 1, read_bytes, reading.problems)


def _feed_from(reading: "ModelReading", folder: Path, named: Mapping[str, Path] | None = None) -> int:
    """Read what is wanted, of files in the folder or those that are named; how many bytes that were."""
    read_bytes = 0
    while requests := reading.wanted():
        for request in requests:
            path = (named or {}).get(request.path) or folder / request.path
            data = _read_range(path, request.start, request.length)
            read_bytes += len(data)
            reading.feed(request, data)
    return read_bytes


def _read_range(path: Path, start: int, length: int) -> bytes:
    # A pipe that took a file's place would wait for a writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, length, start) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    finally:
        os.close(descriptor)


def _listing(folder: Path) -> dict[str, int]:
    """The sizes of all files below a folder, in lexical order. Links to files are followed, those to folders not."""
    sizes: dict[str, int] = {}
    for here, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # a link to nowhere
            if stat.S_ISREG(found.st_mode):
                sizes[path.relative_to(folder).as_posix()] = found.st_size
        if len(sizes) > _MOST_FILES:
            found = f"more than {_MOST_FILES} files in {folder}"
            raise CliFailure(f"wanted the folder of one model, found {found}; name one further down", 2)
    return sizes


def _raise(error: OSError) -> None:
    raise error


def read_repository(repository: Repository, patterns: Mapping[str, str] = _WITHOUT_PATTERNS) -> ReadModel:
    """A repository of a hub, at one commit. `patterns` are those of a model's `storage.parameters`.

    Raises: `ModelError` of the agent, `TimeoutError`, and `ModelParseError` when no document says what the model is.
    """
    import asyncio

    from omectl.cli.logs import set_up_quiet_logging

    set_up_quiet_logging()
    return asyncio.run(_read_repository(repository, patterns))


async def _read_repository(repository: Repository, patterns: Mapping[str, str]) -> ReadModel:
    import asyncio

    with extra_needed("agent"):
        from omectl.modelagent.metadata import read_hub_facts
        from omectl.modelagent.storage.http import SmallReadOptions, SmallReads
        from omectl.modelagent.storage.hub import HubBackend

    try:
        async with asyncio.timeout(_DEADLINE_S), SmallReads(SmallReadOptions()) as reads:
            hub = HubBackend(repository.endpoint, reads)
            source = await hub.resolve(repository.name, repository.revision, patterns, repository.token)
            read = await read_hub_facts(source, reads)
    except TimeoutError:
        raise TimeoutError(f"no answer within {_DEADLINE_S} s; try again, or name another hub") from None
    if read.facts is None:
        raise read.unread[0]
    size = sum(file.size for file in source.files)
    return ReadModel(read.facts, size, len(source.files), read.read_bytes, read.unread)


def hub_failure(error: "ModelError", if_private: str) -> CliFailure:
    """Why a hub does not tell a model, in a command's words: an agent's next steps are not a user's.

    `if_private` is what the command lets a user do about a repository that is not for everybody.
    """
    from omectl.modelagent.problems import Reason

    by_whom = f"correct the name, or {if_private}"
    steps = {
        Reason.ACCESS_DENIED: by_whom,
        Reason.MODEL_NOT_FOUND: by_whom,
        Reason.REVISION_NOT_FOUND: "name a branch, a tag or a commit of the repository",
        Reason.INSECURE_ENDPOINT: "use https",
        Reason.URI_INVALID: "write hf://organisation/name or hf://organisation/name@revision",
        Reason.NOTHING_TO_DOWNLOAD: "name the repository of a model",
        Reason.HUB_UNREACHABLE: "check the address and the network, and try again",
        Reason.RATE_LIMITED: f"wait, or {if_private}",
        Reason.TRANSFER_INTERRUPTED: "try again",
    }
    return CliFailure(f"{error.message.rstrip('.')}; {steps.get(error.reason) or error.next_step}")
