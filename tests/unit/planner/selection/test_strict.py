"""What strict selection refuses, and how many of the reasons are told (D 1, D 17, D 25)."""

import pytest
from tests.unit.planner.build import NAMESPACE, condition, entry, made, runtime, service
from tests.unit.planner.selection.parts import E0, classes, name_of, picked

from omectl.api.settings import OmectlSettings, SelectionSettings, Settings
from omectl.planner.selection.choice import Outcome


def test_strict_selection_refuses_a_pick_that_only_the_name_decides() -> None:
    """D 1."""
    found = picked(runtime("b", E0), runtime("a", E0), strict=True)
    assert (found.outcome, found.runtime, found.entry, found.ambiguous) == (Outcome.AMBIGUOUS, None, None, True)
    assert found.problem is not None
    assert "runtimes a, b fit model m" in found.problem.message
    assert "name one in spec.runtime" in found.problem.next_step
    assert {one.rank for one in found.candidates} == {1, 2}


def test_a_tie_behind_the_first_is_not_ambiguous() -> None:
    found = picked(runtime("a", entry(priority=2)), runtime("b", E0), runtime("c", E0), strict=True)
    assert (name_of(found), found.ambiguous) == ("a", False)


def test_the_names_of_a_large_tie_are_capped() -> None:
    found = picked(*(runtime(f"r{index:02}", E0) for index in range(12)))
    assert "r07 and 4 more fit equally well" in found.warnings[0]


@pytest.mark.parametrize("strict", [False, True])
def test_the_settings_decide_how_a_plan_is_made(strict: bool) -> None:
    """D 17: a named runtime that does not list the model is used with a warning, unless selection is strict."""
    settings = Settings(omectl=OmectlSettings(selection=SelectionSettings(strict=strict)))
    other = runtime("x", entry(modelArchitecture="Qwen2"))
    found = made(service(runtime={"name": "x"}), other, settings=settings)
    assert (found.problem is not None) is strict
    assert bool(found.objects) is not strict
    if not strict:
        assert "runtime x does not list model m" in found.explanation.warnings[0]
        assert found.explanation.candidates[0].codes == ("ArchitectureMismatch",)
        assert found.explanation.candidates[0].entry is None
        assert condition(found, "Ready")


def test_the_ranking_of_the_settings_is_the_plans() -> None:
    pair = [runtime("a", E0, modelSizeRange={"min": "7B", "max": "9B"}), runtime("z", E0)]
    ome = Settings(omectl=OmectlSettings(selection=SelectionSettings(ranking="ome")))
    assert made(None, *pair).explanation.runtime == "a"
    assert made(None, *pair, settings=ome).explanation.runtime == "z"


def test_a_named_runtime_that_cannot_serve_is_refused_and_no_advice_is_given() -> None:
    """D 17: what is missing is no matter of the runtime's lists."""
    asked = service(runtime={"name": "x"}, acceleratorSelector={"acceleratorClass": "H100"})
    found = picked(runtime("x", entry(modelArchitecture="Qwen2"), **classes("A100")), asked=asked)
    assert found.outcome is Outcome.RUNTIME_UNSUITABLE
    assert set(found.candidates[0].codes) == {"AcceleratorUnsupported", "ArchitectureMismatch"}


def test_a_named_runtime_waits_for_a_models_facts() -> None:
    asked = service(runtime={"name": "x"})
    found = picked(runtime("x", E0), asked=asked, modelArchitecture=None)
    assert found.outcome is Outcome.MODEL_UNKNOWN


def test_the_nearest_misses_come_first_and_the_rest_is_counted() -> None:
    """D 25."""
    far = [runtime(f"f{index}", entry(modelArchitecture="Qwen2", quantization="int4")) for index in range(4)]
    near = runtime("near", entry(autoSelect=False))
    found = picked(*far, near)
    assert [one.name for one in found.candidates] == ["near", "f0", "f1", "f2", "f3"]
    assert found.problem is not None
    assert "nearest: near (it may only be chosen by name" in found.problem.message
    assert found.problem.message.endswith("; and 2 more")


def test_an_entry_that_only_may_not_be_chosen_is_nearer_than_one_that_does_not_match() -> None:
    found = picked(runtime("a", entry(modelArchitecture="Qwen2", priority=9), entry(autoSelect=False)))
    assert found.candidates[0].codes == ("NotAutoSelectable",)


def test_a_service_that_wants_a_decoder_gets_a_runtime_that_has_one() -> None:
    """D 9: and one that wants none is not given half of a pair, but a single node before several."""
    pair = runtime("a", E0, decoderConfig={"runner": {"name": "d", "image": "d:1"}})
    several = runtime("b", E0, engineConfig={"leader": {}, "worker": {"size": 1}})
    alone = runtime("c", E0)
    assert name_of(picked(pair, several, alone)) == "c"
    assert name_of(picked(pair, several, alone, asked=service(decoder={}))) == "a"
    codes = {one.name: one.codes for one in picked(pair, alone, asked=service(decoder={})).candidates}
    assert codes["c"] == ("ComponentMissing",)
    assert {one.name: one.codes for one in picked(pair, alone).candidates}["a"] == ("NeedsDecoder",)


def test_weights_are_shown_and_decide_nothing() -> None:
    """D 24."""
    heavy = entry(modelFormat={"name": "safetensors", "version": "1.0.0", "weight": 90})
    found = picked(runtime("b", heavy), runtime("a", E0))
    assert name_of(found) == "a"
    assert [(one.name, one.priority, one.score) for one in found.candidates] == [("a", 1, 2), ("b", 1, 91)]


def test_a_runtime_of_the_namespace_hides_no_reason_of_the_clusters_namesake() -> None:
    """D 25: reasons are a list with the scope, not a map by name (Q19)."""
    found = picked(runtime("x", namespace=NAMESPACE), runtime("x", entry(modelArchitecture="Qwen2")))
    assert {(one.scope, one.codes) for one in found.candidates} == {
        ("namespace", ("NoSupportedFormats",)), ("cluster", ("ArchitectureMismatch",)),
    }  # fmt: skip
