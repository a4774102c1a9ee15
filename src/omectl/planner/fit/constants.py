"""Every number of the memory estimate that is no number of the model, with its source.

docs/fit.md tells how well they hold against published measurements.
"""

from fractions import Fraction
from typing import Final

GIB: Final = 1 << 30

MEMORY_SHARE: Final = Fraction(9, 10)
"""Share of a GPU that an engine takes. vLLM `--gpu-memory-utilization`, default 0.9 (docs.vllm.ai, engine arguments);
the rest holds captured graphs (0.5 to 1.9 GiB measured, llm-d-planner) and other processes' use."""

TIGHT_SHARE: Final = Fraction(95, 100)
"""Share up to which operators raise it: what the measurements of llm-d-planner ran with."""

BLOCK_TOKENS: Final = 16
"""Tokens of a cache block: vLLM's default `--block-size` on CUDA. Caches grow by whole blocks."""

LARGE_GPU: Final = 70 * GIB
LARGE_BATCH_TOKENS, LARGE_SEQUENCES = 8192, 1024
SMALL_BATCH_TOKENS, SMALL_SEQUENCES = 2048, 256
"""Tokens and sequences of one step that vLLM's server sizes its buffers for, on GPUs from 70 GiB and on smaller ones
(vllm/engine/arg_utils.py, defaults of `max_num_batched_tokens` and `max_num_seqs`)."""

SAMPLER_BYTES: Final = 16
"""Peak bytes for each sequence and word of the vocabulary while the next tokens are sampled. vLLM 0.19 on H100 with
1024 sequences: Llama-3.1-8B 1.89 GiB, Qwen2.5-7B 2.21, gemma-3-27b 3.99, gpt-oss-20b 2.87, which is 15.0 to 15.9
(llm-d-planner); vLLM before 0.17 took 38.5 (llm-d-benchmark)."""

LAYER_BYTES: Final = 28
"""Peak bytes for each token of a step and unit of hidden size inside a layer: 14 values of 2 bytes (gate and up of a
gated layer are about 7 hidden sizes, their product 3.5, the rest the residuals). CodeLlama-7b: 0.77 GiB with 8192
tokens of 4096, vLLM 0.19 (llm-d-planner); the slope of Llama-3.1-8B over context without chunks is 27 (vllm#10517)."""

ACTIVATIONS_UNKNOWN: Final = 2 * GIB
"""When neither hidden size nor vocabulary are known: llm-d-planner's base for dense models."""

RUNTIME_BYTES: Final = 3 * GIB // 10
"""CUDA context and libraries of one process, outside the tensors: 0.27 GiB on average (llm-d-planner)."""

COLLECTIVE_BYTES: Final = 18 * GIB // 10
"""Communication buffers of each GPU under tensor parallelism: 2.08 to 2.17 GiB with the above (llm-d-planner)."""

STATE_BYTES: Final = 4
"""Bytes of one number of a recurrent state: engines keep them in float32 unless told otherwise."""

ESTIMATED_CACHE: Final = Fraction(3, 2)
"""Cache bytes of a token in 16 bits, divided by the square root of the parameters, when the layers are unknown: Llama 3
with 8, 70 and 405 billion has 1.46, 1.23 and 0.81 (grouped-query attention)."""

ESTIMATED_KEY_VALUE_HEADS: Final = 8
"""Over how many GPUs that cache can be split: the heads of keys and values that most models have."""

DEFAULT_CONTEXT: Final = 8192
"""Tokens of context when neither the service nor the model tells."""
