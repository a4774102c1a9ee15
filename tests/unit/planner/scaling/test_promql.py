"""What can be seen of a query without Prometheus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.planner.scaling.promql import query_fault


@pytest.mark.parametrize(
    "query",
    [
        "up",
        'sum(rate(x{a="b\\"}",c=\'}\'}[1m])) by (le)',
        "sum(up) > 5%",
        "sum( # all of them (\n up)",
        '`raw "text\n over lines` ',
        '""',
    ],
)
def test_queries_that_may_be_good(query: str) -> None:
    assert query_fault(query) == ""


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "it is empty"),
        (" \n# nothing", "it is empty"),
        ("sum(up", "( is not closed"),
        ("sum(rate(x[1m))", ") at character 14 closes nothing"),
        ("up)", ") at character 3 closes nothing"),
        ('x{a="b}', "the text that begins at character 5 does not end"),
        ('"a\nb"', "character 1 does not end"),
        ("'\\'", "character 1 does not end"),
        ("`", "character 1 does not end"),
        ('x{a="b"', "{ is not closed"),
    ],
)
def test_queries_that_prometheus_could_not_read(query: str, told: str) -> None:
    assert told in query_fault(query)


@given(st.text(alphabet="ab\"'`\\([{}])#\n ", max_size=20))
def test_any_text_gets_a_verdict(query: str) -> None:
    fault = query_fault(query)
    if not fault:
        assert query.strip()
