"""Parallelism in an engine's own words (D 6), and never against what the service's author wrote."""

from collections.abc import Sequence
from typing import Any

import pytest

from omectl.planner.dialects import SGLANG, VLLM, Dialect
from omectl.planner.parallelism import Code, Parallelism, Problem, Rendered

EIGHT = Parallelism(tensor=8, gpus_per_pod=8)
SIXTEEN = Parallelism(tensor=8, pipeline=2, gpus_per_pod=8, pods=2)


def render(spread: Parallelism, dialect: Dialect | None, args: Sequence[str], **given: Any) -> Rendered:
    return spread.render(dialect, args, given.pop("env", {}), **given)


@pytest.mark.parametrize(
    ("dialect", "args", "wanted"),
    [
        (SGLANG, ["--tp-size", "4", "--port", "80"], ["--tp-size", "8", "--port", "80"]),
        (SGLANG, ["--tp=4", "--port", "80"], ["--tp=8", "--port", "80"]),
        (SGLANG, ["--tensor-parallel-size", "$(N)"], ["--tensor-parallel-size", "8"]),
        (SGLANG, ["--port", "80"], ["--port", "80", "--tp-size", "8"]),
        (SGLANG, [], ["--tp-size", "8"]),
        (SGLANG, ["--port"], ["--port", "--tp-size", "8"]),
        (SGLANG, ["--tp-size"], ["--tp-size", "8"]),
        (SGLANG, ["--tp-size", "--port", "80"], ["--tp-size", "8", "--port", "80"]),
        (VLLM, ["--tensor_parallel_size=2"], ["--tensor_parallel_size=8"]),
        (VLLM, ["-tp", "2"], ["-tp", "8"]),
        (VLLM, ["--tp-size", "2"], ["--tp-size", "8"]),
        (VLLM, ["serve"], ["serve", "--tensor-parallel-size", "8"]),
        (SGLANG, ["--tp", "2", "--tp-size", "3"], ["--tp-size", "8"]),
        (SGLANG, ["tini", "--", "sglang", "serve"], ["tini", "--", "sglang", "serve", "--tp-size", "8"]),
        (SGLANG, ["--port", "80", "--", "--tp", "2"], ["--port", "80", "--tp-size", "8", "--", "--tp", "2"]),
        (SGLANG, ["--a 1 \\\n  --tp-size 4 \\\n  --b"], ["--a 1 \\\n  --tp-size=8 \\\n  --b"]),
        (SGLANG, ["--a 1 \\\n--b"], ["--a 1 \\\n--b \\\n--tp-size=8"]),
        (SGLANG, ["--tp-size 4 \\"], ["--tp-size=8"]),
    ],
)
def test_a_flag_is_rewritten_where_it_stands_and_added_where_it_is_not(
    dialect: Dialect, args: list[str], wanted: list[str]
) -> None:
    """Q46: a flag that is nowhere is added."""
    found = render(EIGHT, dialect, args)
    assert list(found.args) == wanted
    assert found.problems == ()


def test_a_flag_in_the_command_is_rewritten_there() -> None:
    command = ["python3", "-m", "sglang.launch_server", "--tp-size", "1"]
    found = render(EIGHT, SGLANG, ["--port", "80"], command=command)
    assert found.command == (*command[:-1], "8")
    assert found.args == ("--port", "80")


def test_flags_are_added_to_the_arguments_wherever_others_are() -> None:
    command = ["python3", "-m", "sglang.launch_server", "--port", "80"]
    for args in ([], ["--x"]):
        found = render(EIGHT, SGLANG, args, command=command)
        assert (list(found.command), list(found.args)) == (command, [*args, "--tp-size", "8"])


def test_a_flag_in_both_lists_counts_in_the_arguments_and_is_rewritten_there() -> None:
    found = render(EIGHT, SGLANG, ["--tp", "2"], command=["x", "--tp", "1"])
    assert (found.command, found.args) == (("x", "--tp", "1"), ("--tp", "8"))
    agreed = render(EIGHT, SGLANG, ["--tp", "8"], command=["x", "--tp", "1"])
    assert (agreed.command, agreed.args) == (("x", "--tp", "1"), ("--tp", "8"))


def test_a_script_that_a_shell_gets_is_rewritten_line_by_line() -> None:
    shell, script = ["bash", "-c"], "set -e\nexec python3 -m sglang.launch_server \\\n  --tp-size 4 \\\n  --port 80"
    found = render(EIGHT, SGLANG, [script], command=shell)
    assert list(found.args) == [script.replace("--tp-size 4", "--tp-size=8")]
    assert found.problems == ()
    found = render(SIXTEEN, SGLANG, [f"{script} | tee log"], command=shell)
    assert list(found.args) == [f"{script} | tee log"]
    assert [(one.code, one.found) for one in found.problems] == [
        (Code.NOT_RENDERED, "4"),
        (Code.NOT_RENDERED, ""),
        (Code.NOT_RENDERED, ""),
    ]


def test_a_switch_that_is_turned_off_is_turned_on_unless_the_services_author_did_it() -> None:
    spread = Parallelism(tensor=8, expert=8, gpus_per_pod=8)
    args = ["--no-enable-expert-parallel", "-tp", "8"]
    assert render(spread, VLLM, args).args == ("--enable-expert-parallel", "-tp", "8")
    found = render(spread, VLLM, args, own=args)
    assert list(found.args) == args
    assert found.problems == (
        Problem(Code.DIMENSION_OVERRULED, "8", "--no-enable-expert-parallel", "--enable-expert-parallel"),
    )
    assert list(render(EIGHT, VLLM, args).args) == args


