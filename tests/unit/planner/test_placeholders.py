import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.planner.placeholders import Placeholders
from omectl.planner.result import PlanRefused

KNOWN = Placeholders({"Name": "svc", "Namespace": "a&b"}, {"Labels": {"x": "<1>", "team.io/y": "2"}, "Annotations": {}})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("--name={{.Name}}", "--name=svc"),
        ("{{ .Name }}-{{- .Namespace -}}", "svc-a&b"),
        ("{{.Labels.x}}", "<1>"),
        ('{{index .Labels "team.io/y"}}', "2"),
        ("{{ index .Labels `x` }}", "<1>"),
        ("{{.Annotations.none}}", ""),
        ("{{ message['content'] }}", "{{ message['content'] }}"),
        ("{% for m in messages %}{{m}}{% endfor %}", "{% for m in messages %}{{m}}{% endfor %}"),
        ("{{{{}}", "{{{{}}"),
        ("$(MODEL_PATH)", "$(MODEL_PATH)"),
    ],
)
def test_placeholders_become_text_and_other_braces_stay(text: str, wanted: str) -> None:
    assert KNOWN.fill(text, "engine") == wanted


@pytest.mark.parametrize("text", ["{{.UID}}", "{{.Spec.model}}", '{{index .Finalizers "x"}}', "{{.Labels}}"])
def test_an_unknown_placeholder_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        KNOWN.fill(text, "engine container main.args[0]")
    assert refused.value.problem.reason == "MergeSpecsError"
    assert text in refused.value.problem.message
    assert "engine container main.args[0]" in refused.value.problem.message
    assert ".Labels.<key>" in refused.value.problem.next_step


@given(st.text(alphabet="{}. `\"'abNLx-index\\<&", max_size=30))
def test_any_text_is_filled_or_refused(text: str) -> None:
    try:
        filled = KNOWN.fill(text, "x")
    except PlanRefused:
        return
    assert "{{" in text or filled == text
