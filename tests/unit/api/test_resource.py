"""How kinds are named."""

import pytest

from omectl.api.resource import ResourceKind


@pytest.mark.parametrize(
    ("group", "named"),
    [
        ("", ("v1", "Thing", "things")),
        ("x.example.com", ("x.example.com/v1", "Thing.x.example.com", "things.x.example.com")),
    ],
)
def test_a_kind_is_named_with_its_group_unless_that_is_the_core(group: str, named: tuple[str, ...]) -> None:
    kind = ResourceKind(group, "v1", "Thing", "things", namespaced=True)
    assert (kind.api_version, kind.group_kind, kind.group_resource) == named
