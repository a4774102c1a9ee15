"""Chat templates, looked at as text and never executed: whether a model talks, calls tools and thinks aloud."""

import re
from collections.abc import Mapping
from typing import Final

from omectl.api.json import JsonValue
from omectl.modelparser.document import read_object
from omectl.modelparser.errors import ModelParseError

TOKENIZER: Final = "tokenizer_config.json"
TEMPLATE_FILES: Final = (TOKENIZER, "chat_template.jinja", "chat_template.json")
_MAX_TEMPLATE = 1 << 20
_MAX_TEMPLATES = 16
# A block of Jinja has neither of its own ends inside; both patterns look at each character a bounded number of times.
_TOOLS = re.compile(r"\{[%{][^{}%]{0,400}\b(?:tools|tool_calls|builtin_tools)\b")
_THINKS = re.compile(
    r"<think>|enable_thinking|reasoning_content|reasoning_effort|\[THINK\]|START_THINKING|\u25c1think\u25b7|<\|channel\|>"
)


def read_templates(files: Mapping[str, bytes], folder: str) -> tuple[str, ...]:
    """The templates in `folder`: a file of its own, or those that the tokenizer's configuration holds.

    What cannot be read is not there: templates only help.
    """
    found: list[str] = []
    plain = files.get(f"{folder}chat_template.jinja", b"")
    if 0 < len(plain) <= _MAX_TEMPLATE:
        found.append(plain.decode("utf-8", "replace"))
    for name in ("chat_template.json", TOKENIZER):
        path = folder + name
        try:
            value = read_object(path, files[path]).get("chat_template") if path in files else None
        except ModelParseError:
            continue
        found += _texts(value)
    return tuple(found[:_MAX_TEMPLATES])


def _texts(value: JsonValue) -> list[str]:
    """A template, or a list of templates each with its name."""
    items = value if isinstance(value, list) else [value]
    texts = [item.get("template") if isinstance(item, dict) else item for item in items[:_MAX_TEMPLATES]]
    return [text for text in texts if isinstance(text, str) and 0 < len(text.strip()) <= _MAX_TEMPLATE]


def calls_tools(templates: tuple[str, ...]) -> bool:
    """Whether one of them does something with tools."""
    return any(_TOOLS.search(template) for template in templates)


def thinks(templates: tuple[str, ...]) -> bool:
    """Whether one of them has a place for the model's thoughts."""
    return any(_THINKS.search(template) for template in templates)
