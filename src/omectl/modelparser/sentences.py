"""What the files of sentence-transformers tell: how a text becomes one vector, and what the model is used for."""

from collections.abc import Mapping
from typing import Final

from omectl.modelparser.document import Section, read_array, read_object
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.findings import Findings, Source
from omectl.modelparser.layout import is_plain

MODULES: Final = "modules.json"
SENTENCE_FILES: Final = (MODULES, "config_sentence_transformers.json", "sentence_bert_config.json")
_POOLING: Final[Mapping[str, str]] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weighted_mean",
    "pooling_mode_lasttoken": "last",
}


def is_cross_encoder(files: Mapping[str, bytes], folder: str) -> bool:
    """Whether the files say that the model scores pairs of texts."""
    config = _object(files, f"{folder}config_sentence_transformers.json")
    return config is not None and config.hint("model_type") == "CrossEncoder"


def add_sentence_files(found: Findings, files: Mapping[str, bytes], folder: str) -> None:
    """Pooling, width of the vectors, and the length that texts are cut to; nonsense in these files is not said."""
    limits = _object(files, f"{folder}sentence_bert_config.json")
    found.add(Source.CONFIGURATION, input_length=_positive(limits, "max_seq_length"))
    pooling = _object(files, folder + _module(files, folder, "Pooling", "1_Pooling") + "/config.json")
    if pooling is not None:
        modes = [word for name, word in _POOLING.items() if pooling.flag(name)]
        mode = pooling.hint("pooling_mode")
        found.add(
            Source.CONFIGURATION,
            pooling="+".join(modes) or (mode if mode.isprintable() else ""),
            embedding_size=_positive(pooling, "word_embedding_dimension"),
        )
    dense = _object(files, folder + _module(files, folder, "Dense", "2_Dense") + "/config.json")
    found.add(Source.CONFIGURATION, embedding_size=_positive(dense, "out_features"))


def _module(files: Mapping[str, bytes], folder: str, kind: str, usual: str) -> str:
    """The folder of the last module of a kind, as the list of modules has it."""
    try:
        listed = read_array(folder + MODULES, files[folder + MODULES]) if folder + MODULES in files else []
    except ModelParseError:
        return usual
    for item in reversed(listed):
        if isinstance(item, dict):
            name, path = item.get("type"), item.get("path")
            if isinstance(name, str) and isinstance(path, str) and name.endswith(f".{kind}") and is_plain(path):
                return path
    return usual


def _object(files: Mapping[str, bytes], path: str) -> Section | None:
    try:
        return Section(path, read_object(path, files[path])) if path in files else None
    except ModelParseError:
        return None


def _positive(section: Section | None, name: str) -> int | None:
    number = section.number(name) if section is not None else None
    return int(number) if number is not None and number.is_integer() and 0 < number < 1 << 31 else None
