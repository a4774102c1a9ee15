"""Flags in a command line as a list, with an engine's spellings: reading, replacing, adding.

A list is in one of two forms: words (`--tp-size`, `4` or `--tp-size=4`), or lines, when its first element holds line
breaks or backslashes and each of its lines is a flag with its value. Text for a shell, which is what stands behind
`-c`, is neither and is never touched.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from omectl.planner.parallelism.dialects import Flag

_SHELL: Final = frozenset({"-c", "-lc", "-ec", "-xc", "-cx", "-ce"})
_LINE: Final = re.compile(r"(\s*)(-[^\s=]+)(?:(=|\s+)(.*?))?(\s*\\?\s*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Found:
    """A flag in a list: the elements that it takes, its value ("" for a switch), and where it stands."""

    words: tuple[str, ...]
    value: str
    index: int
    line: int | None = None


def is_shell(words: Sequence[str]) -> bool:
    """Whether the list hands text to a shell."""
    return any(word in _SHELL for word in words)


def find(words: Sequence[str], flag: Flag) -> Found | None:
    """The flag's last occurrence, which is the one that counts; None when it is nowhere, or only in a shell's text.

    A word that begins with a hyphen is no value: the flag before it lacks one.
    """
    if is_shell(words):
        return None
    found = _in_lines(words[0], flag) if _has_lines(words) else None
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not _is(name, flag) or "\n" in word:
            continue
        following = words[index + 1] if index + 1 < len(words) else "-"
        if flag.switch or equals or following.startswith("-"):
            found = Found((word,), value, index)
        else:
            found = Found((word, following), following.strip(), index)
    return found


def replace(words: Sequence[str], found: Found, value: str) -> tuple[str, ...]:
    """The list with another value for a flag with a value that `find` found in it; one that lacks it gets it."""
    changed = list(words)
    if found.line is not None:
        lines = changed[found.index].split("\n")
        match = _LINE.fullmatch(lines[found.line])
        if match is not None:
            lines[found.line] = f"{match[1]}{match[2]}={value}{match[5]}"
        changed[found.index] = "\n".join(lines)
    elif len(found.words) == 2:
        changed[found.index + 1] = value
    elif "=" in found.words[0]:
        changed[found.index] = f"{found.words[0].partition('=')[0]}={value}"
    else:
        changed.insert(found.index + 1, value)
    return tuple(changed)


def add(words: Sequence[str], flag: Flag, value: str) -> tuple[str, ...]:
    """The list with the flag at its end; lines get one more line."""
    name = flag.names[0]
    if _has_lines(words):
        text = words[0].rstrip().removesuffix("\\").rstrip()
        return (f"{text} \\\n{name}" if flag.switch else f"{text} \\\n{name}={value}", *words[1:])
    return (*words, name) if flag.switch else (*words, name, value)


def _has_lines(words: Sequence[str]) -> bool:
    return bool(words) and ("\n" in words[0] or "\\" in words[0]) and not is_shell(words)


def _in_lines(text: str, flag: Flag) -> Found | None:
    found: Found | None = None
    for number, line in enumerate(text.split("\n")):
        match = _LINE.fullmatch(line)
        if match is not None and _is(match[2], flag) and (flag.switch or match[4]):
            found = Found((text,), match[4] or "", 0, number)
    return found


def _is(name: str, flag: Flag) -> bool:
    return name.replace("_", "-") in flag.names
