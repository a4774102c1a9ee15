"""What is known of a model from its own files. Nothing is guessed: unknown stays None."""

from omectl.api.wire import Flag, FreeForm, Int32, Int64, StringMap, Strings, WireType


class NameVersion(WireType):
    """A format or framework with its version, when that is known."""

    name: str
    version: str | None = None


class ModelFacts(WireType):
    """Facts read from configuration files and tensor headers. Sizes are bytes, counts are exact."""

    architecture: str | None = None
    family: str | None = None
    """The row of the table of families that the files were read by; `general` for the rules of unknown ones."""
    model_type: str | None = None
    parameter_count: Int64 | None = None
    parameter_count_source: str | None = None
    """Where the count comes from: `tensors` (exact), `configuration` (by formula) or `index`."""
    active_parameter_count: Int64 | None = None
    """Parameters that one token meets in a mixture of experts; None for models that use all of theirs."""
    context_length: Int64 | None = None
    dtype: str | None = None
    quantization: str | None = None
    quantization_method: str | None = None
    """The method as the model's configuration names it."""
    quantization_bits: Int32 | None = None
    """Width of a packed weight, where the configuration tells it."""
    size_bytes: Int64 | None = None
    layers: Int32 | None = None
    hidden_size: Int64 | None = None
    attention_heads: Int32 | None = None
    key_value_heads: Int32 | None = None
    head_size: Int32 | None = None
    latent_rank: Int32 | None = None
    """Width of the compressed keys and values that a layer of latent attention caches for a token."""
    latent_rope_size: Int32 | None = None
    """Width of the rotary key beside them."""
    sliding_window: Int64 | None = None
    """Tokens that a layer with a window looks back."""
    sliding_layers: Int32 | None = None
    state_layers: Int32 | None = None
    """Layers that keep one state for each sequence, of whatever length, instead of keys and values for each token."""
    state_size: Int64 | None = None
    """Numbers in the state of one such layer."""
    vocabulary_size: Int64 | None = None
    tied_embeddings: Flag | None = None
    """Whether the output layer is the embedding itself."""
    experts: Int32 | None = None
    experts_per_token: Int32 | None = None
    embedding_size: Int64 | None = None
    """Numbers in the vector that an embedding model makes of a text."""
    pooling: str | None = None
    """How it makes one vector of all tokens: `mean`, `cls`, `last`, ..."""
    input_length: Int64 | None = None
    """Tokens that it cuts a text to, where that is less than its context."""
    base_model: str | None = None
    """The model that an adapter changes, as its file names it."""
    adapter_method: str | None = None
    """How the adapter changes it: `lora`, `ia3`, ..."""
    adapter_rank: Int32 | None = None
    framework: NameVersion | None = None
    format: NameVersion | None = None
    capabilities: Strings = ()
    api_capabilities: Strings = ()
    features: Strings = ()
    """What else it can do: `CHAT`, `TOOL_CALLING`, `REASONING`, `CODE`; what it handles: `VISION`, `AUDIO`, `VIDEO`."""
    diffusion_pipeline: FreeForm | None = None
    revision: str | None = None
    """Commit or digest of the source that the facts were read from."""
    files: Int64 | None = None
    sources: StringMap | None = None
    """Where each fact comes from, by its name: `tensors` (headers of weight files), `index`, `configuration`, `files`
    (names and sizes), `table` (what the family's class supplies) or `estimate`."""


class RecordedFacts(ModelFacts):
    """Facts in a model's status, with the names of the spec fields that the controller filled from them."""

    filled: Strings = ()
