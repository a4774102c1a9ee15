import pytest

from omectl.modelagent.backoff import backoff_s


@pytest.mark.parametrize(
    ("failures", "longest"), [(0, 1.0), (1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (5_000, 30.0)], ids=str
)
def test_waits_double_up_to_a_limit_however_long_it_goes_on(failures: int, longest: float) -> None:
    waits = [backoff_s(failures, 1.0, 30.0) for _ in range(50)]
    assert all(longest * 0.67 <= wait <= longest for wait in waits)
    assert len(set(waits)) > 1
