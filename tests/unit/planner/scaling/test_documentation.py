"""The examples of docs/autoscaling.md are served as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.planner.build import entry as supported
from tests.unit.planner.build import made, runtime
from tests.unit.planner.scaling.scalers import ROUTER, VLLM, scalers_of

from omectl.api.codec import decode_as
from omectl.api.inference_service import InferenceService
from omectl.planner.scaling.queries import MEASURES, OF_METRIC

Json = Any
PAGE = (Path(__file__).parents[4] / "docs" / "autoscaling.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
WANTED = [["ScaledObject"], ["HorizontalPodAutoscaler"], ["ScaledObject"], ["HorizontalPodAutoscaler"]]


@pytest.mark.parametrize(("example", "scalers"), list(zip(EXAMPLES, WANTED, strict=True)))
def test_an_example_is_served(example: Json, scalers: list[str]) -> None:
    taken = runtime("r", supported(), engineConfig={"runner": VLLM}, routerConfig=ROUTER)
    found = made(decode_as(InferenceService, example), taken)
    assert found.problem is None
    assert scalers_of(found) == scalers
    assert not found.explanation.warnings


def test_the_table_of_named_queries_is_whole() -> None:
    rows = dict(re.findall(r"^\| `\{\{\.(\w+)\}\}` \| `(\w+)`", PAGE, re.MULTILINE))
    assert rows == {name: metric for metric, name in OF_METRIC.items()}
    for name, measure in MEASURES.items():
        assert re.search(rf"^\| `\{{\{{\.{name}\}}\}}` .*\| {measure.threshold}\b", PAGE, re.MULTILINE), name
