"""The table of families: what a row may be, and that a new one takes ten lines."""

import json
import re
from pathlib import Path

import pytest

from omectl.modelparser import families, parse_model
from omectl.modelparser.families import FAMILIES, family_of, parts, table_of
from omectl.modelparser.family import Family

_DOCUMENT = Path(__file__).parents[3] / "docs/model-families.md"


def documented() -> str:
    """The row that the documentation shows."""
    found = re.search(r"```python\n(.*?)```", _DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    return found[1].strip()


def test_a_family_added_by_the_documented_lines_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    row = documented()
    assert len(row.splitlines()) <= 10
    made_up = eval(row, {"Family": Family, **vars(parts)})
    monkeypatch.setattr(families, "_table", table_of((*FAMILIES, made_up)))
    config = {
        "model_type": "made_up", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 10,
        "num_experts": 4, "num_experts_per_tok": 1, "moe_intermediate_size": 3, "window_length": 77,
    }  # fmt: skip
    facts = parse_model({"config.json": json.dumps(config).encode()}, None, {"config.json": 200})
    layer = 2 * 8 + 2 * 4 + 4 * 8 * 8 + 8 * 4
    assert facts.family == "made_up"
    assert facts.architecture == "MadeUpForCausalLM"
    assert facts.context_length == 77
    assert facts.parameter_count == 10 * 8 + 2 * (layer + 4 * 3 * 8 * 3) + 8
    assert facts.active_parameter_count == 10 * 8 + 2 * (layer + 1 * 3 * 8 * 3) + 8
    assert facts.tied_embeddings is True
    assert facts.sources is not None
    assert facts.sources["architecture"] == facts.sources["tiedEmbeddings"] == facts.sources["family"] == "table"
    assert facts.sources["contextLength"] == facts.sources["parameterCount"] == "configuration"


def test_an_unknown_family_is_read_by_the_general_rules_and_says_so() -> None:
    config = b'{"model_type": "made_up", "hidden_size": 8, "n_positions": 77, "architectures": ["MadeUpForCausalLM"]}'
    facts = parse_model({"config.json": config}, None, {"config.json": len(config)})
    assert (facts.family, facts.hidden_size, facts.context_length, facts.parameter_count) == ("general", 8, 77, None)
    assert facts.sources is not None
    assert facts.sources["family"] == facts.sources["capabilities"] == "estimate"
    assert facts.capabilities == ("TEXT_TO_TEXT",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Family(model_types=()), "at least one model type"),
        (Family(model_types=("",)), "lower case without spaces, found ''"),
        (Family(model_types=("Llama9",)), "lower case without spaces, found 'Llama9'"),
        (Family(model_types=(" llama9",)), "lower case without spaces"),
        (Family(model_types=("llama",)), "'llama' wants one family, found two"),
        (Family(model_types=("x",), parameters="h**2"), "h \\*\\* 2"),
        (Family(model_types=("x",), parameters="h +"), "wanted a formula, found 'h \\+'"),
        (Family(model_types=("x",), beside="open('x')"), "open"),
        (Family(model_types=("x",), beside="a.b.c"), "a.b.c"),
        (Family(model_types=("x",), beside="1.5*h"), "1.5"),
    ],
)
def test_a_row_that_cannot_be_is_refused(row: Family, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table_of((*FAMILIES, row))


@pytest.mark.parametrize("towers", [families.TOWERS])
def test_every_tower_has_a_formula_that_can_be_read(towers: dict[str, str]) -> None:
    rows = [Family(model_types=(name.lower(),), beside=formula) for name, formula in towers.items()]
    assert set(table_of(rows)) == set(towers)


_SHEET = (
    "llama llama4 mllama mistral mixtral qwen qwen2 qwen2_vl qwen2_5_vl qwen3 qwen3_moe qwen3_vl qwen3_vl_moe qwen3_5"
    " qwen3_5_moe deepseek_v3 deepseek_vl_v2 janus multi_modality kimi_k2 gpt_oss gemma gemma2 gemma3_text gemma3 phi"
    " phi3 phi3_v phi3small phimoe baichuan bert chatglm cohere command-r dbrx exaone internlm internlm2 llava minicpm"
    " minicpm3 stablelm xverse"
)
_SINCE = (
    "llama4_text qwen3_next glm4 glm4_moe glm4v glm4v_moe deepseek_v32 minimax minimax_m1 minimax_m2 nemotron"
    " nemotron_h granite granitemoe granitemoehybrid mamba mamba2 falcon_mamba falcon_h1 rwkv ernie4_5"
    " ernie4_5_moe hunyuan_v1_dense hunyuan_v1_moe seed_oss exaone4 smollm3 lfm2 lfm2_moe olmo olmo2 olmo3 olmoe"
    " longcat_flash dots1 glm_moe_dsa kimi_linear kimi_k25 rwkv5 rwkv6 rwkv7"
    " whisper wav2vec2 qwen2_5_omni qwen3_omni_moe gemma3n mistral3 internvl internvl_chat"
    " idefics3 smolvlm paligemma aya_vision modernbert deberta-v2 mpnet albert t5 bart kimi_vl"
)


@pytest.mark.parametrize("model_type", [*_SHEET.split(), *_SINCE.split()])
def test_the_table_has(model_type: str) -> None:
    assert model_type in family_of(model_type).model_types
