"""How engines read their command lines, as tables: which flags stand alone, which take several values, which are one.

From the argument parsers of SGLang (`server_args.py`, `launch_router`) and vLLM (`arg_utils.py`, `cli_args.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from omectl.planner.dialects import DIALECTS, SGLANG, VLLM, Dialect, Flag, dialect_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagTable:
    """One engine's flags. A flag that no field mentions takes one value, when a value follows it.

    `switches` stand alone, and so does what begins with one of `switch_beginnings` and is not in `valued`. `several`
    take every value up to the next flag. `spellings` has the first spelling of a flag for each other one. With
    `underscores`, `--a_b` is `--a-b`; with `negations`, `--no-a` says something about `--a`.
    """

    switches: frozenset[str] = frozenset()
    switch_beginnings: tuple[str, ...] = ()
    valued: frozenset[str] = frozenset()
    several: frozenset[str] = frozenset()
    spellings: Mapping[str, str] = field(default_factory=dict[str, str])
    underscores: bool = False
    negations: bool = False

    def key(self, name: str) -> str:
        """The flag that this spelling means."""
        plain = name.replace("_", "-") if self.underscores else name
        if self.negates(name):
            plain = f"--{plain.removeprefix('--no-')}"
        return self.spellings.get(plain, plain)

    def negates(self, name: str) -> bool:
        """Whether the spelling says the opposite of its flag."""
        return self.negations and name.replace("_", "-").startswith("--no-")

    def is_switch(self, name: str) -> bool:
        """Whether the flag stands alone."""
        plain = name.replace("_", "-") if self.underscores else name
        if plain in self.switches:
            return True
        return plain.startswith(self.switch_beginnings) and plain not in self.valued

    def takes_several(self, name: str) -> bool:
        """Whether the flag takes every value that follows."""
        return self.key(name) in self.several


def _spellings(dialect: Dialect) -> dict[str, str]:
    values = (getattr(dialect, one.name) for one in fields(dialect))
    return {name: value.names[0] for value in values if isinstance(value, Flag) for name in value.names[1:]}


_BEGINNINGS: Final = ("--enable-", "--disable-")

SGLANG_FLAGS: Final = FlagTable(
    switches=frozenset(
        {
            "--allow-auto-truncate",
            "--debug-tensor-dump-inject",
            "--delete-ckpt-after-loading",
            "--flashinfer-mla-disable-ragged",
            "--grpc-mode",
            "--is-embedding",
            "--keep-mm-feature-on-device",
            "--language-only",
            "--log-json",
            "--log-requests",
            "--pd-disaggregation",
            "--prefill-round-robin-balance",
            "--service-discovery",
            "--show-time-cost",
            "--skip-server-warmup",
            "--skip-tokenizer-init",
            "--triton-attention-reduce-in-fp32",
            "--trust-remote-code",
        }
    ),
    switch_beginnings=_BEGINNINGS,
    several=frozenset(
        {
            "--bucket-e2e-request-latency",
            "--bucket-inter-token-latency",
            "--bucket-time-to-first-token",
            "--cors-allowed-origins",
            "--cuda-graph-bs",
            "--decode-selector",
            "--forward-hooks",
            "--generation-tokens-buckets",
            "--lora-paths",
            "--lora-target-modules",
            "--piecewise-cuda-graph-tokens",
            "--prefill-selector",
            "--prometheus-duration-buckets",
            "--prompt-tokens-buckets",
            "--request-id-headers",
            "--selector",
            "--worker-urls",
        }
    ),
    spellings={**_spellings(SGLANG), "--mem-frac": "--mem-fraction-static", "--model": "--model-path"},
)
VLLM_FLAGS: Final = FlagTable(
    switches=frozenset(
        {
            "--allow-credentials",
            "--async-scheduling",
            "--calculate-kv-scales",
            "--data-parallel-external-lb",
            "--data-parallel-hybrid-lb",
            "--data-parallel-rank-local",
            "--enforce-eager",
            "--exclude-tools-when-tool-choice-none",
            "--fully-sharded-loras",
            "--headless",
            "--interleave-mm-strings",
            "--language-model-only",
            "--log-error-stack",
            "--return-tokens-as-token-ids",
            "--skip-mm-profiling",
            "--skip-tokenizer-init",
            "--tokens-only",
            "--trust-remote-code",
            "--trust-request-chat-template",
            "-ep",
        }
    ),
    switch_beginnings=(*_BEGINNINGS, "--no-"),
    valued=frozenset({"--disable-access-log-for-endpoints"}),
    several=frozenset(
        {
            "--api-key",
            "--collect-detailed-traces",
            "--cudagraph-capture-sizes",
            "--cuda-graph-sizes",
            "--logits-processors",
            "--lora-modules",
            "--served-model-name",
        }
    ),
    spellings={**_spellings(VLLM), "-q": "--quantization", "-n": "--nnodes", "-r": "--node-rank"},
    underscores=True,
    negations=True,
)
UNKNOWN_FLAGS: Final = FlagTable()
"""For programs that are neither: a flag takes the word after it unless that is a flag too."""

_TABLES: Final[Mapping[str, FlagTable]] = dict(
    zip((dialect.name for dialect in DIALECTS), (SGLANG_FLAGS, VLLM_FLAGS), strict=True)
)


def table_of(dialect: Dialect) -> FlagTable:
    """The table of an engine."""
    return _TABLES[dialect.name]


def flag_table(image: str, command: Sequence[str], args: Sequence[str]) -> FlagTable:
    """The table of the engine that a container runs."""
    dialect = dialect_of(image, command, args)
    return table_of(dialect) if dialect is not None else UNKNOWN_FLAGS
