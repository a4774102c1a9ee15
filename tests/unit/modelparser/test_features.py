"""What a model can do beside its capabilities, and at which endpoints of the API, from templates read as text."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.modelparser.gguf_writer import gguf, tensor
from tests.unit.modelparser.test_reading import read

from omectl.api.facts import ModelFacts
from omectl.modelparser.capabilities import OMNI
from omectl.modelparser.features import Signs, endpoints_of, features_of
from omectl.modelparser.templates import read_templates

_CHAT = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}{% endfor %}"
_TOOLS = "{%- if tools %}# Tools\n{{ tools | tojson }}{% endif %}" + _CHAT
_THINKS = _CHAT + "{% if enable_thinking %}<think>{% endif %}"
_CONFIG: dict[str, Any] = {"model_type": "newllm", "architectures": ["NewForCausalLM"]}


def facts(files: Mapping[str, object]) -> ModelFacts:
    return read({"config.json": _CONFIG, **files})[0]


def features(files: Mapping[str, object]) -> tuple[str, ...]:
    return facts(files).features


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        (_CHAT, ("CHAT",)),
        (_TOOLS, ("CHAT", "TOOL_CALLING")),
        (_THINKS, ("CHAT", "REASONING")),
        (_TOOLS + _THINKS, ("CHAT", "TOOL_CALLING", "REASONING")),
        (_CHAT + "{% if message.tool_calls %}x{% endif %}", ("CHAT", "TOOL_CALLING")),
        ("You have no tools." + _CHAT, ("CHAT",)),
        (_CHAT + "{% set footools = 1 %}", ("CHAT",)),
        (_CHAT + "[THINK]", ("CHAT", "REASONING")),
        ("   ", ()),
        ("", ()),
    ],
)
def test_a_template_tells_whether_a_model_chats_calls_tools_and_thinks(template: str, wanted: tuple[str, ...]) -> None:
    assert features({"tokenizer_config.json": {"chat_template": template}}) == wanted


def test_templates_lie_in_several_places() -> None:
    named = [{"name": "default", "template": _CHAT}, {"name": "tool_use", "template": _TOOLS}, 7, {"name": "x"}]
    assert features({"tokenizer_config.json": {"chat_template": named}}) == ("CHAT", "TOOL_CALLING")
    assert features({"chat_template.jinja": _TOOLS.encode()}) == ("CHAT", "TOOL_CALLING")
    assert features({"chat_template.json": {"chat_template": _THINKS}}) == ("CHAT", "REASONING")
    assert features({"tokenizer_config.json": {}}) == ()


def test_a_chat_is_an_endpoint_and_code_that_looks_like_a_template_is_never_run() -> None:
    hostile = "{{ ''.__class__.__mro__[1].__subclasses__() }}{% for x in range(10**12) %}{% endfor %}"
    found = facts({"tokenizer_config.json": {"chat_template": hostile}})
    assert (found.features, found.api_capabilities) == (("CHAT",), ("OPENAI_V1_CHAT_COMPLETIONS",))
    assert found.sources is not None
    assert found.sources["features"] == found.sources["apiCapabilities"] == "configuration"


@pytest.mark.parametrize(
    "data",
    [b"{", b"\xff\xfe{}", b"[]", b'{"chat_template": 5}', b'{"chat_template": [[]]}', b'{"chat_template": null}'],
)
def test_a_tokenizers_configuration_that_says_nothing_is_no_problem(data: bytes) -> None:
    assert features({"tokenizer_config.json": data}) == ()


def test_a_template_beyond_the_limit_is_not_looked_at() -> None:
    assert read_templates({"chat_template.jinja": b"x" * (1 << 20)}, "") == ("x" * (1 << 20),)
    assert read_templates({"chat_template.jinja": b"x" * ((1 << 20) + 1)}, "") == ()
    assert read_templates({"chat_template.jinja": b"\xff"}, "") == ("\ufffd",)


def test_at_most_sixteen_templates_are_looked_at() -> None:
    many = b'{"chat_template": [' + b",".join([b'"a"'] * 40) + b"]}"
    assert len(read_templates({"tokenizer_config.json": many, "chat_template.jinja": b"b"}, "")) == 16


def test_a_template_full_of_openings_is_searched_in_bounded_time() -> None:
    assert features({"chat_template.jinja": b"{%" * 500_000}) == ("CHAT",)


def test_only_what_writes_chats() -> None:
    bert = {"config.json": {"model_type": "bert", "hidden_size": 8, "architectures": ["BertModel"]}}
    found = facts({**bert, "chat_template.jinja": _TOOLS.encode()})
    assert (found.features, found.api_capabilities) == ((), ("OPENAI_V1_EMBEDDINGS",))


@pytest.mark.parametrize(
    ("names", "code"),
    [("org/new-coder-7b", True), ("codestral", True), ("x - code", True), ("org/starcoder2-3b", True),
     ("org/new_coder", True), ("org/decoder-7b", False), ("encodec", False), ("org/unicode", False)],
)  # fmt: skip
def test_a_name_or_tag_tells_of_code(names: str, code: bool) -> None:
    signs = Signs(capabilities=("TEXT_TO_TEXT",), names=names)
    assert features_of(signs) == (("CODE",) if code else ())
    assert features_of(Signs(capabilities=("EMBEDDING",), names=names)) == ()


def test_the_card_names_it() -> None:
    assert features({"README.md": b"---\ntags:\n- code\n- chat\n---\nText"}) == ("CODE",)


@pytest.mark.parametrize(
    ("capabilities", "wanted"),
    [
        (("IMAGE_TEXT_TO_TEXT",), ("VISION",)),
        (("AUDIO_TO_TEXT",), ("AUDIO",)),
        (("TEXT_TO_VIDEO",), ("VIDEO",)),
        (("IMAGE_TEXT_TO_VIDEO",), ("VISION", "VIDEO")),
        (("TEXT_TO_IMAGE",), ()),
        (OMNI, ("VISION", "AUDIO", "VIDEO")),
    ],
)
def test_what_a_model_handles_beside_text(capabilities: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    assert features_of(Signs(capabilities=capabilities)) == wanted


def test_tokens_for_videos_tell_of_video() -> None:
    config = {"model_type": "qwen2_5_vl", "video_token_id": 7, "architectures": ["Qwen2_5_VLForConditionalGeneration"]}
    assert facts({"config.json": config}).features == ("VISION", "VIDEO")


@pytest.mark.parametrize(
    ("capabilities", "features", "wanted"),
    [
        (("TEXT_TO_TEXT",), (), ()),
        (("TEXT_TO_TEXT",), ("CHAT",), ("CHAT_COMPLETIONS",)),
        (("IMAGE_TEXT_TO_TEXT",), ("CHAT", "VISION"), ("CHAT_COMPLETIONS",)),
        (("EMBEDDING",), (), ("EMBEDDINGS",)),
        (("IMAGE_TEXT_TO_EMBEDDING",), (), ("EMBEDDINGS",)),
        (("TEXT_TO_IMAGE",), (), ("IMAGES_GENERATIONS",)),
        (("IMAGE_TEXT_TO_IMAGE",), (), ("IMAGES_EDITS",)),
        (("TEXT_TO_AUDIO",), (), ("AUDIO_SPEECH",)),
        (("AUDIO_TO_TEXT",), (), ("AUDIO_TRANSCRIPTIONS",)),
        (OMNI, ("CHAT",), ("CHAT_COMPLETIONS", "AUDIO_SPEECH", "AUDIO_TRANSCRIPTIONS")),
        (("RERANK",), (), ()),
    ],
)
def test_the_apis_words_for_endpoints(
    capabilities: tuple[str, ...], features: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    assert endpoints_of(capabilities, features) == tuple(f"OPENAI_V1_{word}" for word in wanted)


def test_a_gguf_file_holds_its_template_and_name() -> None:
    fields = {"general.architecture": "llama", "general.name": "New Coder", "tokenizer.chat_template": _TOOLS}
    found = read({"m.gguf": gguf(fields, [tensor("a", [2])])})[0]
    assert found.features == ("CHAT", "TOOL_CALLING", "CODE")
    assert found.api_capabilities == ("OPENAI_V1_CHAT_COMPLETIONS",)


def test_a_pipeline_has_its_endpoint() -> None:
    index = {"_class_name": "FluxPipeline", "vae": ["diffusers", "AutoencoderKL"]}
    assert read({"model_index.json": index})[0].api_capabilities == ("OPENAI_V1_IMAGES_GENERATIONS",)


def test_files_of_a_cross_encoder_make_a_reranker() -> None:
    config = {"model_type": "qwen3", "architectures": ["Qwen3ForSequenceClassification"], "num_labels": 3}
    files = {"config.json": config, "config_sentence_transformers.json": {"model_type": "CrossEncoder"}}
    assert facts(files).capabilities == ("RERANK",)
    assert facts({**files, "config_sentence_transformers.json": {"model_type": "SparseEncoder"}}).capabilities == ()
