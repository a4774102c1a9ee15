"""Objects in files, as commands read and print them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omectl.api.json import JsonObject, JsonValue

_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Item:
    """What stands in a file's document, counted from 1: an object, or what should be one. `mistake` ends the file."""

    file: str
    document: int
    value: "JsonValue"
    mistake: str = ""


def documents(files: Iterable[str]) -> "Iterable[tuple[str, JsonObject]]":
    """Each object with the file and the document that it stands in. Raises: `CliFailure`."""
    from omectl.cli.failure import CliFailure

    for one in items_of(files):
        if one.mistake:
            raise CliFailure(f"{one.file}: wanted YAML or JSON, found: {one.mistake}; correct the file", 2)
        where = f"{one.file}, document {one.document}"
        if not isinstance(one.value, dict):
            raise CliFailure(f"{where}: wanted an object, found {type(one.value).__name__}; correct the file", 2)
        yield where, one.value


def items_of(files: Iterable[str]) -> Iterator[Item]:
    """All that the files hold, those of a list one by one. What follows a mistake in a file is lost, others are read.

    Raises: `CliFailure` for a file that cannot be opened.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for name, text in _texts_of(files):
        number = 0
        try:
            for number, document in enumerate(yaml.load_all(text, Loader=loader), 1):
                yield from (Item(name, number, one) for one in _in_document(document))
        except yaml.YAMLError as error:
            reason = " ".join(str(error).replace('"<unicode string>"', name).split())
            yield Item(name, number + 1, None, reason)


def _texts_of(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each file with its text; of a folder every manifest in it. Raises: `CliFailure`."""
    import sys

    from omectl.cli.failure import CliFailure

    for name in files:
        path = Path(name)
        if name == "-":
            yield "standard input", sys.stdin.read()
            continue
        paths = sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES) if path.is_dir() else [path]
        for one in paths:
            try:
                yield str(one), one.read_text(encoding="utf-8")
            except OSError as error:
                raise CliFailure(f"{one}: wanted a manifest, found: {error.strerror}; correct the path", 2) from error
            except UnicodeDecodeError as error:
                raise CliFailure(f"{one}: wanted text in UTF-8, found: {error}; save the file so", 2) from error


def _in_document(document: "JsonValue") -> "list[JsonValue]":
    """What a document holds: itself, or the items of a list; nothing when it is empty."""
    if not isinstance(document, dict):
        return [] if document is None else [document]
    items = document.get("items")
    return items if isinstance(items, list) and str(document.get("kind", "")).endswith("List") else [document]


def rendered(objects: "list[JsonObject]", *, as_json: bool, alone: bool = False) -> str:
    """The objects as a stream of YAML documents, or as one JSON list; with `alone`, a single one without a list."""
    if as_json:
        import msgspec

        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        whole = objects[0] if alone and len(objects) == 1 else listed
        return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return "".join(f"---\n{yaml.dump(obj, Dumper=dumper, sort_keys=False, allow_unicode=True)}" for obj in objects)
