"""What holds for every rendering (D.2, invariants 5 to 7), over seeded command lines."""

import random

from omectl.planner.arguments import is_shell_text, standing
from omectl.planner.dialects import DIALECTS, Dialect, Flag
from omectl.planner.flag_tables import table_of
from omectl.planner.parallelism import Code, Parallelism, Rendered, command_line

WORLDS = 10_000
NOISE = (
    "", "-", "--", "-c", "=", "\\", "\n", "--port", "8080", "serve", "--x=1", "a b", "--tp", "--tp-size=", "-tp",
    "--pp 2", "$(MODEL_PATH)", "--chat-template={{ x }}", "--tp-sizes", "4", "\u0661",
    "--enable-dp-attention", "--nnodes",
)  # fmt: skip


def flags_of(dialect: Dialect) -> tuple[Flag, ...]:
    return (dialect.tensor, dialect.pipeline, dialect.data, dialect.expert)


def words(generator: random.Random, dialect: Dialect) -> list[str]:
    """A list of noise and flags, in one of the forms."""
    made: list[str] = []
    for _ in range(generator.randrange(6)):
        flag, value = generator.choice(flags_of(dialect)), generator.choice(("1", "2", "8", "x", "$(N)", ""))
        name = generator.choice(flag.names)
        made += generator.choice(([name, value], [f"{name}={value}"], [name], [generator.choice(NOISE)]))
    return [" \\\n".join(made)] if made and generator.random() < 0.2 else made


def spread(generator: random.Random) -> Parallelism:
    tensor, pipeline, data = (generator.choice((1, 1, 2, 8)) for _ in range(3))
    return Parallelism(
        tensor=tensor, pipeline=pipeline, data=data, expert=generator.choice((1, tensor * data)),
        gpus_per_pod=tensor * data, pods=pipeline,
    )  # fmt: skip


def rendered(seed: int) -> tuple[Parallelism, Dialect, list[str], list[str], set[str], Rendered]:
    generator = random.Random(seed)
    dialect = generator.choice(DIALECTS)
    command, args = words(generator, dialect), words(generator, dialect)
    if generator.random() < 0.05:
        command = ["sh", "-c", *command]
    own = set(generator.sample(args, len(args) // 2)) if generator.random() < 0.5 else set[str]()
    wanted = spread(generator)
    return wanted, dialect, command, args, own, wanted.render(dialect, args, {}, command=command, own=own)


def test_no_command_line_raises_and_rendering_again_changes_nothing() -> None:
    for seed in range(WORLDS):
        wanted, dialect, _, _, own, once = rendered(seed)
        again = wanted.render(dialect, once.args, once.env, command=once.command, own=own)
        assert (again.command, again.args, again.env) == (once.command, once.args, once.env), seed


def test_what_the_author_wrote_is_never_replaced_without_a_problem() -> None:
    conflicts = 0
    for seed in range(WORLDS):
        _, dialect, command, args, own, found = rendered(seed)
        for flag in flags_of(dialect):
            key, table = table_of(dialect).key(flag.names[0]), table_of(dialect)
            before = standing(command, args, table).get(key)
            if before is None or before.element not in own or not (flag.switch or before.argument.values):
                continue  # A flag that lacks its value has none to keep.
            after = standing(found.command, found.args, table).get(key)
            assert after is not None, seed
            assert after.value == before.value, seed
            told = {problem.subject for problem in found.problems if problem.code == Code.DIMENSION_OVERRULED}
            conflicts += flag.names[0] in told
    assert conflicts > 100


def test_a_shells_text_stays_as_it_is() -> None:
    met = 0
    for seed in range(WORLDS):
        *_, command, args, _, found = rendered(seed)
        if is_shell_text(command, args):
            met += 1
            assert (list(found.command), list(found.args)) == (command, args), seed
    assert met > 100


def test_what_was_written_without_a_problem_is_read_again() -> None:
    read = 0
    for seed in range(WORLDS):
        wanted, dialect, _, _, _, found = rendered(seed)
        line = command_line(dialect, found.command, found.args, {"PARALLELISM_SIZE": str(wanted.gpus)})
        assert line is not None
        if found.problems:
            continue
        read += 1
        stated = line.stated()
        assert (stated.tensor or 1, stated.pipeline or 1) == (wanted.tensor, wanted.pipeline), seed
        assert (stated.data or 1) == wanted.data, seed
    assert read > WORLDS // 2
