"""The estimate against what vLLM and SGLang were seen to take (published.json)."""

from pathlib import Path

import pytest
from tests.unit.planner.fit.published import FIGURES, MODELS, Figure, table


@pytest.mark.parametrize("figure", FIGURES, ids=str)
def test_the_estimate_comes_as_near_to_a_published_figure_as_is_claimed(figure: Figure) -> None:
    assert figure.estimated == pytest.approx(figure.published, rel=figure.tolerance), figure.source


def test_the_figures_cover_what_is_claimed() -> None:
    measured = {figure.model for figure in FIGURES}
    assert measured == set(MODELS)
    assert len({figure.model for figure in FIGURES if figure.what != "activationsGiB"}) >= 12
    assert all(figure.source.startswith("https://") and figure.quote for figure in FIGURES)
    widest = {"weightsGiB": 0.06, "cacheTokens": 0.02, "cacheGiB": 0.02, "poolGiB": 0.1, "concurrency": 0.1}
    assert all(figure.tolerance <= widest.get(figure.what, 0.3) for figure in FIGURES)


def test_the_documentation_shows_every_figure_with_todays_estimate() -> None:
    text = (Path(__file__).parents[4] / "docs" / "fit.md").read_text()
    assert "\n".join(table()) in text
