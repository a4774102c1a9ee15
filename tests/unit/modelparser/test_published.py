"""Public configurations against the figures that their publishers state; `published.json` holds both.

Each row: the model's name, the address at which its publisher tells of it, the figure, and the fields of its
configuration that shapes follow from. Rows say `"from": "memory"` where figure and configuration were written down
without a look at that page: they show that formula and figure agree, and not that either is the publisher's. `active`
is the quoted figure of active parameters; `active_without` says how many of the two embeddings (input, output) that
figure leaves out, where it does.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from omectl.modelparser.configuration import Configuration, read_configuration
from omectl.modelparser.counts import configured_parameters
from omectl.modelparser.document import Section

_ROWS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("published.json").read_bytes())
_UNITS = {"M": 6, "B": 9, "T": 12}


def quoted(figure: str) -> tuple[int, int]:
    """The number, and how far a figure cut or rounded so may be off."""
    if figure[-1] not in _UNITS:
        return int(figure.replace(",", "")), 0
    digits, power = figure[:-1], _UNITS[figure[-1]]
    decimals = len(digits.partition(".")[2])
    return round(float(digits) * 10**power), 10 ** (power - decimals)


def configuration(row: dict[str, Any]) -> Configuration:
    return read_configuration(Section("config.json", row["configuration"]))


def assert_near(found: int | None, figure: str) -> None:
    wanted, unit = quoted(figure)
    assert found is not None
    assert abs(found - wanted) <= max(unit, wanted // 100), f"{found:,}"


@pytest.mark.parametrize("row", _ROWS, ids=[row["name"] for row in _ROWS])
def test_a_configurations_total_is_the_published_one(row: dict[str, Any]) -> None:
    assert_near(configured_parameters(configuration(row)), row["quoted"])


_MIXTURES = [row for row in _ROWS if "active" in row]


@pytest.mark.parametrize("row", _MIXTURES, ids=[row["name"] for row in _MIXTURES])
def test_a_configurations_active_parameters_are_the_published_ones(row: dict[str, Any]) -> None:
    config = configuration(row)
    active = configured_parameters(config, active=True)
    assert active is not None
    embedding = (config.vocabulary_size or 0) * (config.hidden_size or 0)
    assert_near(active - row.get("active_without", 0) * embedding, row["active"])


def test_most_full_figures_are_met_to_the_last_digit() -> None:
    full = [row for row in _ROWS if quoted(row["quoted"])[1] == 0]
    exact = [row for row in full if configured_parameters(configuration(row)) == quoted(row["quoted"])[0]]
    assert (len(_ROWS), len(full), len(exact)) == (149, 109, 106)


def test_every_row_names_its_source() -> None:
    assert all(row["address"] == f"https://huggingface.co/{row['name']}" for row in _ROWS)
    assert len({row["name"] for row in _ROWS}) == len(_ROWS)
