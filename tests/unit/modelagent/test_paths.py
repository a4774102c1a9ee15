"""Names and paths that a hostile listing or object could hold."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.model_path import default_model_path
from omectl.modelagent.paths import NodePaths, check_file_names, file_name_parts
from omectl.modelagent.problems import ModelError, Reason

ROOT = NodePaths(PurePosixPath("/raid/models"), PurePosixPath("/tmp/node-a"))


@pytest.mark.parametrize(
    "name",
    [
        *("", "/etc/passwd", "../outside", "a/../../b", "a/..", ".", "a//b", "a/", "./a"),
        *("a\0b", "a\nb", "a\\b", "C:evil", "a\u202egnp.exe", "a\udcff", ".omectl/models/x.json", ".OMECTL/x"),
        *("x" * 256, "/".join(["x" * 200] * 6)),
    ],
)
def test_a_hostile_file_name_is_refused(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        file_name_parts(name)
    assert caught.value.reason is Reason.UNSAFE_FILE_NAME


@pytest.mark.parametrize("name", ["config.json", "1_Pooling/config.json", "a/..b/c", "...", "модель.safetensors"])
def test_a_plain_file_name_is_taken(name: str) -> None:
    assert "/".join(file_name_parts(name)) == name


@pytest.mark.parametrize(
    "names",
    [
        ["config.json", "Config.json"],
        ["a", "a/b"],
        ["a/b", "a"],
        ["A/x", "a/y"],
        ["caf\u00e9.txt", "cafe\u0301.txt"],
        ["stra\u00dfe", "STRASSE"],
    ],
)
def test_names_that_could_meet_on_disk_are_refused(names: list[str]) -> None:
    with pytest.raises(ModelError, match=r"meets|not a directory"):
        check_file_names(names)


@given(st.text(max_size=40))
def test_what_is_taken_never_leaves_its_directory(name: str) -> None:
    try:
        parts = file_name_parts(name)
    except ModelError:
        return
    inside = PurePosixPath("/base").joinpath(*parts)
    assert inside.parts[:2] == ("/", "base")
    assert len(inside.parts) == 2 + len(parts)


@pytest.mark.parametrize(
    "path",
    [
        *("/etc", "/raid/modelsx/a", "/raid", "relative", "/raid/models/../x", "/raid/models", "/raid/models/"),
        *("/raid/models/.omectl/artifacts/x", "/raid/models/a\0b", ""),
    ],
)
def test_a_path_that_is_not_below_the_models_root_is_refused(path: str) -> None:
    with pytest.raises(ModelError) as caught:
        ROOT.inside(path)
    assert caught.value.reason is Reason.PATH_OUTSIDE_ROOT
    assert "/raid/models" in caught.value.message
    assert repr(path) in caught.value.message


def test_a_path_below_the_models_root_is_named_from_there() -> None:
    assert ROOT.inside("/raid/models/meta/llama") == ("meta", "llama")
    assert ROOT.root_on_disk == PurePosixPath("/tmp/node-a/raid/models")


def test_the_path_of_a_model_that_names_none_is_inside_the_models_root() -> None:
    assert ROOT.inside(default_model_path(str(ROOT.models_root), "hf://../../x")) == ("hf", "x")
