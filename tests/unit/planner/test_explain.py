from tests.unit.planner.build import entry, made, runtime, service

from omectl.api.resource import ObjectKey
from omectl.planner.explain import explain


def test_an_explanation_tells_the_choice_the_candidates_and_the_objects() -> None:
    found = made(None, runtime("a", entry(priority=2)), runtime("b", entry(modelArchitecture="Qwen2")))
    text = explain(ObjectKey("team", "svc"), found)
    assert "runtime  a (the only one that fits)" in text
    assert "1. a (cluster, priority 2, score 4)" in text
    assert "architecture: wanted Qwen2, found Llama" in text
    assert "    Deployment svc-engine\n" in text
    assert "Deployment svc-engine starts with 1 replica\n" in text


def test_an_explanation_of_a_refusal_tells_the_problem_and_the_next_step() -> None:
    text = explain(ObjectKey("team", "svc"), made(service(decoder={})))
    assert "problem  NotSupportedYet: spec.decoder asks for" in text
    assert "next     remove spec.decoder" in text


def test_an_explanation_of_many_candidates_ends_with_a_count() -> None:
    found = made(None, *(runtime(f"r{index:03}", entry()) for index in range(45)))
    assert "... and 5 more that fit less" in explain(ObjectKey("team", "svc"), found)
