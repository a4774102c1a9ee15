"""The PodDisruptionBudget."""

from typing import Any

import pytest
from tests.unit.planner.build import child
from tests.unit.planner.scaling.scalers import refusal, scaled

Json = Any


@pytest.mark.parametrize(
    ("engine", "wanted"),
    [
        ({}, {"maxUnavailable": 1}),
        ({"maxUnavailable": 0}, {"maxUnavailable": 0}),
        ({"maxUnavailable": "50%"}, {"maxUnavailable": "50%"}),
        ({"minAvailable": 2}, {"minAvailable": 2}),
        ({"minAvailable": "100%"}, {"minAvailable": "100%"}),
    ],
)
def test_one_pod_may_be_away_unless_a_bound_is_stated(engine: Json, wanted: Json) -> None:
    spec = child(scaled(engine), "PodDisruptionBudget")["spec"]
    assert spec == {"selector": {"matchLabels": {"app": "svc-engine"}}, **wanted}


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ({"minAvailable": -1}, "spec.engine.minAvailable: wanted a number of pods or a percentage"),
        ({"maxUnavailable": "101%"}, "found 101%"),
        ({"maxUnavailable": "half"}, "found half"),
        ({"minAvailable": "5"}, "found 5"),
        ({"minAvailable": 1, "maxUnavailable": 1}, "are both set"),
    ],
)
def test_a_bound_that_is_none_is_refused(engine: Json, told: str) -> None:
    assert told in refusal(scaled(engine))
