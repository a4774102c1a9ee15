"""Which files of a repository make up a model: the default allow list, or the model's own patterns. Pure."""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence

ALLOW_PARAMETER = "allowPatterns"
IGNORE_PARAMETER = "ignorePatterns"

DEFAULT_ALLOW = (
    *("*.safetensors", "*.json", "*.txt", "*.py", "*.jinja", "*.model", "*.tiktoken", "tokenizer*", "*/tokenizer*"),
    *("*.bin", "*.pt", "*.pth", "*.gguf"),
)
DEFAULT_IGNORE = ("original/*", "*/original/*", "onnx/*", "*/onnx/*", "openvino/*", "*.msgpack", "*.h5")
_CONSOLIDATED = ("consolidated*", "*/consolidated*")
_PICKLED = ("*.bin", "*.pt", "*.pth")
_GGUF = ("*.gguf",)


def model_files(names: Sequence[str], parameters: Mapping[str, str]) -> list[str]:
    """The names of the model's files, in the listing's order; none when no file is part of a model by its name.

    Without patterns of the model's own: one weight format only, safetensors before pickles before GGUF, and nothing
    that repeats the weights for another framework. Patterns are comma-separated; `*` also matches `/`.
    """
    allow, ignore = _patterns(parameters, ALLOW_PARAMETER), _patterns(parameters, IGNORE_PARAMETER)
    chosen = _filter(names, allow or DEFAULT_ALLOW, ignore)
    if not allow:
        chosen = _filter(chosen, ("*",), DEFAULT_IGNORE)
        without = _filter(chosen, ("*",), _CONSOLIDATED)
        if _any(without, ("*.safetensors", *_PICKLED)):
            chosen = without  # `consolidated*` is a second copy, unless it is the only one
        if _any(chosen, ("*.safetensors",)):
            chosen = _filter(chosen, ("*",), (*_PICKLED, *_GGUF))
        elif _any(chosen, _PICKLED):
            chosen = _filter(chosen, ("*",), _GGUF)
    return chosen


def _patterns(parameters: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(pattern.strip() for pattern in parameters.get(name, "").split(",") if pattern.strip())


def _filter(names: Iterable[str], allow: Sequence[str], ignore: Sequence[str]) -> list[str]:
    return [name for name in names if _any([name], allow) and not _any([name], ignore)]


def _any(names: Iterable[str], patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)
