"""Which names somebody may have meant."""

import pytest

from omectl.planner.spelling import similar


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("lama-3-8b", ["llama-3-8b", "bert"], ["llama-3-8b"]),
        ("LLAMA", ["llama"], ["llama"]),
        ("llama", ["llama"], []),
        ("llama", [], []),
        ("", ["llama"], []),
        ("zzz", ["llama"], []),
        ("Cheap", ["BestFit", "Cheapest", "MostCapable"], ["Cheapest"]),
        ("qwen", ["qwen-1", "qwen-2", "qwen-3", "qwen-4"], ["qwen-4", "qwen-3", "qwen-2"]),
    ],
)
def test_names_that_are_spelled_alike(name: str, known: list[str], meant: list[str]) -> None:
    assert similar(name, known) == meant


def test_the_order_of_the_known_names_has_no_influence() -> None:
    known = ["h100", "h200", "H100", "a100"]
    assert similar("h10", known) == similar("h10", reversed(known))
    assert similar("h10", known)[0] == "H100"
