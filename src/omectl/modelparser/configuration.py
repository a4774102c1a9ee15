"""What a transformer's `config.json` says, under one name for each fact whichever family wrote it."""

from dataclasses import dataclass, replace

from omectl.modelparser.document import Section
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.families import GENERAL, family_of
from omectl.modelparser.family import Family

TEXT_SECTIONS = ("text_config", "llm_config", "language_config", "text_model_config")
_HIDDEN = ("hidden_size", "d_model", "n_embd", "dim", "model_dim", "hidden_dim")
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "encoder_layers")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads", "encoder_attention_heads")
_KEY_VALUE_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads", "multi_query_group_num")
_EXPERTS = ("n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts")
_EXPERTS_PER_TOKEN = (
    "num_experts_per_tok",
    "experts_per_token",
    "num_experts_per_token",
    "moe_top_k",
    "moe_k",
    "moe_topk",
)
_CONTEXT = (
    "max_position_embeddings", "max_sequence_length", "n_positions", "max_seq_len", "n_ctx", "seq_length",
    "max_target_positions", "model_max_length", "max_seq_length",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Configuration:
    """A transformer's configuration: the whole document, its language part, and its family."""

    root: Section
    text: Section
    family: Family
    model_type: str
    architecture: str | None
    spoken: Family | None = None
    """The family of the language part, when that is not the one that the document names."""

    @property
    def bare(self) -> "Configuration":
        """The same document without what the family's row supplies: what it says itself."""
        names = replace(GENERAL, context=self.family.context)
        return replace(self, family=names, spoken=GENERAL, architecture=_first_architecture(self.root))

    @property
    def dtype(self) -> str | None:
        """The torch dtype, without the `torch.` prefix."""
        for section in (self.root, self.text):
            found = section.text("torch_dtype", "dtype")
            if found:
                return found.removeprefix("torch.").lower()
        return self.family.dtype

    @property
    def transformers_version(self) -> str | None:
        return self.root.text("transformers_version") or self.text.text("transformers_version")

    @property
    def context_length(self) -> int | None:
        """Tokens of context: what the family reads first, then the usual names; the language part before the whole."""
        names = (*self.family.context, *_CONTEXT)
        for section in (self.text, self.root):
            found = section.length(*names)
            if found:
                return found
        return self.family.context_default

    def part(self, *path: str) -> Section | None:
        """The section at a path, or the last on it that is there; of the whole, the language part or the thinker."""
        for holder in (self.root, self.text, self.root.section("thinker_config")):
            found = holder.section(path[0]) if holder is not None else None
            for name in path[1:]:
                found = (found.section(name) or found) if found is not None else None
            if found is not None:
                return found
        return None

    def dimension(self, *names: str, minimum: int = 1) -> int | None:
        """An integer of the language part, else of the whole, else the family's default."""
        found = self.text.integer(*names, minimum=minimum)
        if found is None and self.text is not self.root:
            found = self.root.integer(*names, minimum=minimum)
        if found is None:
            return next((self.family.defaults[name] for name in names if name in self.family.defaults), None)
        return found

    def field(self, name: str, minimum: int = 1) -> int | None:
        """A whole number of the language part, else of the whole; one that only helps, so nonsense is not said."""
        for section in (self.text, self.root):
            number = section.number(name)
            if number is not None and number.is_integer() and number >= minimum:
                return int(number)
        return None

    @property
    def hidden_size(self) -> int | None:
        return self.dimension(*_HIDDEN)

    @property
    def layers(self) -> int | None:
        found = self.dimension(*_LAYERS)
        if found is not None and found > _MAX_LAYERS:
            raise ModelParseError(self.root.path, "num_hidden_layers", found, f"at most {_MAX_LAYERS} layers")
        return found

    @property
    def attention_heads(self) -> int | None:
        return self.dimension(*_HEADS, minimum=0) or None

    @property
    def key_value_heads(self) -> int | None:
        """Heads of keys and values; as many as attention heads when not said."""
        heads = self.attention_heads
        attention = self.root.section("attn_config")
        said = (attention.integer("kv_n_heads") if attention else None) or self.dimension(*_KEY_VALUE_HEADS, minimum=0)
        if self.text.flag("multi_query") and not said:
            said = 1
        if said and heads and said > heads:
            found = f"{said} with {heads} attention heads"
            raise ModelParseError(self.root.path, "num_key_value_heads", found, "at most one for each attention head")
        return said or heads

    @property
    def head_size(self) -> int | None:
        """Width of one attention head."""
        said = self.dimension("head_dim", "kv_channels", "attention_head_dim")
        if said is None and (self.hidden_size is not None and self.attention_heads):
            return self.hidden_size // self.attention_heads or None
        return said

    @property
    def vocabulary_size(self) -> int | None:
        return self.dimension("vocab_size", "padded_vocab_size", "n_vocab", minimum=0) or None

    @property
    def language(self) -> Family:
        """The family of the language part; the model's own when it is nothing else."""
        if self.spoken is not None:
            return self.spoken
        said = self.text.hint("model_type").strip() if self.text is not self.root else ""
        if self.family.language is not None:
            return family_of(said or self.family.language)
        return family_of(said) if self.text is not self.root else self.family

    @property
    def tied_embeddings(self) -> bool | None:
        """Whether the output layer is the embedding itself; None when neither the file nor the family says so."""
        for section in (self.root, self.text):
            if (found := section.flag("tie_word_embeddings")) is not None:
                return found
        return self.language.tied or None

    @property
    def experts(self) -> int | None:
        ffn = self.root.section("ffn_config")
        found = ffn.integer("moe_num_experts", minimum=0) if ffn is not None else None
        found = found or self.dimension(*_EXPERTS, minimum=0)
        return found if found and found > 1 else None

    @property
    def experts_per_token(self) -> int | None:
        ffn = self.root.section("ffn_config")
        found = ffn.integer("moe_top_k", minimum=0) if ffn is not None else None
        return found or self.dimension(*_EXPERTS_PER_TOKEN, minimum=0) or None

    @property
    def vision(self) -> bool:
        """Whether the model reads images."""
        if self.family.vision is not None:
            return self.family.vision
        return any(self.root.has(name) for name in _VISION)

    @property
    def labels(self) -> int:
        """Number of labels of a classifier; two when not said, as the library has it."""
        said = self.root.number("num_labels")
        names = self.root.values.get("id2label")
        return (
            int(said) if said and 0 < said < _MAX_LABELS else (len(names) if isinstance(names, dict) and names else 2)
        )

    def check(self) -> None:
        """`ModelParseError` when a field that the family cannot do without is missing."""
        for name in self.family.required:
            if self.dimension(*_SYNONYMS.get(name, (name,))) is None:
                raise self.root.error(name, f"a positive integer, as every {self.model_type} model has")


_MAX_LAYERS = 10_000
_MAX_LABELS = 1_000_000
_VISION = (
    "vision_config", "vision_tower", "mm_vision_tower", "img_processor", "vision_model_config", "vision_encoder",
    "visual", "vit_config", "vision_cfg", "image_token_index", "image_token_id",
)  # fmt: skip
_SYNONYMS = {"num_local_experts": _EXPERTS, "n_routed_experts": _EXPERTS, "num_experts_per_tok": _EXPERTS_PER_TOKEN}


def read_configuration(root: Section) -> Configuration:
    """The configuration in a document; `ModelParseError` when it doesn't name a model type."""
    model_type = root.text("model_type")
    if model_type is None:
        raise ModelParseError(root.path, "model_type", "nothing", "the type of a model")
    family = family_of(model_type.lower())
    architecture = _first_architecture(root) or family.architecture
    if architecture and (not architecture.isprintable() or len(architecture) > 200):
        raise ModelParseError(root.path, "architectures", architecture, "names of classes")
    text = root.section(*TEXT_SECTIONS)
    thinker = root.section("thinker_config")
    if text is None and thinker is not None:
        text = thinker.section(*TEXT_SECTIONS) or thinker
    configuration = Configuration(root, text or root, family, model_type.lower(), architecture)
    configuration.check()
    return configuration


def _first_architecture(root: Section) -> str | None:
    architectures = root.texts("architectures")
    return (architectures[0].strip() if architectures else "") or None