def test_what_an_engine_does_anyway_is_not_added_but_a_wrong_number_is_corrected() -> None:
    assert render(Parallelism(), SGLANG, ["--x"]).args == ("--x",)
    assert render(Parallelism(), SGLANG, ["--dp", "4"]).args == ("--dp", "1")


@pytest.mark.parametrize(
    ("command", "args"),
    [
        (["/bin/bash", "-c"], ["exec python3 -m sglang.launch_server --tp-size 4"]),
        ([], ["-c", "python3 -m sglang.launch_server \\\n --tp-size 4"]),
        (["sh", "-c", "sglang serve --tp-size 4"], []),
    ],
)
def test_text_for_a_shell_is_never_touched_and_that_is_reported(command: list[str], args: list[str]) -> None:
    found = render(EIGHT, SGLANG, args, command=command)
    assert (list(found.command), list(found.args)) == (command, args)
    assert found.problems == (Problem(Code.NOT_RENDERED, "8", "", "--tp-size"),)


def test_what_the_services_author_wrote_stays_and_is_reported() -> None:
    args = ["--tp-size", "4", "--port", "80"]
    found = render(EIGHT, SGLANG, args, own=frozenset(args))
    assert list(found.args) == args
    assert found.problems == (Problem(Code.DIMENSION_OVERRULED, "8", "4", "--tp-size"),)
    lines = ["--x \\\n--tp-size 4"]
    found = render(EIGHT, SGLANG, lines, own=lines)
    assert list(found.args) == lines
    assert [problem.code for problem in found.problems] == [Code.DIMENSION_OVERRULED]


def test_an_author_who_agrees_is_no_conflict() -> None:
    found = render(EIGHT, SGLANG, ["--tp-size", "8"], own=["--tp-size", "8"])
    assert found.problems == ()


@pytest.mark.parametrize(
    ("dialect", "spread", "wanted"),
    [
        (SGLANG, SIXTEEN, "--tp-size 8 --pp-size 2 --nnodes 2"),
        (VLLM, SIXTEEN, "--tensor-parallel-size 8 --pipeline-parallel-size 2"),
        (
            VLLM,
            Parallelism(data=8, expert=8, gpus_per_pod=8),
            "--data-parallel-size 8 --enable-expert-parallel",
        ),
        (SGLANG, Parallelism(tensor=4, data=2, expert=4, gpus_per_pod=8), "--tp-size 4 --dp-size 2 --ep-size 4"),
    ],
)
def test_every_dimension_has_its_flag(dialect: Dialect, spread: Parallelism, wanted: str) -> None:
    assert " ".join(render(spread, dialect, ["--x"]).args) == f"--x {wanted}"


def test_data_ranks_within_the_tensor_parallel_gpus_multiply_them() -> None:
    spread = Parallelism(tensor=1, data=8, gpus_per_pod=8)
    found = render(spread, SGLANG, ["--enable-dp-attention"])
    assert " ".join(found.args) == "--enable-dp-attention --tp-size 8 --dp-size 8"


def test_a_switch_is_written_once() -> None:
    spread = Parallelism(tensor=8, expert=8, gpus_per_pod=8)
    args = ("--enable-expert-parallel", "--tensor-parallel-size", "8")
    assert render(spread, VLLM, args).args == args


def test_references_to_the_size_and_to_the_groups_size_stay() -> None:
    args = ["--tp-size", "$(PARALLELISM_SIZE)", "--nnodes", "$(LWS_GROUP_SIZE)"]
    spread = Parallelism(tensor=16, gpus_per_pod=8, pods=2)
    assert list(render(spread, SGLANG, args).args) == args
    assert render(SIXTEEN, SGLANG, args).args[:2] == ("--tp-size", "8")


def test_q_44_the_size_is_always_exported() -> None:
    assert render(SIXTEEN, None, ["--x"]).env == {"PARALLELISM_SIZE": "16"}
    assert render(SIXTEEN, SGLANG, [], env={"A": "1", "PARALLELISM_SIZE": "3"}).env == {
        "A": "1",
        "PARALLELISM_SIZE": "16",
    }


def test_q_44_a_user_may_say_otherwise() -> None:
    found = render(SIXTEEN, None, [], env={"PARALLELISM_SIZE": "3"}, own=["PARALLELISM_SIZE"])
    assert found.env == {"PARALLELISM_SIZE": "3"}
    assert found.problems == (Problem(Code.DIMENSION_OVERRULED, "16", "3", "PARALLELISM_SIZE"),)
    agreed = render(SIXTEEN, None, [], env={"PARALLELISM_SIZE": "16"}, own=["PARALLELISM_SIZE"])
    assert agreed.problems == ()


def test_without_a_dialect_no_flag_is_written() -> None:
    assert render(EIGHT, None, ["--tp-size", "1"]).args == ("--tp-size", "1")


def test_rendering_twice_changes_nothing() -> None:
    once = render(SIXTEEN, SGLANG, ["--x"])
    assert render(SIXTEEN, SGLANG, once.args, env=dict(once.env)) == once
