"""What `omectl models inspect` shows: the facts of a model as lines for people, and as one object. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from omectl.api.wire import wire_name
from omectl.cli.model_fit import fit_of
from omectl.cli.plan_summary import bytes_in_words

if TYPE_CHECKING:
    from omectl.api.facts import ModelFacts, NameVersion
    from omectl.api.json import JsonObject, JsonValue
    from omectl.cli.model_files import ReadModel

_SOURCES: Final = {
    "tensors": "headers of the weights",
    "files": "names and sizes of the files",
    "index": "index of the weights",
    "configuration": "configuration",
    "table": "table of families",
    "estimate": "estimate",
    "hub": "listing of the hub",
}
_DERIVED: Final = "worked out from the facts above"
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Row:
    """A line: what it tells of, the text, and the names of the facts in it; none where it follows from others."""

    label: str
    text: str
    facts: tuple[str, ...] = ()


def in_words(target: str, read: "ReadModel", *, explain: bool = False) -> str:
    """The facts as lines; with `explain` each with where it comes from."""
    rows = [Row(row.label, _printable(row.text), row.facts) for row in rows_of(read) if row.text]
    width = max(len(row.text) for row in rows)
    lines = [_printable(target)]
    for row in rows:
        line = f"  {row.label:<15}  {row.text}"
        lines.append(f"  {row.label:<15}  {row.text:<{width}}  {_source(read.facts, row)}" if explain else line)
    return "\n".join(lines) + "\n"


def _printable(text: str) -> str:
    """Without what would move a terminal's cursor: some texts are the model's own."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _source(facts: "ModelFacts", row: Row) -> str:
    if not row.facts:
        return _DERIVED
    known = {"revision": "hub", **(facts.sources or {})}
    found = [_SOURCES.get(word, word) for name in row.facts if (word := known.get(wire_name(name)))]
    return " and ".join(dict.fromkeys(found)) or "not said"


def rows_of(read: "ReadModel") -> Iterator[Row]:
    """Every line that there is something to say for; texts may be empty."""
    facts = read.facts
    yield Row("architecture", facts.architecture or "", ("architecture",))
    named = f", model type {facts.model_type}" if facts.model_type else ""
    family = f"{facts.family}{named}" if facts.family else facts.model_type or ""
    yield Row("family", family, ("family", "model_type") if facts.family else ("model_type",))
    yield Row("capabilities", ", ".join(facts.capabilities), ("capabilities",))
    yield Row("features", ", ".join(facts.features), ("features",))
    yield Row("endpoints", ", ".join(facts.api_capabilities), ("api_capabilities",))
    yield from _sizes(facts)
    yield from _shape(facts)
    yield from _parts(facts)
    yield Row("framework", _version(facts.framework), ("framework",))
    yield Row("format", _version(facts.format), ("format",))
    yield Row("weights", bytes_in_words(facts.size_bytes) if facts.size_bytes else "", ("size_bytes",))
    files = f"{read.files} of {bytes_in_words(read.size_bytes)}; {bytes_in_words(read.read_bytes)} read"
    yield Row("files", files, ("files",))
    yield Row("revision", facts.revision or "", ("revision",))
    yield from _fit(facts)


def _sizes(facts: "ModelFacts") -> Iterator[Row]:
    from omectl.api.model_size import format_model_size

    if facts.parameter_count:
        text = f"{format_model_size(facts.parameter_count)} ({facts.parameter_count})"
        names = ("parameter_count",)
        if facts.active_parameter_count:
            active = facts.active_parameter_count
            text += f", of which a token meets {format_model_size(active)} ({active})"
            names = ("parameter_count", "active_parameter_count")
        yield Row("parameters", text, names)
    if facts.context_length:
        cut = f"; texts are cut to {facts.input_length}" if facts.input_length else ""
        names = ("context_length", "input_length") if cut else ("context_length",)
        yield Row("context", f"{facts.context_length} tokens{cut}", names)
    if facts.embedding_size or facts.pooling:
        size = f"{facts.embedding_size} numbers" if facts.embedding_size else ""
        text = ", ".join(filter(None, (size, f"pooling {facts.pooling}" if facts.pooling else "")))
        yield Row("vector", text, tuple(name for name in ("embedding_size", "pooling") if getattr(facts, name)))
    yield Row("dtype", facts.dtype or "", ("dtype",))
    method = facts.quantization_method or ""
    width = f"{facts.quantization_bits} bits" if facts.quantization_bits else ""
    names = ("quantization", "quantization_method", "quantization_bits")
    yield Row(
        "quantization",
        ", ".join(filter(None, dict.fromkeys((facts.quantization or "", method, width)))),
        tuple(name for name in names if getattr(facts, name)),
    )


