"""Public configurations against figures that others state; `published.json` holds both.

Each row: the model's `name`, the `quoted` figure, its `source`, the page it stands `at`, and the fields of the model's
configuration that shapes follow from. Sources:

* `hub`: the hub's own number of stored parameters, read in a public list that was made from the hub's answers (`of`
  names the entry, where that is a copy or a sibling with the same shapes);
* `card`: what the publisher writes;
* `recorded`: the truth that the recorded answers of the reference parser come with (`tests/compat`), taken as it is;
* `memory`: written down without a look. Such a row shows that formula and figure agree, and not that either is the
  publisher's; it counts for nothing below.

`shapes` tells in the same words, or by a page, where the configuration is from. A figure that is not met to its last
digit has the reason in `apart`. `active` is the figure of active parameters; `without` says how many of the two
embeddings (input, output) it leaves out, which was found by what agrees; `cut` that it is cut off and not rounded.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from omectl.modelparser import parse_model
from omectl.modelparser.configuration import Configuration, read_configuration
from omectl.modelparser.counts import configured_parameters
from omectl.modelparser.document import Section

_ROWS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("published.json").read_bytes())
_UNITS = {"M": 6, "B": 9, "T": 12}
_LOOKED_UP = ("hub", "card")


def quoted(figure: str) -> tuple[int, int]:
    """The number, and its last unit: 0 when all digits are there."""
    if figure[-1] not in _UNITS:
        return int(figure.replace(",", "")), 0
    digits, power = figure[:-1], _UNITS[figure[-1]]
    decimals = len(digits.partition(".")[2])
    return round(float(digits) * 10**power), 10 ** (power - decimals)


def configuration(row: dict[str, Any]) -> Configuration:
    return read_configuration(Section("config.json", row["configuration"]))


def assert_near(found: int | None, figure: Mapping[str, Any]) -> None:
    """Within 1 %, or within what the figure's rounding hides; beyond its last digit only with a reason."""
    wanted, unit = quoted(figure["quoted"])
    assert found is not None
    if figure.get("cut"):
        assert wanted <= found < wanted + unit, f"{found:,}"
        return
    off = abs(found - wanted)
    assert off <= max(unit / 2, wanted / 100), f"{found:,}"
    assert off <= unit / 2 or figure.get("apart"), f"{found:,} without a reason"


@pytest.mark.parametrize("row", _ROWS, ids=[row["name"] for row in _ROWS])
def test_a_configurations_total_is_the_published_one(row: dict[str, Any]) -> None:
    assert_near(configured_parameters(configuration(row)), row)


_MIXTURES = [row for row in _ROWS if "active" in row]


@pytest.mark.parametrize("row", _MIXTURES, ids=[row["name"] for row in _MIXTURES])
def test_a_configurations_active_parameters_are_the_published_ones(row: dict[str, Any]) -> None:
    config = configuration(row)
    active = configured_parameters(config, active=True)
    assert active is not None
    embedding = (config.vocabulary_size or 0) * (config.hidden_size or 0)
    assert_near(active - row["active"].get("without", 0) * embedding, row["active"])


def test_figures_that_were_looked_up_and_say_more_than_one_percent() -> None:
    """A figure such as 8B proves its rounding only; 60 are wanted that prove 1 %, whatever their source adds."""
    looked_up = [row for row in _ROWS if row["source"] in _LOOKED_UP]
    telling = [row for row in looked_up if quoted(row["quoted"])[1] / 2 <= quoted(row["quoted"])[0] / 100]
    exact = [row for row in telling if configured_parameters(configuration(row)) == quoted(row["quoted"])[0]]
    assert Counter(row["source"] for row in _ROWS) == {"hub": 120, "card": 10, "recorded": 42, "memory": 38}
    assert (len(telling), len(exact)) == (127, 106)
    assert len({row["configuration"]["model_type"] for row in telling}) == 60


def test_every_row_names_its_source() -> None:
    for row in _ROWS:
        for figure in (row, *([row["active"]] if "active" in row else [])):
            assert figure["at"].startswith("https://")
            assert figure["source"] in {*_LOOKED_UP, "recorded", "memory"}
            assert figure["at"] != f"https://huggingface.co/{row['name']}" or figure["source"] not in _LOOKED_UP
        assert row["shapes"] in {"recorded", "memory"} or row["shapes"].startswith("https://github.com/")
    assert len({row["name"] for row in _ROWS}) == len(_ROWS)


_WITHOUT_TEXT = {
    ("EMBEDDING",): (
        *("albert/albert-base-v2", "answerdotai/ModernBERT-base", "BAAI/bge-base-en-v1.5", "BAAI/bge-small-en-v1.5"),
        *("Alibaba-NLP/gte-base-en-v1.5", "Alibaba-NLP/gte-large-en-v1.5", "Alibaba-NLP/gte-modernbert-base"),
        *("ibm-granite/granite-embedding-125m-english", "intfloat/e5-mistral-7b-instruct"),
        *("intfloat/multilingual-e5-large", "microsoft/deberta-v3-base", "nomic-ai/nomic-embed-text-v1.5"),
        *("sentence-transformers/all-mpnet-base-v2", "sentence-transformers/multi-qa-MiniLM-L6-cos-v1"),
    ),
    ("RERANK",): ("BAAI/bge-reranker-base", "BAAI/bge-reranker-v2-m3"),
    (): ("distilbert/distilbert-base-uncased-finetuned-sst-2-english",),
    ("AUDIO_TO_TEXT",): ("facebook/wav2vec2-base-960h",),
}
_SEES = (
    "-vl", "vision-", "google/gemma-3-4b", "google/gemma-3-12b", "google/gemma-3-27b", "gemma-3n", "llava", "paligemma",
    "llama-4-", "mistral-small-3.1", "minicpm-v", "smolvlm", "internvl", "glm-4.1v",
)  # fmt: skip
_OMNI = ("TEXT_TO_AUDIO", "IMAGE_TEXT_TO_AUDIO", "VIDEO_TEXT_TO_AUDIO", "AUDIO_TO_TEXT", "AUDIO_TO_AUDIO")


def wanted_capabilities(name: str) -> tuple[str, ...]:
    """By what the model's publisher says that it is for; most write text."""
    listed = next((words for words, names in _WITHOUT_TEXT.items() if name in names), None)
    if listed is not None:
        return listed
    if "-omni-" in name.lower() or "whisper" in name:
        return _OMNI if "Omni" in name else ("AUDIO_TO_TEXT",)
    return ("IMAGE_TEXT_TO_TEXT",) if any(word in name.lower() for word in _SEES) else ("TEXT_TO_TEXT",)


@pytest.mark.parametrize("row", _ROWS, ids=[row["name"] for row in _ROWS])
def test_a_configuration_tells_what_the_model_is_for_and_where_each_fact_is_from(row: dict[str, Any]) -> None:
    data = json.dumps(row["configuration"]).encode()
    facts = parse_model({"config.json": data}, None, {"config.json": len(data)})
    assert facts.capabilities == wanted_capabilities(row["name"])
    told = facts.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sources"})
    assert {name for name, value in told.items() if value not in ([], {})} == set(facts.sources or {})
    assert facts.family != "general"
