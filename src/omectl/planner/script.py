"""A command written over several lines, each ending with a backslash but the last: reading it, changing its flags."""

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Final

_FLAG_LINE: Final = re.compile(r"(?P<indent>\s*)(?P<name>-[^\s=]+)(?:(?:=|\s+)(?P<value>\S.*?)|=)?(?P<end>\s*\\?\s*)")
_END_OF_FLAGS: Final = re.compile(r"(?:^|\s)--(?:\s+-|\s*\\?\s*$)")
_OPERATORS: Final = re.compile(r"[;|&<>`#]")
_PLAIN: Final = re.compile(r"[\w@%+=:,./$()-]+", re.ASCII)
"""Words that need no quotes. `$(NAME)` is Kubernetes' reference, filled before a shell sees it."""


def lines_of(text: str) -> bool:
    """Whether an element is a script: it holds a line break, or a backslash that continues a line."""
    return "\n" in text or re.search(r"\\\s*$", text) is not None


def words_of(text: str) -> list[str]:
    """The words of a script, as a shell reads them; by blanks alone where its quotes do not close."""
    joined = re.sub(r"\\\s*(\n|$)", " ", text)
    try:
        return shlex.split(joined)
    except ValueError:
        return joined.split()


def quoted(word: str) -> str:
    """The word as it has to be written in a shell's text."""
    return word if _PLAIN.fullmatch(word) else shlex.quote(word)


def override_script(text: str, changes: Mapping[str, str], key: Callable[[str], str]) -> str | None:
    """The script with these flags: `changes` has the whole text of each by its `key`. None when there is no safe place.

    A line that is one flag gives way as a whole; a flag without a line of its own goes to the end of the command, where
    engines heed it. There has to be one command with flags in it: which of several is meant is not guessed.
    """
    lines = text.split("\n")
    command = _command(lines)
    if command is None:
        return None
    result: list[str] = []
    written: set[str] = set()
    for number in command:
        match = _flag(lines[number])
        name = key(match["name"]) if match is not None else ""
        if match is None or name not in changes:
            result.append(lines[number].rstrip().removesuffix("\\").rstrip())
        elif name not in written:
            written.add(name)
            result.append(f"{match['indent']}{changes[name]}")
    indent = re.match(r"\s*", lines[command[-1]] if len(command) > 1 else " ")
    result += [f"{indent[0] if indent else ''}{told}" for name, told in changes.items() if name not in written]
    return "\n".join([*lines[: command[0]], " \\\n".join(result), *lines[command[-1] + 1 :]])


def _command(lines: list[str]) -> range | None:
    """The lines of the one command with flags, else of the only command."""
    runs: list[range] = []
    begin = 0
    for number, line in enumerate(lines):
        if not line.rstrip().endswith("\\") or number == len(lines) - 1:
            runs.append(range(begin, number + 1))
            begin = number + 1
    runs = [run for run in runs if any(lines[number].strip(" \t\\") for number in run)]
    flagged = [run for run in runs if any(_flag(lines[number]) for number in run)]
    chosen = flagged or runs
    if len(chosen) != 1:
        return None
    run = chosen[0]
    flags = [number for number in run if _flag(lines[number])]
    if any(_OPERATORS.search(_unquoted(lines[number])) for number in range((flags or run)[0], run[-1] + 1)):
        return None
    if any(_END_OF_FLAGS.search(_unquoted(lines[number])) for number in run):
        return None
    # A backslash on the script's last line continues nothing.
    last = max(number for number in run if lines[number].strip(" \t\\"))
    return range(run[0], last + 1)


def _flag(line: str) -> re.Match[str] | None:
    match = _FLAG_LINE.fullmatch(line)
    if match is None or _OPERATORS.search(_unquoted(line)):
        return None
    # Several flags on one line are not one flag with a long value.
    return None if re.search(r"\s--?[A-Za-z]", _unquoted(match["value"] or "")) else match


def _unquoted(text: str) -> str:
    return re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "''", text)
