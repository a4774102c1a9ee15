"""Whether a text can be a PromQL query at all.

Only Prometheus knows for sure, and KEDA passes on what it says. What is found here is what it could not even read: open
strings and brackets, and nothing at all.
"""

from typing import Final

_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_QUOTES: Final = "\"'`"


def query_fault(query: str) -> str:
    """What is wrong with the query, "" when nothing is to be seen."""
    open_brackets: list[str] = []
    bare, place = False, 0
    while place < len(query):
        sign = query[place]
        if sign == "#":
            end = query.find("\n", place)
            place = len(query) if end < 0 else end
            continue
        if sign in _QUOTES:
            end = _end_of_text(query, place)
            if end < 0:
                return f"the text that begins at character {place + 1} does not end"
            bare, place = True, end
            continue
        bare = bare or not sign.isspace()
        if sign in _CLOSING:
            open_brackets.append(sign)
        elif sign in _CLOSING.values() and (not open_brackets or _CLOSING[open_brackets.pop()] != sign):
            return f"{sign} at character {place + 1} closes nothing"
        place += 1
    if open_brackets:
        return f"{open_brackets[-1]} is not closed"
    return "" if bare else "it is empty"


def _end_of_text(query: str, begin: int) -> int:
    """The place behind the closing quote, -1 without one. Only back-quoted texts know no escapes and may span lines."""
    quote, place = query[begin], begin + 1
    while place < len(query):
        sign = query[place]
        if sign == quote:
            return place + 1
        if quote != "`":
            if sign == "\n":
                return -1
            place += sign == "\\"
        place += 1
    return -1