def _shape(facts: "ModelFacts") -> Iterator[Row]:
    if facts.layers:
        hidden = f" of {facts.hidden_size} numbers" if facts.hidden_size else ""
        yield Row("layers", f"{facts.layers}{hidden}", ("layers", "hidden_size") if hidden else ("layers",))
    if facts.attention_heads:
        width = f" of {facts.head_size} numbers" if facts.head_size else ""
        text = f"{facts.attention_heads} heads{width}"
        if facts.latent_rank:
            rope = f" and {facts.latent_rope_size}" if facts.latent_rope_size else ""
            yield Row("attention", f"{text}, a latent of {facts.latent_rank}{rope}", ("attention_heads", "latent_rank"))
        else:
            shared = f", {facts.key_value_heads} of keys and values" if facts.key_value_heads else ""
            yield Row("attention", text + shared, ("attention_heads", "head_size", "key_value_heads"))
    if facts.sliding_window and facts.sliding_layers:
        yield Row("window", f"{facts.sliding_window} tokens in {facts.sliding_layers} layers", ("sliding_window",))
    if facts.state_layers:
        size = f", {facts.state_size} numbers each" if facts.state_size else ""
        yield Row("state", f"in {facts.state_layers} layers{size}", ("state_layers",))
    if facts.experts:
        chosen = f", {facts.experts_per_token} for a token" if facts.experts_per_token else ""
        yield Row("experts", f"{facts.experts}{chosen}", ("experts", "experts_per_token") if chosen else ("experts",))
    if facts.vocabulary_size:
        tied = ", one embedding for input and output" if facts.tied_embeddings else ""
        names = ("vocabulary_size", "tied_embeddings") if tied else ("vocabulary_size",)
        yield Row("vocabulary", f"{facts.vocabulary_size}{tied}", names)


def _parts(facts: "ModelFacts") -> Iterator[Row]:
    if facts.adapter_method or facts.base_model:
        rank = f" of rank {facts.adapter_rank}" if facts.adapter_rank else ""
        base = f" for {facts.base_model}" if facts.base_model else ""
        yield Row("adapter", f"{facts.adapter_method or 'adapter'}{rank}{base}", ("adapter_method", "base_model"))
    if facts.diffusion_pipeline:
        yield Row("pipeline", ", ".join(_components(facts.diffusion_pipeline)), ("diffusion_pipeline",))


def _components(pipeline: "Mapping[str, JsonValue]") -> Iterator[str]:
    """The parts of a pipeline, each with its class."""
    for name, value in pipeline.items():
        if name == "additionalComponents" and isinstance(value, dict):
            yield from _components(value)
        elif isinstance(value, dict):
            yield f"{name} {kind}" if isinstance(kind := value.get("type"), str) else name


def _version(named: "NameVersion | None") -> str:
    return f"{named.name} {named.version or ''}".rstrip() if named is not None else ""


def _fit(facts: "ModelFacts") -> Iterator[Row]:
    found = fit_of(facts)
    if not found.keeps_cache:
        if facts.layers:
            yield Row("cache", "none: it reads a text at once")
    elif found.cache is not None:
        cache = found.cache
        parts = [f"{cache.per_token} bytes for each token"] if cache.per_token else []
        if cache.per_window_token:
            parts.append(f"{cache.per_window_token} for each of the last {cache.window}")
        if cache.fixed:
            parts.append(f"{cache.fixed} for each sequence")
        yield Row("cache", ", ".join(parts))
    gpus = [str(gpus) for gpus, _ in found.spreads]
    more = f", ... {gpus[-1]}" if len(gpus) > _SHOWN else ""
    yield Row("tensor parallel", ", ".join(gpus[:_SHOWN]) + more if gpus else "")


def as_object(target: str, read: "ReadModel", *, explain: bool = False) -> "JsonObject":
    """The same as one object: `facts` as a model's status has them, `sources` of them with `explain`."""
    facts = read.facts.model_dump(mode="json", by_alias=True, exclude_none=True)
    sources = facts.pop("sources", {})
    found: JsonObject = {
        "model": target,
        "facts": facts,
        "files": {"count": read.files, "bytes": read.size_bytes, "bytesRead": read.read_bytes},
        "fit": _fit_object(read.facts),
    }
    if read.unread:
        found["unread"] = [
            {"file": one.file, "field": one.field, "found": one.found, "wanted": one.wanted} for one in read.unread
        ]
    if explain:
        found["sources"] = sources
    return found


def _fit_object(facts: "ModelFacts") -> "JsonObject":
    found = fit_of(facts)
    known: JsonObject = {"keepsCache": found.keeps_cache}
    if found.cache is not None:
        known["cacheBytesPerToken"] = found.cache.per_token
        if found.cache.per_window_token:
            known["windowCacheBytesPerToken"] = found.cache.per_window_token
            known["windowTokens"] = found.cache.window
        if found.cache.fixed:
            known["stateBytesPerSequence"] = found.cache.fixed
    spreads: list[JsonValue] = [
        {"gpus": gpus, **({"cacheBytesPerToken": size} if found.cache is not None else {})}
        for gpus, size in found.spreads
    ]
    return {**known, "tensorParallel": spreads}
