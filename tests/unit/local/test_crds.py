"""Reading manifests from files and folders."""

import json
from pathlib import Path

import pytest

from omectl.local.crds import InvalidManifest, read_definitions, read_documents


def definition(name: str) -> dict[str, object]:
    return {"kind": "CustomResourceDefinition", "metadata": {"name": name}}


def test_folders_files_and_several_documents_are_read_in_order_of_name(tmp_path: Path) -> None:
    folder = tmp_path / "crds"
    folder.mkdir()
    (folder / "b.yaml").write_text("kind: CustomResourceDefinition\nmetadata: {name: two}\n---\n---\nkind: Namespace\n")
    (folder / "a.json").write_text(json.dumps(definition("one")))
    (folder / "notes.txt").write_text("kind: CustomResourceDefinition")
    alone = tmp_path / "alone.yml"
    alone.write_text("kind: CustomResourceDefinition\nmetadata: {name: three}\n")
    assert [found["metadata"] for found in read_definitions([folder, alone])] == [
        {"name": "one"},
        {"name": "two"},
        {"name": "three"},
    ]
    assert len(read_documents([folder, alone])) == 4


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("broken.yaml", "a: [1", "broken.yaml: wanted YAML or JSON"),
        ("broken.json", "{", "broken.json: wanted YAML or JSON"),
        ("list.json", "[1]", "list.json, document 1: wanted an object with a kind"),
        ("second.yaml", "kind: A\n---\njust text\n", "second.yaml, document 2: wanted an object with a kind"),
    ],
)
def test_file_that_is_no_manifest_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidManifest, match=said):
        read_documents([tmp_path])


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match=r"gone\.yaml"):
        read_documents([tmp_path / "gone.yaml"])
