"""Objects in files, as commands read and print them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omectl.api.json import JsonObject, JsonValue

_SUFFIXES = (".yaml", ".yml", ".json")


def documents(files: Iterable[str]) -> "Iterable[tuple[str, JsonObject]]":
    """Each object with the file and the document that it stands in. Raises: `CliFailure`."""
    import yaml

    from omectl.cli.failure import CliFailure

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for name, text in texts_of(files):
        try:
            for number, document in enumerate(yaml.load_all(text, Loader=loader), 1):
                where = f"{name}, document {number}"
                yield from ((where, obj) for obj in _objects(where, document))
        except yaml.YAMLError as error:
            reason = " ".join(str(error).replace('"<unicode string>"', name).split())
            raise CliFailure(f"{name}: wanted YAML or JSON, found: {reason}; correct the file", 2) from error


def texts_of(files: Iterable[str]) -> Iterable[tuple[str, str]]:
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


def _objects(where: str, document: "JsonValue") -> "list[JsonObject]":
    """The objects of a document: itself, or the items of a list; none when it is empty."""
    from omectl.api.document import as_objects
    from omectl.cli.failure import CliFailure

    if document is None:
        return []
    if not isinstance(document, dict):
        raise CliFailure(f"{where}: wanted an object, found {type(document).__name__}; correct the file", 2)
    items = document.get("items")
    is_list = str(document.get("kind", "")).endswith("List") and isinstance(items, list)
    return as_objects(items) if is_list else [document]


def rendered(objects: "list[JsonObject]", *, as_json: bool) -> str:
    """The objects as a stream of YAML documents, or as one JSON list."""
    if as_json:
        import msgspec

        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        return msgspec.json.format(msgspec.json.encode(listed), indent=2).decode() + "\n"
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return "".join(f"---\n{yaml.dump(obj, Dumper=dumper, sort_keys=False, allow_unicode=True)}" for obj in objects)
