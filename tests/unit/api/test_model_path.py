from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.model_path import default_model_path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("hf://org/name@main", "/raid/models/hf/org/name@main"),
        ("hf://../../x", "/raid/models/hf/x"),
        ("s3://bucket//a/./b/", "/raid/models/s3/bucket/a/b"),
        ("local:///mnt/x\0", "/mnt/x"),
        ("local:///raid/models/a/../b", "/raid/models/a/b"),
        ("local://rel", "/raid/models/local/rel"),
    ],
)
def test_a_model_without_a_path_gets_one_from_its_uri(uri: str, path: str) -> None:
    assert default_model_path("/raid/models", uri) == path


def test_a_slash_behind_the_models_root_changes_nothing() -> None:
    assert default_model_path("/raid/models/", "hf://a/b") == "/raid/models/hf/a/b"


@given(st.text(alphabet="a./:\\\0@", max_size=30))
def test_no_uri_leads_outside_the_models_root(uri: str) -> None:
    path = PurePosixPath(default_model_path("/raid/models", uri))
    assert path.is_relative_to("/raid/models") or uri.startswith("local:///")
    assert ".." not in path.parts
