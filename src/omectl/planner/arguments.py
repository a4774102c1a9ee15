"""Arguments of a program as flags with their values: reading them, and overriding some of them.

A list is in one of three forms. *Words*: each element is a flag, a value, a flag with its value (`--a=1`), or a
positional. *Script*: the first element holds several lines, and every line is a flag of one long command (the form of
OME's `bash -c` runtimes). *A shell's text*: what stands behind `-c`; nobody but its author can change that.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from omectl.planner.flag_tables import UNKNOWN_FLAGS, FlagTable
from omectl.planner.script import lines_of, override_script, quoted, words_of

_NUMBER: Final = re.compile(r"-(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_SHELLS: Final = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
_TEXT_FOLLOWS: Final = re.compile(r"-[a-z]*c", re.ASCII)
_NO_MORE_FLAGS: Final = "--"
_ANOTHER_PROGRAM: Final = "-- PROGRAM"
"""The key of a `--` that no flags end with: behind it stands a program with flags of its own."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A flag with its values, or a positional (`flag` is ""). `words` is how it was written.

    `key` is the same for all spellings of a flag; a positional's is its text.
    """

    flag: str
    key: str
    values: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The argument as a shell reads it."""
        return " ".join(map(quoted, self.words))


@dataclass(frozen=True, slots=True)
class Standing:
    """A flag where it counts in a command line, and the element of the list in which its author wrote it."""

    argument: Argument
    element: str

    @property
    def value(self) -> str:
        """Its value; "" for a switch, and where it is missing."""
        return self.argument.values[0].strip() if self.argument.values else ""


@dataclass(frozen=True, slots=True)
class Overridden:
    """Command and args with the changes in them, and the changes for which there was no place."""

    command: tuple[str, ...]
    args: tuple[str, ...]
    unwritten: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """Arguments that are to replace those of their flags."""

    arguments: tuple[Argument, ...] = ()
    table: FlagTable = field(default=UNKNOWN_FLAGS)

    def without(self, keys: frozenset[str]) -> "Changes":
        """The changes of other flags than these."""
        return Changes(tuple(one for one in self.arguments if one.key not in keys), self.table)

    def of(self, keys: frozenset[str]) -> "Changes":
        """The changes of these flags."""
        return Changes(tuple(one for one in self.arguments if one.key in keys), self.table)

    @property
    def keys(self) -> frozenset[str]:
        """The flags that change."""
        return frozenset(one.key for one in self.arguments)


def parse(words: Sequence[str], table: FlagTable = UNKNOWN_FLAGS) -> tuple[Argument, ...]:
    """The arguments of a list of words, one after the other. Total; joined, their words are the list again.

    `--` ends the flags, but not before a word: `tini -- vllm serve` starts another program, whose flags follow.
    """
    found: list[Argument] = []
    index = 0
    while index < len(words):
        argument = _argument(words, index, table)
        found.append(argument)
        index += len(argument.words)
        if argument.key == _NO_MORE_FLAGS:
            found += [Argument("", word, (), (word,)) for word in words[index:]]
            break
    return tuple(found)


def changes_of(override: Sequence[str], table: FlagTable = UNKNOWN_FLAGS) -> Changes:
    """What an override list says, in whichever form; an element `--a 1` is a flag with its value."""
    words: list[str] = []
    if override and lines_of(override[0]):
        for element in override:
            words += words_of(element) if lines_of(element) else [element]
    else:
        words += override
    split: list[str] = []
    for word in map(str.strip, words):
        name, blank, value = word.partition(" ")
        split += [name, value.strip()] if blank and _is_flag(name) and "=" not in name else [word] if word else []
    return Changes(tuple(one for one in parse(split, table) if one.words != (_NO_MORE_FLAGS,)), table)


def standing(command: Sequence[str], args: Sequence[str], table: FlagTable = UNKNOWN_FLAGS) -> dict[str, Standing]:
    """The flags of a command line by their keys, each where it counts: the last time that it stands.

    A script's lines are read like words; a shell's text and what follows it are not.
    """
    shell = _shell_in(command, args)
    if shell is not None and not _hands_script_over(command, args, shell):
        command, args = command[:shell], args[: max(shell - len(command), 0)]
    found: dict[str, Standing] = {}
    for words in (command, args):
        script = words[0] if words and lines_of(words[0]) else None
        lines = parse(words_of(script), table) if script is not None else ()
        rest = parse(words[1:] if script is not None else words, table)
        found |= {one.key: Standing(one, script or "") for one in lines if one.flag}
        found |= {one.key: Standing(one, one.words[0]) for one in rest if one.flag}
    return found


def is_shell_text(command: Sequence[str], args: Sequence[str]) -> bool:
    """Whether a shell's text is what starts the engine, so that nobody but its author can change its flags."""
    shell = _shell_in(command, args)
    return shell is not None and not _hands_script_over(command, args, shell)


