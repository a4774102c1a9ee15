"""The number of parameters that a configuration's shapes imply, where no weight headers are at hand."""

from dataclasses import dataclass

from omectl.modelparser.configuration import Configuration
from omectl.modelparser.document import Section
from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.families import tower_of
from omectl.modelparser.family import Family
from omectl.modelparser.formula import evaluate
from omectl.modelparser.layers import count_layers, layer_kinds

_MOST = 10**15
_PARTS = {
    "vision": ("vision_config",), "audio": ("audio_config",), "ffn": ("ffn_config",), "linear": ("linear_attn_config",),
    "talker": ("talker_config", "text_config"), "code": ("talker_config", "code_predictor_config"),
    "wave": ("code2wav_config",),
}  # fmt: skip
"""Where the parts that formulas name lie: one section in another, as far down as there are any."""
_FEED_FORWARD = (
    "intermediate_size", "ffn_dim", "d_ff", "n_inner", "ffn_hidden_size", "ff_intermediate_size", "hidden_dim",
)  # fmt: skip


def configured_parameters(config: Configuration, *, embeds: bool = False, active: bool = False) -> int | None:
    """The count by the family's formulas; None when there is none for it or a dimension is missing.

    Models that embed are stored without an output layer, whatever their architecture says. `active` counts what one
    token meets: of a layer's experts only those that its router chooses, of everything else all.
    """
    family, language = config.family, config.language
    if language.parameters is None or _has_uncounted_parts(config, family):
        return None
    if active and not (config.experts and config.experts_per_token):
        return None
    lookup = _Dimensions(config, language, embeds, active)
    count = evaluate(language.parameters, lookup.number)
    if family.beside is not None and count is not None:
        beside = evaluate(family.beside, lookup.number)
        count = count + beside if beside is not None else None
    return count if count is not None and 0 < count <= _MOST else None


def _has_uncounted_parts(config: Configuration, family: Family) -> bool:
    """Whether the model has something beside its language part that no formula covers."""
    return family.beside is None and config.vision


@dataclass(frozen=True, slots=True)
class _Dimensions:
    """Looks up the names of formulas (see `family`)."""

    config: Configuration
    language: Family
    embeds: bool
    active: bool

    def number(self, name: str) -> int | None:
        part, _, rest = name.rpartition(".")
        if part == "kinds":
            return layer_kinds(self.config).get(rest, 0)
        if part:
            section = self.config.part(*_PARTS[part])
            said = _field(section, rest) if section is not None else None
            return said if said is not None else self._default(name)
        known = self._short(name)
        return known if known is not None else self._named(name)

    def _short(self, name: str) -> int | None:
        config = self.config
        match name:
            case "h":
                return config.hidden_size or self._named("hidden_size")
            case "L":
                return config.layers or self._named("num_hidden_layers")
            case "H":
                return self._heads()
            case "d":
                return self._head_size()
            case "q":
                return _product(self._heads(), self._head_size())
            case "k":
                return _product(self._key_value_heads(), self._head_size())
            case "i":
                return config.dimension(*_FEED_FORWARD) or self._named("intermediate_size")
            case "I":
                return self._all_widths()
            case "m":
                return config.dimension("moe_intermediate_size") or self._short("i")
            case "v":
                return config.vocabulary_size or self._named("vocab_size")
            case "E":
                return config.experts or 0
            case "X":
                return (config.experts_per_token if self.active else config.experts) or 0
            case "active":
                return int(self.active)
            case "tower":
                vision = config.part("vision_config")
                kind = (vision.hint("model_type") if vision is not None else "") or config.family.vision_type or ""
                formula = tower_of(kind)
                return evaluate(formula, self.number) if formula is not None else None
            case "lm" | "cls" | "labels":
                return self._head(name)
            case "w" | "t" | "N" | "patch" | "grid":
                return self._tower(name)
            case "S":
                return count_layers(config).states
            case "A":
                return count_layers(config).attention if config.layers else None
            case "noaux_tc":
                return int(config.text.values.get("topk_method") == "noaux_tc")
            case "is_gated":
                return int("gated" in config.text.hint("feed_forward_proj"))
            case "is_normed":
                return int(bool(config.text.hint("qk_norm")))
            case "is_projected":
                return int((config.architecture or "").lower().endswith("withprojection"))
            case "is_half":
                return int((config.architecture or "").lower().endswith("encodermodel"))
            case _:
                return None

    def _named(self, name: str) -> int | None:
        for section in (self.config.text, self.config.root):
            if (found := _field(section, name)) is not None:
                return found
        if (default := self._default(name)) is not None:
            return default
        nested = self.config.text is not self.config.root
        return self.language.nested_defaults.get(name) if nested else None

    def _default(self, name: str) -> int | None:
        families = (self.language, self.config.family)
        return next((family.defaults[name] for family in families if name in family.defaults), None)

    def _heads(self) -> int | None:
        return self.config.attention_heads or self._named("num_attention_heads")

    def _key_value_heads(self) -> int | None:
        said = self.config.key_value_heads
        if said == self.config.attention_heads and (default := self._named("num_key_value_heads")):
            return default
        return said or self._heads()

    def _head_size(self) -> int | None:
        said = self._named("head_dim") or self.config.head_size
        hidden, heads = self._short("h"), self._heads()
        return said or (hidden // heads if hidden and heads else None)

    def _all_widths(self) -> int | None:
        widths = self.config.text.values.get("intermediate_size")
        if isinstance(widths, list):
            return sum(width for width in widths if isinstance(width, int))
        return _product(self._short("L"), self._short("i"))

    def _head(self, name: str) -> int:
        architecture = (self.config.architecture or "").lower()
        classifies = architecture.endswith(("forsequenceclassification", "forrewardmodel"))
        bare = architecture.endswith("model") and not architecture.endswith(("headmodel", "rewardmodel", "chatmodel"))
        bare = bare and not self.config.family.bare_generates
        if name == "cls":
            return int(classifies)
        if name == "labels":
            return 1 if architecture.endswith("forrewardmodel") else self.config.labels
        tied = self.config.tied_embeddings
        return int(not tied and not classifies and not bare and not self.embeds)

    def _tower(self, name: str) -> int | None:
        vision = self.config.part("vision_config")
        if vision is None:
            return None
        width = vision.integer("embed_dim", "width", "hidden_size", "vt_hidden_size")
        patch = vision.integer("patch_size", "spatial_patch_size")
        if name == "w":
            return width
        if name == "t":
            ratio = vision.number("mlp_ratio")
            return vision.integer("intermediate_size", "vt_intermediate_size") or (
                round(width * ratio) if width and ratio and ratio > 0 else None
            )
        if name == "N":
            return vision.integer("num_hidden_layers", "depth", "layers", "vt_num_hidden_layers")
        if name == "patch":
            return 3 * patch * patch if patch else None
        image = vision.integer("image_size")
        return (image // patch) ** 2 if image and patch else None


def _field(section: Section, name: str) -> int | None:
    value = section.values.get(name)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        return len(value)
    try:
        return section.integer(name, minimum=0)
    except ModelParseError:
        return None


def _product(left: int | None, right: int | None) -> int | None:
    return left * right if left is not None and right is not None else None
