"""The text and status of probes."""

import pytest

from omectl.manager import Checks
from omectl.manager.probes import Answer


def checks(**problems: str | None) -> Checks:
    made = Checks("readyz")
    for name, problem in problems.items():
        made.add(name, lambda problem=problem: problem)
    return made


def test_all_well_is_ok() -> None:
    answer = checks(a=None, b=None).answer()
    assert (answer.status, answer.text) == (200, "ok")


def test_without_checks_there_is_an_implicit_ping() -> None:
    """D 40."""
    assert checks().answer(verbose=True).text == "[+]ping ok\nreadyz check passed\n"
    ping = checks().answer_one("ping")
    assert ping is not None
    assert ping.healthy
    assert checks(a=None).answer_one("ping") is None


def test_a_failing_check_is_named_with_its_problem_beside_the_others() -> None:
    answer = checks(a=None, caches="waiting for pods (listing)").answer()
    assert answer.status == 500
    assert answer.text == "[+]a ok\n[-]caches failed: waiting for pods (listing)\nreadyz check failed\n"


def test_verbose_lists_every_check() -> None:
    assert checks(a=None, b=None).answer(verbose=True).text == "[+]a ok\n[+]b ok\nreadyz check passed\n"


def test_an_excluded_check_does_not_count() -> None:
    answer = checks(a=None, b="bad").answer(verbose=True, exclude=["b"])
    assert answer.healthy
    assert answer.text == "[+]a ok\n[+]b excluded: ok\nreadyz check passed\n"


def test_what_follows_an_excluded_check_counts() -> None:
    text = checks(a="bad", b="worse", c=None).answer(exclude=["a"]).text
    assert text == "[+]a excluded: ok\n[-]b failed: worse\n[+]c ok\nreadyz check failed\n"


def test_an_unknown_exclude_is_a_warning() -> None:
    text = checks(a=None).answer(verbose=True, exclude=["x", "y"]).text
    assert "warn: some health checks cannot be excluded: no matches for x, y" in text


def test_one_check_answers_at_its_own_path() -> None:
    made = checks(a=None, b="bad")
    good, bad = made.answer_one("a"), made.answer_one("b")
    assert good is not None
    assert bad is not None
    assert (good, good.status) == (Answer(True, "ok"), 200)
    assert (bad, bad.status) == (Answer(False, "b failed: bad\n"), 500)
    assert made.answer_one("c") is None


def test_a_check_that_breaks_is_unhealthy() -> None:
    made = Checks("healthz")

    def broken() -> str | None:
        raise KeyError("x")

    made.add("broken", broken)
    assert "[-]broken failed: the check itself failed: KeyError: 'x'" in made.answer().text


@pytest.mark.parametrize("name", ["", "a/b", "a"])
def test_names_are_unique_and_fit_into_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="new check's name"):
        checks(a=None).add(name, lambda: None)


def test_a_removed_check_counts_no_more() -> None:
    made = checks(a="bad")
    made.remove("a")
    assert made.answer().healthy
    made.remove("a")
