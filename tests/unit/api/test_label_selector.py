"""Label selectors as text."""

import pytest

from omectl.api.label_selector import BadSelector, parse_label_selector
from omectl.api.matching import matches_labels

WEB = {"app": "web", "tier": "front", "zone": "a", "gpu": "", "example.com/team": "x"}

SELECTS = [
    ("", True),
    ("  ", True),
    ("app=web", True),
    ("app==web", True),
    ("app = web", True),
    ("app=db", False),
    ("app!=db", True),
    ("app!=web", False),
    ("none!=x", True),
    ("app", True),
    ("none", False),
    ("!none", True),
    ("! none", True),
    ("!app", False),
    ("zone in (a,b)", True),
    ("zone in (b, c)", False),
    ("zone in (b)", False),
    ("none in (a)", False),
    ("zone notin (b,c)", True),
    ("zone notin (a,b)", False),
    ("none notin (a)", True),
    ("gpu=", True),
    ("gpu=,app=web", True),
    ("app=", False),
    ("gpu in ()", True),
    ("gpu in (,x)", True),
    ("app in ()", False),
    ("gpu!=", False),
    ("example.com/team=x", True),
    ("example.com/team=y", False),
    ("app=web,tier!=db,zone in (a,b),zone notin (c),gpu,!spot", True),
    ("app=web,tier!=front", False),
    ("app=web,!gpu", False),
    ("in in (in)", False),
    ("in=x", False),
]


@pytest.mark.parametrize(("text", "selected"), SELECTS)
def test_a_text_selects_as_the_server_would(text: str, *, selected: bool) -> None:
    assert matches_labels(parse_label_selector(text), WEB) is selected


def test_a_text_is_the_same_as_a_label_selector() -> None:
    assert parse_label_selector("a=b,c!=d,e in (x,y),f notin (z),g,!h") == {
        "matchExpressions": [
            {"key": "a", "operator": "In", "values": ["b"]},
            {"key": "c", "operator": "NotIn", "values": ["d"]},
            {"key": "e", "operator": "In", "values": ["x", "y"]},
            {"key": "f", "operator": "NotIn", "values": ["z"]},
            {"key": "g", "operator": "Exists"},
            {"key": "h", "operator": "DoesNotExist"},
        ]
    }


LONG = "a" * 63

REFUSED = [
    ("=", "a label's key", "="),
    ("a=b,", "a label's key", ""),
    (",a", "a label's key", ","),
    ("a b", "one of = == != in notin", "b"),
    ("a>1", "one of = == != in notin", ">"),
    ("a<1", "one of = == != in notin", "<"),
    ("a=b c", "a comma", "c"),
    ("a=b=c", "a comma", "="),
    ("a in b", "values in parentheses", "b"),
    ("a in", "values in parentheses", ""),
    ("a in (b", "a comma or a closing parenthesis", ""),
    ("a in (b c)", "a comma or a closing parenthesis", "c"),
    ("a notin b", "values in parentheses", "b"),
    ("!", "a label's key", ""),
    ("-a", "a label's key", "-a"),
    ("a-", "a label's key", "a-"),
    ("é", "a label's key", "é"),
    ("/a", "a label's key", "/a"),
    ("Example.com/a", "a label's key", "Example.com/a"),
    ("x/y/z", "a label's key", "x/y/z"),
    ("example.com/", "a label's key", "example.com/"),
    (LONG + "a", "a label's key", LONG + "a"),
    (f"a={LONG}a", "a label's value", LONG + "a"),
    ("a=-b", "a label's value", "-b"),
    ("a=b/c", "a label's value", "b/c"),
    ("a in (b,c/d)", "a label's value", "c/d"),
    (f"{'p' * 254}/a", "a label's key", f"{'p' * 254}/a"),
]


@pytest.mark.parametrize(("text", "wanted", "found"), REFUSED)
def test_a_text_that_is_no_selector_is_refused_with_the_place(text: str, wanted: str, found: str) -> None:
    with pytest.raises(BadSelector) as refused:
        parse_label_selector(text)
    assert (refused.value.text, refused.value.wanted, refused.value.found) == (text, wanted, found)


@pytest.mark.parametrize("text", [f"{LONG}={LONG}", f"{'p' * 253}/{LONG}", "a.b-c/D_e.f", "1=2"])
def test_the_longest_and_oddest_names_are_taken(text: str) -> None:
    assert len(parse_label_selector(text)["matchExpressions"]) == 1


def test_a_refusal_says_what_was_wanted_and_found() -> None:
    with pytest.raises(BadSelector, match=r"in the label selector 'a in b' wanted values in parentheses, found 'b'"):
        parse_label_selector("a in b")
    with pytest.raises(BadSelector, match=r"in the label selector 'a=b,' wanted a label's key, found its end"):
        parse_label_selector("a=b,")
