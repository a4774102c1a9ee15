"""What fuzzing looks for, in the suite: the checks of `make fuzz` over its corpus, and over 10,000 damaged inputs."""

import time
import tracemalloc
from pathlib import Path
from random import Random

import pytest
from hack.fuzz.checks import CHECKS
from hypothesis import given, settings
from hypothesis import strategies as st

_CORPUS = Path(__file__).parents[3] / "hack" / "fuzz" / "corpus"
_SEEDS = {name: sorted((_CORPUS / name).iterdir()) for name in CHECKS}
_EXAMPLES, _EACH = 100, 20
"""Of each target: draws, and damaged inputs made of one draw; 10,000 together."""
_CPU_S = 1.0
_BYTES = 8 << 20
_WORDS = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\0", b"\xff", b'},"', b"\\ud800", b"NaN", b"-1", b"1e999"),
    *(b"9" * 30, b"null", b"true", b'"dtype":"U8",', b'"__metadata__":{', b"[[[[", b"../", b"{%tools%}", b"\x1b[2J"),
    *((1 << 63).to_bytes(8, "little"), b"\xff" * 8, (100_000_000).to_bytes(8, "little")),
)  # fmt: skip


@pytest.mark.parametrize("path", [path for paths in _SEEDS.values() for path in paths], ids=lambda path: path.name)
def test_what_fuzzing_begins_with_and_has_found_holds_in_little_memory(path: Path) -> None:
    """Also the inputs that broke something once: they are in the corpus for ever, called `found-…`."""
    data = path.read_bytes()
    CHECKS[path.parent.name](data)
    tracemalloc.start()
    try:
        CHECKS[path.parent.name](data)
        assert tracemalloc.get_traced_memory()[1] < _BYTES
    finally:
        tracemalloc.stop()


def test_every_target_has_its_corpus_and_words() -> None:
    assert {path.name for path in _CORPUS.iterdir()} == CHECKS.keys()
    assert {path.stem for path in (_CORPUS.parent / "dictionaries").iterdir()} == CHECKS.keys()
    assert sum(path.stat().st_size for paths in _SEEDS.values() for path in paths) < 100_000


@pytest.mark.parametrize("name", CHECKS)
@settings(max_examples=_EXAMPLES, deadline=None, database=None, derandomize=True)
@given(draw=st.randoms(use_true_random=True), whole=st.binary(max_size=64))
def test_damaged_input_ends_in_facts_or_the_parsers_error_in_bounded_time(
    name: str, draw: Random, whole: bytes
) -> None:
    CHECKS[name](whole)
    seeds = [path.read_bytes() for path in _SEEDS[name]]
    for _ in range(_EACH):
        data = damaged(draw.choice(seeds), draw)
        started = time.thread_time()
        CHECKS[name](data)
        assert time.thread_time() - started < _CPU_S, data


def damaged(data: bytes, draw: Random) -> bytes:
    """With a few places overwritten, cut out, or with a word put in."""
    for _ in range(draw.randint(1, 4)):
        at, removed = draw.randint(0, len(data)), draw.choice((0, 1, 1, 8))
        added = draw.choice(_WORDS) if draw.random() < 0.5 else draw.randbytes(removed)
        data = data[:at] + added + data[at + removed :]
    return data
