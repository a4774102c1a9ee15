"""Every rule by its code: how grave it is, what is wrong, and an example. Codes never change their meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How grave a finding is."""

    ERROR = "error"
    """It cannot work, or does not do what it says."""
    WARNING = "warning"
    """It works, but probably not as its author thinks, or not always."""
    INFO = "info"
    """Nothing is wrong; it could be better."""

    @property
    def weight(self) -> int:
        """Larger for what is graver."""
        return _WEIGHTS[self]


_WEIGHTS: Final[Mapping[Severity, int]] = {Severity.ERROR: 3, Severity.WARNING: 2, Severity.INFO: 1}


class Code(StrEnum):
    """What a rule is called. Its meaning is in `RULES`."""

    DOCUMENT_UNREADABLE = "DocumentUnreadable"
    OBJECT_UNREADABLE = "ObjectUnreadable"
    SETTINGS_UNREADABLE = "SettingsUnreadable"
    FIELD_UNKNOWN = "FieldUnknown"
    NAME_MISSING = "NameMissing"
    NAME_INVALID = "NameInvalid"
    NAME_DEFINED_TWICE = "NameDefinedTwice"

    SIZE_UNREADABLE = "SizeUnreadable"
    VERSION_UNREADABLE = "VersionUnreadable"
    QUANTITY_UNREADABLE = "QuantityUnreadable"
    OPERATOR_UNKNOWN = "OperatorUnknown"
    QUANTIZATION_UNKNOWN = "QuantizationUnknown"
    WEIGHT_NOT_POSITIVE = "WeightNotPositive"
    PRIORITY_NOT_POSITIVE = "PriorityNotPositive"
    NAME_BLANK = "NameBlank"

    RANGE_INVERTED = "RangeInverted"
    RANGE_MISSES_NAME = "RangeMissesName"

    ENTRY_TAKES_NOTHING = "EntryTakesNothing"
    ENTRY_LOSES = "EntryLoses"
    ENTRY_LOSES_IN_OME = "EntryLosesInOme"
    ONLY_NAME_DECIDES = "OnlyNameDecides"
    NAMESPACE_SHADOWS = "NamespaceShadows"
    PREFILL_AUTO_SELECTABLE = "PrefillAutoSelectable"
    DECODER_WITHOUT_ROUTER = "DecoderWithoutRouter"
    ROUTER_MISSES_PODS = "RouterMissesPods"

    RANKS_DIFFER_FROM_GPUS = "RanksDifferFromGpus"
    PARALLELISM_UNREADABLE = "ParallelismUnreadable"
    POD_LARGER_THAN_A_NODE = "PodLargerThanANode"
    DIALECT_UNKNOWN = "DialectUnknown"

    GROUP_INCOMPLETE = "GroupIncomplete"
    WORKER_SIZE_MISSING = "WorkerSizeMissing"
    TOP_LEVEL_IGNORED = "TopLevelIgnored"
    POD_REFUSED = "PodRefused"
    VALUE_LOST = "ValueLost"
    MODEL_PATH_UNUSED = "ModelPathUnused"
    VOLUME_MISSING = "VolumeMissing"
    VARIABLE_UNKNOWN = "VariableUnknown"

    IMAGE_UNTAGGED = "ImageUntagged"
    IMAGE_MOVES = "ImageMoves"
    IMAGE_WITHOUT_DIGEST = "ImageWithoutDigest"

    PROBE_PORT_UNKNOWN = "ProbePortUnknown"
    PORT_TAKEN_TWICE = "PortTakenTwice"

    STORAGE_URI_UNREADABLE = "StorageUriUnreadable"
    WEIGHT_UNUSABLE = "WeightUnusable"
    CLASS_RECOGNISES_NOTHING = "ClassRecognisesNothing"
    MEMORY_UNIT_ASSUMED = "MemoryUnitAssumed"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `wrong` says what is found, and why it matters; `example` is something that the rule finds."""

    severity: Severity
    wrong: str
    example: str


_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: Final[Mapping[Code, Rule]] = {
    Code.DOCUMENT_UNREADABLE: Rule(_ERROR, "The file is no YAML or JSON from here on, or holds no object.", "`a: [`"),
    Code.OBJECT_UNREADABLE: Rule(_ERROR, "A field does not have the shape of its kind.", "`autoSelect: 5`"),
    Code.SETTINGS_UNREADABLE: Rule(
        _ERROR, "The settings ConfigMap cannot be read; the defaults are used here.", "`data: {ingress: '{'}`"
    ),
    Code.FIELD_UNKNOWN: Rule(_WARNING, "No such field exists, so nobody reads it.", "`autoSelet: true`"),
    Code.NAME_INVALID: Rule(_ERROR, "The API server refuses the name.", "`name: Llama_8B`"),
    Code.NAME_MISSING: Rule(_ERROR, "The object has no name.", "`metadata: {}`"),
    Code.NAME_DEFINED_TWICE: Rule(
        _ERROR,
        "Two documents define one object: whichever is applied last counts, and so does it here.",
        "two files with `name: srt-qwen3`",
    ),
    Code.SIZE_UNREADABLE: Rule(_ERROR, "The text is no number of parameters.", "`min: 7b`"),
    Code.VERSION_UNREADABLE: Rule(_ERROR, "The text is no version, or no set of versions.", "`version: latest`"),
    Code.QUANTITY_UNREADABLE: Rule(_ERROR, "The text is no Kubernetes quantity.", "`memory: 80 GB`"),
    Code.OPERATOR_UNKNOWN: Rule(_ERROR, "No such operator exists; it would match nothing.", "`operator: LessThan`"),
    Code.QUANTIZATION_UNKNOWN: Rule(
        _WARNING, "No model is ever read to have this quantization.", "`quantization: FP8`"
    ),
    Code.WEIGHT_NOT_POSITIVE: Rule(
        _WARNING, "OME takes a weight of 0 for 10 or 5, and passes over one below 0.", "`weight: 0`"
    ),
    Code.PRIORITY_NOT_POSITIVE: Rule(_ERROR, "The API server refuses a priority below 1.", "`priority: 0`"),
    Code.NAME_BLANK: Rule(_ERROR, "A name is needed and there is none.", "`modelFormat: {name: ''}`"),
    Code.RANGE_INVERTED: Rule(_ERROR, "No size lies in the range.", "`{min: 9B, max: 7B}`"),
    Code.RANGE_MISSES_NAME: Rule(
        _WARNING, "The range is far from the size in the name.", "`gpt-oss-20b` with `{min: 115B, max: 125B}`"
    ),
    Code.ENTRY_TAKES_NOTHING: Rule(
        _ERROR, "No model can be made up that the entry takes.", "`modelFrameworkVersions: '>5,<4'`"
    ),
    Code.ENTRY_LOSES: Rule(
        _ERROR,
        "Another runtime is chosen for the model that this entry describes, of the middle of its sizes.",
        "two runtimes, one of them with a narrower range",
    ),
    Code.ENTRY_LOSES_IN_OME: Rule(
        _WARNING,
        "As `EntryLoses`, when the runtimes are ranked as OME does and the outcome differs.",
        "a range beside a runtime without one",
    ),
    Code.ONLY_NAME_DECIDES: Rule(
        _WARNING, "Two runtimes take the same models equally well; the alphabet decides.", "two equal entries"
    ),
    Code.NAMESPACE_SHADOWS: Rule(
        _INFO,
        "In its namespace the one runtime takes models from the other, which is the cluster's.",
        "a `ServingRuntime` like a `ClusterServingRuntime`",
    ),
    Code.PREFILL_AUTO_SELECTABLE: Rule(
        _WARNING,
        "OME chooses it also for services without a decoder, which then only prefill; here it waits for a decoder.",
        "`decoderConfig` and `autoSelect: true`",
    ),
    Code.DECODER_WITHOUT_ROUTER: Rule(
        _WARNING,
        "Nothing passes requests to engine and decoder, unless a service brings its own router.",
        "`decoderConfig` without `routerConfig`",
    ),
    Code.ROUTER_MISSES_PODS: Rule(
        _ERROR,
        "The router looks for pods by labels or at a port that engine or decoder do not have, or finds too many.",
        "`--decode-selector component=engine`",
    ),
    Code.RANKS_DIFFER_FROM_GPUS: Rule(
        _ERROR,
        "Tensor times pipeline times data parallelism are not the GPUs that the pods ask for.",
        "`--tp-size 4` and `nvidia.com/gpu: 2`",
    ),
    Code.PARALLELISM_UNREADABLE: Rule(
        _WARNING, "A flag of parallelism has no number for its value.", "`--tp-size $(TP)` without `TP`"
    ),
    Code.POD_LARGER_THAN_A_NODE: Rule(
        _WARNING, "One pod asks for more GPUs than a common node has.", "`nvidia.com/gpu: 16`"
    ),
    Code.DIALECT_UNKNOWN: Rule(
        _INFO,
        "The engine's flags are not known or stand in a shell's text, so its parallelism is neither checked nor set.",
        "`command: [my-server]` with 4 GPUs",
    ),
    Code.GROUP_INCOMPLETE: Rule(
        _ERROR, "A group of pods needs a leader (or a runner) and workers.", "`leader` without `worker`"
    ),
    Code.WORKER_SIZE_MISSING: Rule(_ERROR, "The number of workers is not at least 1.", "`worker: {size: 0}`"),
    Code.TOP_LEVEL_IGNORED: Rule(
        _WARNING,
        "Beside the components' templates only `nodeSelector` and containers' resources count.",
        "`spec.affinity` beside `spec.engineConfig`",
    ),
    Code.MODEL_PATH_UNUSED: Rule(
        _WARNING, "The command line does not say where the model's files are.", "`args: [--model, /models/llama]`"
    ),
    Code.VOLUME_MISSING: Rule(
        _ERROR, "The API server refuses a mount of a volume that is not there.", "a mount of `dshm` without `volumes`"
    ),
    Code.POD_REFUSED: Rule(_ERROR, "No pod can be made from the template.", "a runner without `image`"),
    Code.VALUE_LOST: Rule(
        _WARNING, "Something that is written does not reach the pod.", "`leader` and `runner` side by side"
    ),
    Code.VARIABLE_UNKNOWN: Rule(
        _WARNING, "The container has no such variable, so the program gets the words themselves.", "`$(MODEL_DIR)`"
    ),
    Code.IMAGE_UNTAGGED: Rule(
        _WARNING, "Without a tag the image is whatever was pushed last.", "`image: vllm/vllm-openai`"
    ),
    Code.IMAGE_MOVES: Rule(_WARNING, "The tag is one that is pushed again and again.", "`image: lmsysorg/sglang:dev`"),
    Code.IMAGE_WITHOUT_DIGEST: Rule(
        _INFO, "Only a digest names one image for ever.", "`image: vllm/vllm-openai:v0.11.0`"
    ),
    Code.PROBE_PORT_UNKNOWN: Rule(_ERROR, "A probe names a port that the container does not have.", "`port: http`"),
    Code.PORT_TAKEN_TWICE: Rule(
        _WARNING,
        "Two containers of a pod want one port, or pods of two components want one of the node's network.",
        "`hostNetwork: true` and port 8080 in `engineConfig` and `decoderConfig`",
    ),
    Code.STORAGE_URI_UNREADABLE: Rule(_ERROR, "The text is no storage URI.", "`storageUri: huggingface.co/org/m`"),
    Code.WEIGHT_UNUSABLE: Rule(
        _ERROR, "A service with this weight is refused for one of its fields.", "`hyperParameters: {rank: 8}`"
    ),
    Code.CLASS_RECOGNISES_NOTHING: Rule(
        _ERROR, "The class states nothing by which a node could be recognised.", "`discovery: {}`"
    ),
    Code.MEMORY_UNIT_ASSUMED: Rule(
        _WARNING, "The memory is below 1Gi, so its unit was probably forgotten.", "`memoryGB: 80`"
    ),
}
