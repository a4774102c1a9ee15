import pytest

from omectl.planner.lint.names import named_sizes


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("srt-llama-3-3-70b-instruct", ["70B", "3.70B"]),
        ("srt-qwen2-5-1-5b", ["5B", "1.5B"]),
        ("srt-qwen3-embedding-0.6b", ["6B", "0.6B"]),
        ("bloomz-7b1", ["7.1B"]),
        ("smollm-360m", ["360M"]),
        ("srt-mixtral-8x7b-instruct", ["8x7b"]),
        ("srt-qwen3-30b-a3b", ["30B"]),
        ("srt-llama-4-scout-17b-16e-instruct", []),
        ("phi-3-mini-128k", []),
        ("glm-4-5v", []),
        ("ling-lite", []),
    ],
)
def test_sizes_in_names(name: str, wanted: list[str]) -> None:
    """D 27."""
    assert [one.text for one in named_sizes(name)] == wanted


def test_a_size_in_a_name_is_meant_within_a_tenth() -> None:
    found = named_sizes("x-20b")[0]
    assert (found.least, found.most) == (18 * 10**9, 22 * 10**9)


def test_experts_share_weights() -> None:
    found = named_sizes("mixtral-8x7b")[0]
    assert (found.least, found.most) == (7 * 10**9 * 9 // 10, 56 * 10**9 * 11 // 10)
