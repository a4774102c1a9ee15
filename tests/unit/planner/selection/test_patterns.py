"""Lists, globs and `any` beside the older fields (D 7), and capabilities (D 28)."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planner.build import entry, runtime
from tests.unit.planner.selection.parts import name_of, picked

from omectl.planner.selection.patterns import glob_matches


def listing(**lists: Any) -> dict[str, Any]:
    return entry(**lists)


@pytest.mark.parametrize(
    ("architectures", "found", "fits"),
    [
        (["Llama*", "Qwen2*"], "LlamaForCausalLM", True),
        (["Llama*", "Qwen2*"], "Qwen2ForCausalLM", True),
        (["Llama*", "Qwen2*"], "Qwen3ForCausalLM", False),
        (["llama*"], "LlamaForCausalLM", False),
        (["*ForCausalLM"], "LlamaForCausalLM", True),
        (["any"], "Llama", True),
        (["any"], None, True),
        (["none"], None, True),
        (["none"], "none", False),
        (["*"], None, False),
        (["Llama*"], None, False),
    ],
)
def test_one_of_the_listed_architectures_has_to_match(architectures: list[str], found: str | None, fits: bool) -> None:
    """D 7: the list takes the place of `modelArchitecture`, which may stay for OME."""
    ours = runtime("a", listing(modelArchitectures=architectures, modelArchitecture="Other"))
    assert (name_of(picked(ours, modelArchitecture=found)) == "a") is fits


@pytest.mark.parametrize(
    ("quantizations", "found", "fits"),
    [
        (["none", "fp8"], None, True),
        (["none", "fp8"], "fp8", True),
        (["none", "fp8"], "int4", False),
        (["*fp8"], "fbgemm_fp8", True),
        (["any"], "int4", True),
        ([], None, True),
        ([], "fp8", False),
    ],
)
def test_one_of_the_listed_quantizations_has_to_match(quantizations: list[str], found: str | None, fits: bool) -> None:
    """D 7; an empty list is as good as none."""
    assert (name_of(picked(runtime("a", listing(quantizations=quantizations)), quantization=found)) == "a") is fits


def test_the_older_fields_are_names_and_never_globs() -> None:
    """Q16: and absence there does not mean any."""
    for text in ("*", "any", "Llama*"):
        assert name_of(picked(runtime("a", entry(modelArchitecture=text)))) == ""


def test_a_list_that_does_not_match_is_told_as_it_is_written() -> None:
    found = picked(runtime("a", listing(modelArchitectures=["Qwen*", "Phi*"])))
    assert found.candidates[0].reasons == ("architecture: wanted Qwen* or Phi*, found Llama",)
    assert found.candidates[0].codes == ("ArchitectureMismatch",)


@pytest.mark.parametrize(
    ("closer", "farther"),
    [
        ({}, {"modelArchitectures": ["Llama*"]}),
        ({"modelArchitectures": ["Llama"]}, {"modelArchitectures": ["Llama", "Qwen2"]}),
        ({"modelArchitectures": ["Llama", "Qwen2"]}, {"modelArchitectures": ["any"]}),
        ({}, {"quantizations": ["any"]}),
        ({}, {"quantizations": ["none", "fp8"]}),
        ({}, {"modelFrameworkVersions": ">=4"}),
        ({"modelFrameworkVersions": ">=4"}, {"modelFrameworkVersions": ">=4", "modelArchitectures": ["Llama*"]}),
        ({"requiredCapabilities": ["TEXT_TO_TEXT"]}, {}),
    ],
)
def test_the_entry_that_says_more_of_the_model_is_preferred(closer: Any, farther: Any) -> None:
    """D 1: what is pinned to one value first, then what is narrowed."""
    found = picked(runtime("z", entry(**closer)), runtime("a", entry(**farther)), modelCapabilities=["TEXT_TO_TEXT"])
    assert name_of(found) == "z"
    assert not found.ambiguous


@pytest.mark.parametrize(
    ("wanted", "found", "missing"),
    [
        (["TEXT_TO_TEXT"], ["TEXT_TO_TEXT", "EMBEDDING"], ""),
        (["text-to-text"], ["TEXT_TO_TEXT"], ""),
        (["EMBEDDING", "RERANK"], ["EMBEDDING"], "capability: wanted RERANK, found EMBEDDING"),
        (["EMBEDDING"], None, "capability: wanted EMBEDDING, found none"),
    ],
)
def test_an_entry_may_require_capabilities(wanted: list[str], found: list[str] | None, missing: str) -> None:
    """D 28."""
    chosen = picked(runtime("a", listing(requiredCapabilities=wanted)), modelCapabilities=found)
    assert (name_of(chosen) == "a") is not bool(missing)
    if missing:
        assert chosen.candidates[0].reasons == (missing,)
        assert chosen.candidates[0].codes == ("CapabilityMissing",)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_a_glob_is_the_regular_expression_that_it_looks_like(pattern: str, text: str) -> None:
    wanted = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None
    assert glob_matches(pattern, text) is wanted
