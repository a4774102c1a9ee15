"""What the table says of memory, and what it leaves out."""

from __future__ import annotations

import pytest
from tests.unit.planner.build import entry, model, runtime, service
from tests.unit.planner.report.test_room import FACTS, cluster, engine, sized
from tests.unit.planner.report.test_ways import Cluster

from omectl.planner.fit import Assumption
from omectl.planner.report import in_words
from omectl.planner.report.words import _ASSUMED  # pyright: ignore[reportPrivateUsage]


def test_every_assumption_has_words() -> None:
    assert set(_ASSUMED) == set(Assumption)
    assert len(set(_ASSUMED.values())) == len(Assumption)


def test_each_term_of_the_memory_is_told_with_what_was_assumed_and_the_largest() -> None:
    text = in_words(cluster(engine(), sized("small", "24Gi"), facts={"parameterCount": 8_030_000_000}).report())
    assert "  fit      fits: each accelerator needs " in text or "  fit      tight: each accelerator needs " in text
    for term in ("weights ", "cache ", "activations ", "runtime "):
        assert term in text
    assert "assumed: the usual activations, a cache by the number of parameters, that context" in " ".join(text.split())
    assert "           largest: " in text


def test_what_is_known_is_not_assumed() -> None:
    assert "assumed: " not in in_words(cluster(engine(), sized("small", "80Gi"), facts=FACTS).report())


def test_changes_are_told_only_where_something_is_to_be_mended() -> None:
    chosen = Cluster(service(), model(), runtime("r", entry()), runtime("off", entry(), disabled=True))
    assert "Disabled: the runtime is disabled" in in_words(chosen.report())
    assert "set spec.disabled" not in in_words(chosen.report())
    refused = Cluster(service(), model(), runtime("off", entry(), disabled=True))
    assert "         set spec.disabled of ClusterServingRuntime off to false\n" in in_words(refused.report())


@pytest.mark.parametrize(("count", "heading"), [(1, "  to mend it:\n"), (2, "  to mend it, one of:\n")])
def test_ways_are_counted(count: int, heading: str) -> None:
    known = [model(name) for name in ("model-a", "model-b")[:count]]
    text = in_words(Cluster(service(model={"name": "model-x"}), *known).report())
    assert heading in text
    assert text.count("did you mean") == count


def test_a_service_that_waits_for_its_models_files_is_told_why() -> None:
    condition = {"type": "Ready", "status": "False", "reason": "Downloading", "message": "40 of 100 GiB"}
    waiting = model(status={"state": "In_Transit", "conditions": [condition]})
    text = in_words(Cluster(service(), waiting, runtime("r", entry())).report())
    assert "  waiting  for the model's files: Downloading: 40 of 100 GiB\n" in text
    assert "waiting" not in in_words(Cluster(service(), model(), runtime("r", entry())).report())