def with_value(
    command: Sequence[str], args: Sequence[str], name: str, value: str | None, table: FlagTable = UNKNOWN_FLAGS
) -> Overridden:
    """The command line with this value of a flag, spelled and joined as its author did; None: as a switch.

    In a script, flag and value are joined by an equals sign.
    """
    key = table.key(name)
    there = standing(command, args, table).get(key)
    if there is not None and not table.negates(there.argument.flag):
        name = there.argument.flag
    joined = bool(args and lines_of(args[0])) or (there is not None and "=" in there.argument.words[0])
    values = () if value is None else (value,)
    words = (f"{name}={value}",) if values and joined else (name, *values)
    return override(command, args, Changes((Argument(name, key, values, words),), table))


def override(command: Sequence[str], args: Sequence[str], changes: Changes) -> Overridden:
    """The command line with the changes: every occurrence of a flag gives way, in place, to all that they say of it.

    Of a flag that stands in both lists it is those in the arguments, which are the ones that count. One that stands
    nowhere goes to the end of the arguments. What they do not name stays as it is, repeated flags too. A shell's text
    is not touched: what had to go there is `unwritten`.
    """
    command, args = tuple(command), tuple(args)
    if not changes.arguments:
        return Overridden(command, args)
    if is_shell_text(command, args):
        return Overridden(command, args, changes.arguments)
    if args and lines_of(args[0]):
        return _in_script(command, args, changes)
    # What stands in the arguments counts there; a script in the command is overruled by them.
    in_command = _keys(command, changes) - _keys(args, changes)
    if not in_command or lines_of(command[0]):
        return Overridden(command, merged(args, changes))
    return Overridden(merged(command, changes.of(in_command)), merged(args, changes.without(in_command)))


def merged(words: Sequence[str], changes: Changes) -> tuple[str, ...]:
    """A list of words with the changes. New positionals stand before all flags, where none takes them for its value."""
    if not words:
        return tuple(word for one in changes.arguments for word in one.words)
    result: list[str] = []
    end: list[str] = []
    left = list(changes.arguments)
    first_flag: int | None = None
    for argument in parse(words, changes.table):
        if end or argument.key == _NO_MORE_FLAGS:
            end += argument.words
            continue
        if argument.flag and first_flag is None:
            first_flag = len(result)
        if argument.flag and argument.key in changes.keys:
            result += [word for one in left if one.key == argument.key for word in one.words]
        else:
            result += argument.words
        if argument.flag or argument.key in changes.keys:
            left = [one for one in left if one.key != argument.key]
    place = len(result) if first_flag is None else first_flag
    result[place:place] = [word for one in left if not one.flag for word in one.words]
    return (*result, *(word for one in left if one.flag for word in one.words), *end)


def _keys(words: Sequence[str], changes: Changes) -> frozenset[str]:
    """The flags that change and stand in the list."""
    return frozenset(argument.key for argument in parse(words, changes.table) if argument.flag) & changes.keys


def _in_script(command: tuple[str, ...], args: tuple[str, ...], changes: Changes) -> Overridden:
    texts: dict[str, str] = {}
    for one in changes.arguments:
        texts[one.key] = f"{texts[one.key]} {one.text}" if one.key in texts else one.text
    text = override_script(args[0], texts, changes.table.key)
    if text is None:
        return Overridden(command, args, changes.arguments)
    return Overridden(command, (text, *args[1:]))


def _argument(words: Sequence[str], index: int, table: FlagTable) -> Argument:
    word = words[index]
    if word == _NO_MORE_FLAGS and index + 1 < len(words) and not _is_flag(words[index + 1]):
        return Argument("", _ANOTHER_PROGRAM, (), (word,))
    if not _is_flag(word) or word == _NO_MORE_FLAGS:
        return Argument("", word, (), (word,))
    name = re.split(r"[=\s]", word, maxsplit=1)[0]
    if len(name) < len(word):
        return Argument(name, table.key(name), (word[len(name) + 1 :],), (word,))
    if table.is_switch(name):
        return Argument(name, table.key(name), (), (word,))
    end = index + 1
    most = len(words) if table.takes_several(name) else min(index + 2, len(words))
    while end < most and not _is_flag(words[end]):
        end += 1
    return Argument(name, table.key(name), tuple(words[index + 1 : end]), tuple(words[index:end]))


def _is_flag(word: str) -> bool:
    """Whether a word is a flag: a negative number and a lone `-` are values."""
    return len(word) > 1 and word.startswith("-") and _NUMBER.fullmatch(word) is None


def _hands_script_over(command: Sequence[str], args: Sequence[str], shell: int) -> bool:
    """Whether the shell's text is the script that the arguments begin with, whose lines can be told apart."""
    return shell == len(command) - 1 and bool(args) and lines_of(args[0])


def _shell_in(command: Sequence[str], args: Sequence[str]) -> int | None:
    """The place of the `-c` behind which a shell's text stands, command and args counted through."""
    words = (*command, *args)
    if not command and words[:1] and _TEXT_FOLLOWS.fullmatch(words[0]):
        return 0  # The image's entry point is the shell.
    shell = False
    for place, word in enumerate(words):
        if shell and _TEXT_FOLLOWS.fullmatch(word):
            return place
        shell = shell or word.rsplit("/", 1)[-1] in _SHELLS
    return None
