"""The pinned tool modules agree with the programs and versions that the code names."""

import re

import pytest

from omectl.local.assets import KUBERNETES_VERSION, KWOK_VERSION, LWS_VERSION, Binary
from omectl.local.assets.build import TARGETS, tools_directory
from omectl.local.third_party import SOURCES, Project


@pytest.mark.parametrize(
    ("module", "requirement"),
    [
        ("kubernetes", f"k8s.io/kubernetes v{KUBERNETES_VERSION}"),
        ("kwok", f"sigs.k8s.io/kwok v{KWOK_VERSION}"),
        ("lws", f"sigs.k8s.io/lws v{LWS_VERSION}"),
    ],
)
def test_module_requires_the_version_that_the_cache_is_named_for(module: str, requirement: str) -> None:
    folder = tools_directory() / module
    assert re.search(rf"^(require)?\s+{re.escape(requirement)}$", (folder / "go.mod").read_text(), re.MULTILINE)
    assert f"{requirement} h1:" in (folder / "go.sum").read_text()


def test_controller_of_groups_and_their_definition_are_of_one_version() -> None:
    source = SOURCES[Project.LEADER_WORKER_SET]
    assert source.version == f"v{LWS_VERSION}"
    assert f"{source.module} {source.version} {source.digest}\n" in (tools_directory() / "lws" / "go.sum").read_text()


@pytest.mark.parametrize("binary", list(Binary))
def test_every_program_is_imported_by_its_tools_module(binary: Binary) -> None:
    target = TARGETS[binary]
    assert f'_ "{target.package}"' in (tools_directory() / target.module / "tools.go").read_text()
