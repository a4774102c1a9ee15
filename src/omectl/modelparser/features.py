"""What a model's capabilities mean for those who call it: endpoints of the API, and what it understands beside text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.modelparser import capabilities as words
from omectl.modelparser.templates import calls_tools, thinks

CHAT = "CHAT"
TOOL_CALLING = "TOOL_CALLING"
REASONING = "REASONING"
CODE = "CODE"
VISION = "VISION"
AUDIO = "AUDIO"
VIDEO = "VIDEO"
_CHATS = "OPENAI_V1_CHAT_COMPLETIONS"
_ENDPOINTS: Final[Mapping[str, str]] = {
    words.EMBEDDING: "OPENAI_V1_EMBEDDINGS",
    words.IMAGE_TEXT_TO_EMBEDDING: "OPENAI_V1_EMBEDDINGS",
    words.TEXT_TO_IMAGE: "OPENAI_V1_IMAGES_GENERATIONS",
    words.IMAGE_TEXT_TO_IMAGE: "OPENAI_V1_IMAGES_EDITS",
    words.TEXT_TO_AUDIO: "OPENAI_V1_AUDIO_SPEECH",
    words.AUDIO_TO_TEXT: "OPENAI_V1_AUDIO_TRANSCRIPTIONS",
}
_WRITES: Final = frozenset({words.TEXT_TO_TEXT, words.IMAGE_TEXT_TO_TEXT, *words.OMNI})
_CODES = re.compile(r"\b(?:code|coder|codestral|devstral|codellama|codegemma|starcoder2?|codegen)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What tells of features: the capabilities, the templates, the model's names in lower case, and video tokens."""

    capabilities: tuple[str, ...]
    templates: tuple[str, ...] = ()
    names: str = ""
    video: bool = False


def features_of(signs: Signs) -> tuple[str, ...]:
    """What the model can do beside its capabilities, in a fixed order."""
    all_words = " ".join(signs.capabilities)
    writes = bool(_WRITES & set(signs.capabilities))
    chats = writes and bool(signs.templates)
    has = {
        CHAT: chats,
        TOOL_CALLING: chats and calls_tools(signs.templates),
        REASONING: chats and thinks(signs.templates),
        CODE: writes and bool(_CODES.search(signs.names.replace("_", "-"))),
        VISION: "IMAGE_TEXT" in all_words,
        AUDIO: "AUDIO" in all_words,
        VIDEO: "VIDEO" in all_words or signs.video,
    }
    return tuple(name for name, there in has.items() if there)


def endpoints_of(capabilities: tuple[str, ...], features: tuple[str, ...]) -> tuple[str, ...]:
    """The API's words for the endpoints that the model can be served at; a chat needs a template."""
    chats = (_CHATS,) if CHAT in features else ()
    return tuple(dict.fromkeys((*chats, *(_ENDPOINTS[word] for word in capabilities if word in _ENDPOINTS))))
