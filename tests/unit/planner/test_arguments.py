"""Arguments as flags and values, and class overrides of them: D 21, with Q58 and the table of C.5."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omectl.planner.arguments import Argument, changes_of, merged, override, parse, standing
from omectl.planner.flag_tables import SGLANG_FLAGS, UNKNOWN_FLAGS, VLLM_FLAGS, FlagTable, flag_table

SCRIPT = "python3 -m x \\\n --tp-size 4 \\\n --model $(MODEL_PATH)"

TABLE = [
    ("with equals signs", ["--tp-size=4", "--port=8080"], ["--tp-size=8"], ["--tp-size=8", "--port=8080"]),
    ("as two elements", ["--tp-size", "4", "--port", "8080"], ["--tp-size", "8"], ["--tp-size", "8", "--port", "8080"]),
    ("a whole command in one element", ["python3 -m server"], ["--debug"], ["python3 -m server", "--debug"]),
    ("several lines", [SCRIPT], ["--tp-size 8"], ["python3 -m x \\\n --tp-size 8 \\\n --model $(MODEL_PATH)"]),
    ("case counts", ["--Enable-Metrics"], ["--enable-metrics"], ["--Enable-Metrics", "--enable-metrics"]),
    ("no override", ["--a", "1"], [], ["--a", "1"]),
    ("no arguments", [], ["--a", "1"], ["--a", "1"]),
    ("a flag and its value in one element", ["--a", "1"], ["--a 2"], ["--a", "2"]),
    ("blanks around", ["--a", "1"], [" --a=2 ", " "], ["--a=2"]),
    ("an override of several lines", ["--a", "1"], ["--a 2 \\\n --b 3 \\\n"], ["--a", "2", "--b", "3"]),
]


@pytest.mark.parametrize(("args", "changes", "wanted"), [one[1:] for one in TABLE], ids=[one[0] for one in TABLE])
def test_d_21_an_override_replaces_flags_in_place_and_adds_new_ones(
    args: list[str], changes: list[str], wanted: list[str]
) -> None:
    found = override([], args, changes_of(changes))
    assert list(found.args) == wanted
    assert (found.command, found.unwritten) == ((), ())


PITFALLS = [
    (
        "repeated flags stay",
        UNKNOWN_FLAGS,
        ["--lora", "a", "--lora", "b", "--x", "1"],
        ["--x", "2"],
        ["--lora", "a", "--lora", "b", "--x", "2"],
    ),
    (
        "an override has a repeated flag whole",
        UNKNOWN_FLAGS,
        ["--m", "a", "--x", "--m", "b"],
        ["--m", "c", "--m", "d"],
        ["--m", "c", "--m", "d", "--x"],
    ),
    (
        "a positional after a switch",
        VLLM_FLAGS,
        ["--enforce-eager", "model", "--port", "1"],
        ["--enforce-eager"],
        ["--enforce-eager", "model", "--port", "1"],
    ),
    (
        "negative numbers are values",
        UNKNOWN_FLAGS,
        ["--max-model-len", "-1", "--x", "-0.5", "--y", "-.5e-3"],
        ["--max-model-len", "8"],
        ["--max-model-len", "8", "--x", "-0.5", "--y", "-.5e-3"],
    ),
    (
        "a negative number in the override",
        UNKNOWN_FLAGS,
        ["--max-model-len", "8", "--z"],
        ["--max-model-len", "-1"],
        ["--max-model-len", "-1", "--z"],
    ),
    ("a new positional", UNKNOWN_FLAGS, ["serve", "--x"], ["m", "--y"], ["serve", "m", "--x", "--y"]),
    ("a positional with an equals sign", UNKNOWN_FLAGS, ["a=1", "--x"], ["a=1"], ["a=1", "--x"]),
    (
        "several values",
        SGLANG_FLAGS,
        ["--cuda-graph-bs", "1", "2", "4", "--tp", "8"],
        ["--cuda-graph-bs", "1"],
        ["--cuda-graph-bs", "1", "--tp", "8"],
    ),
    ("another spelling", SGLANG_FLAGS, ["--tp", "8"], ["--tensor-parallel-size=4"], ["--tensor-parallel-size=4"]),
    ("underscores", VLLM_FLAGS, ["--max_model_len=8"], ["--max-model-len=4"], ["--max-model-len=4"]),
    (
        "the opposite of a switch",
        VLLM_FLAGS,
        ["--enable-chunked-prefill", "--x"],
        ["--no-enable-chunked-prefill"],
        ["--no-enable-chunked-prefill", "--x"],
    ),
    (
        "a value that looks like a switch",
        VLLM_FLAGS,
        ["--disable-access-log-for-endpoints", "/health", "m"],
        ["--x", "1"],
        ["--disable-access-log-for-endpoints", "/health", "m", "--x", "1"],
    ),
    ("flags end", UNKNOWN_FLAGS, ["--a", "1", "--", "--a", "2"], ["--a", "3", "--b"],
     ["--a", "3", "--b", "--", "--a", "2"]),
    ("a template's lines are a value", UNKNOWN_FLAGS, ["--t", "{{a}}\n\\b"], ["--x"], ["--t", "{{a}}\n\\b", "--x"]),
    ("a backslash is no line", UNKNOWN_FLAGS, [r"--stop=\d", "--a"], ["--a", "1"], [r"--stop=\d", "--a", "1"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "args", "changes", "wanted"), [one[1:] for one in PITFALLS], ids=[one[0] for one in PITFALLS]
)
def test_q58_pitfalls_of_overrides_are_gone(
    table: FlagTable, args: list[str], changes: list[str], wanted: list[str]
) -> None:
    assert list(override([], args, changes_of(changes, table)).args) == wanted


def test_flags_of_a_command_are_overridden_where_they_stand() -> None:
    command = ["python3", "-m", "sglang.launch_server", "--port", "8080", "--tp-size", "4"]
    found = override(command, [], changes_of(["--tp-size", "8", "--x"], SGLANG_FLAGS))
    assert found.command == (*command[:-1], "8")
    assert found.args == ("--x",)


SHELLS = [
    ("behind -c in one list (Q58)", [], ["-c", "cmd \\\n --a 1"]),
    ("a command of a shell", ["bash", "-c", "exec python3 --a 1"], []),
    ("one line behind the command's -c", ["/bin/bash", "-lc"], ["python3 --a 1"]),
    ("a shell in front", ["tini", "--", "sh", "-ec", "cmd \\\n --a 1"], ["x"]),
    ("several commands", ["bash", "-c"], ["cd x\npython3 \\\n --a 1\npython3 \\\n --a 2"]),
    ("a pipe", ["bash", "-c"], ["python3 \\\n --a 1 \\\n | tee log"]),
    ("and then", ["bash", "-c"], ["python3 \\\n --a 1 \\\n && done"]),
]


@pytest.mark.parametrize(("command", "args"), [one[1:] for one in SHELLS], ids=[one[0] for one in SHELLS])
def test_d_21_a_shells_text_is_never_touched(command: list[str], args: list[str]) -> None:
    changes = changes_of(["--a", "2"])
    found = override(command, args, changes)
    assert (list(found.command), list(found.args)) == (command, args)
    assert found.unwritten == changes.arguments


SCRIPTS = [
    ("a flag in the middle", SCRIPT, ["--tp-size=8"], "python3 -m x \\\n --tp-size=8 \\\n --model $(MODEL_PATH)"),
    ("the last flag", SCRIPT, ["--model", "m"], "python3 -m x \\\n --tp-size 4 \\\n --model m"),
    ("a new flag", SCRIPT, ["--y", "1"], f"{SCRIPT} \\\n --y 1"),
    ("a new flag before a last line break", f"{SCRIPT}\n", ["--y"], f"{SCRIPT} \\\n --y\n"),
    ("a backslash at the end", f"{SCRIPT} \\\n", ["--y"], f"{SCRIPT} \\\n --y\n"),
    ("before flags", "set -e\nexec python3 \\\n  --a 1", ["--a", "2"], "set -e\nexec python3 \\\n  --a 2"),
    ("a flag between others", "p --a 1 --b 2 \\\n --c 3", ["--a", "9"], "p --a 1 --b 2 \\\n --c 3 \\\n --a 9"),
    ("a repeated flag", "p \\\n --a 1 \\\n --b \\\n --a 2", ["--a", "3"], "p \\\n --a 3 \\\n --b"),
    ("a value to quote", "p \\\n --a 1", ["--a", "x y'z"], "p \\\n --a 'x y'\"'\"'z'"),
    ("behind a first command", "cd /x && p \\\n --a 1", ["--a", "2"], "cd /x && p \\\n --a 2"),
]


@pytest.mark.parametrize(("text", "changes", "wanted"), [one[1:] for one in SCRIPTS], ids=[one[0] for one in SCRIPTS])
def test_a_script_of_one_command_is_overridden_line_by_line(text: str, changes: list[str], wanted: str) -> None:
    found = override(["bash", "-c"], [text, "rest"], changes_of(changes))
    assert found.args == (wanted, "rest")
    assert found.unwritten == ()
    shlex.split(wanted)


def test_an_argument_has_its_flag_its_values_and_its_words() -> None:
    found = parse(["serve", "--tp", "2", "--a=b=c", "--x y", "-", "--cuda-graph-bs", "1", "2"], SGLANG_FLAGS)
    assert found == (
        Argument("", "serve", (), ("serve",)),
        Argument("--tp", "--tp-size", ("2",), ("--tp", "2")),
        Argument("--a", "--a", ("b=c",), ("--a=b=c",)),
        Argument("--x", "--x", ("y",), ("--x y",)),
        Argument("", "-", (), ("-",)),
        Argument("--cuda-graph-bs", "--cuda-graph-bs", ("1", "2"), ("--cuda-graph-bs", "1", "2")),
    )


def test_the_flags_of_a_command_line_are_known_in_every_form() -> None:
    assert standing(["vllm", "serve"], ["--a=1", "--b", "x"]).keys() == {"--a", "--b"}
    assert standing(["bash", "-c"], [SCRIPT]).keys() >= {"--tp-size", "--model"}


@pytest.mark.parametrize(
    ("image", "command", "wanted"),
    [
        ("x", ["python3", "-m", "sglang.launch_server"], SGLANG_FLAGS),
        ("docker.io/vllm/vllm-openai:v1", [], VLLM_FLAGS),
        ("x", ["vllm", "serve"], VLLM_FLAGS),
        ("triton", ["tritonserver"], UNKNOWN_FLAGS),
    ],
)
def test_an_engine_has_its_table(image: str, command: list[str], wanted: FlagTable) -> None:
    assert flag_table(image, command, []) is wanted


words = st.lists(st.text(alphabet="-=ab1. \\\n'\"|c", max_size=8), max_size=6)
tables = st.sampled_from([SGLANG_FLAGS, VLLM_FLAGS, UNKNOWN_FLAGS])


@settings(max_examples=1_000, deadline=None)
@given(words, tables)
def test_words_are_parsed_without_loss(given_words: list[str], table: FlagTable) -> None:
    assert [word for argument in parse(given_words, table) for word in argument.words] == given_words


@settings(max_examples=1_000, deadline=None)
@given(words, words, words, tables)
def test_overriding_is_total_and_the_same_twice(
    command: list[str], args: list[str], changes: list[str], table: FlagTable
) -> None:
    asked = changes_of(changes, table)
    once = override(command, args, asked)
    flags = {argument.key for argument in parse(once.args, table)} | {one.key for one in parse(once.command, table)}
    if not once.unwritten and not any("\n" in word or "\\" in word for word in [*command, *args]):
        assert {one.key for one in asked.arguments if one.flag} <= flags
    assert merged(args, changes_of([], table)) == tuple(args)
