"""Recorded configurations of real models, damaged: facts or the parser's error, and nothing else."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omectl.modelparser import ModelParseError, parse_model

_DIRECTORY = os.environ.get("OMECTL_COMPAT_DIR", "")
pytestmark = pytest.mark.skipif(not _DIRECTORY, reason="OMECTL_COMPAT_DIR names no folder of recorded answers")
_HOSTILE: list[object] = [
    None, True, 0, -1, 1.5, 1e308, float("nan"), float("inf"), 10**30, 2**63, "", "x", "\0", "\ud800", "4096", "\n",
    "a" * 2000, [], [None], [[1]], {}, {"a": 1}, {"group_0": {"weights": {"num_bits": "x", "type": 5}}},
]  # fmt: skip


def _configurations() -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for path in sorted(Path(_DIRECTORY or "/nonexistent", "parser/inputs").rglob("*.json")):
        if path.is_file() and (path.name in {"config.json", "model_index.json"} or path.parent.name == "testdata"):
            try:
                value = json.loads(path.read_bytes())
            except ValueError:
                continue
            if isinstance(value, dict) and path.stat().st_size < 20_000:
                found.append(("model_index.json" if path.name == "model_index.json" else "config.json", value))
    return found


_CONFIGURATIONS = _configurations() or [("config.json", {})]


def _places(value: Any) -> list[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *_places(value[key])]]


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_damaged_configuration_gives_facts_or_the_parsers_error(data: st.DataObject) -> None:
    name, recorded = data.draw(st.sampled_from(_CONFIGURATIONS))
    value = copy.deepcopy(recorded)
    for _ in range(data.draw(st.integers(1, 3))):
        if places := _places(value):
            holder, key = places[data.draw(st.integers(0, len(places) - 1))]
            holder[key] = copy.deepcopy(data.draw(st.sampled_from(_HOSTILE)))
    text = json.dumps(value).encode()
    message = ""
    try:
        facts = parse_model({name: text}, None, {name: len(text)})
    except ModelParseError as error:
        message = str(error)
    else:
        assert facts.model_dump_json()
        assert facts.parameter_count is None or 0 < facts.parameter_count <= 10**15
    assert message.isprintable()
