"""Label selectors in their text form, `app=web,tier!=db,zone in (a,b),env notin (x),gpu,!spot`. Pure."""

import re
from typing import Final

from omectl.api.json import JsonObject, JsonValue

_WORD_OR_SIGN: Final = re.compile(r"\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+)", re.ASCII)
_KEY: Final = re.compile(r"(?=[^/]{1,253}/)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/|", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", re.ASCII)
_WORD: Final = re.compile(r"[^\s=!(),<>]+")


class BadSelector(ValueError):
    """A text that is no label selector."""

    def __init__(self, text: str, wanted: str, found: str) -> None:
        super().__init__(text, wanted, found)
        self.text = text
        self.wanted = wanted
        self.found = found

    def __str__(self) -> str:
        found = repr(self.found) if self.found else "its end"
        return f"in the label selector {self.text!r} wanted {self.wanted}, found {found}"


def parse_label_selector(text: str) -> JsonObject:
    """The LabelSelector that says the same; "" selects everything. Raises BadSelector."""
    parser = _Parser(text)
    return {"matchExpressions": parser.requirements()}


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._words = [match[1] for match in _WORD_OR_SIGN.finditer(text.strip())]
        self._at = 0

    def requirements(self) -> list[JsonValue]:
        found: list[JsonValue] = []
        if not self._words:
            return found
        while True:
            found.append(self._requirement())
            word = self._next()
            if not word:
                return found
            if word != ",":
                raise self._bad("a comma", word)

    def _requirement(self) -> JsonObject:
        if self._peek() == "!":
            self._next()
            return {"key": self._key(), "operator": "DoesNotExist"}
        key = self._key()
        match self._peek():
            case "=" | "==":
                self._next()
                return {"key": key, "operator": "In", "values": [self._value()]}
            case "!=":
                self._next()
                return {"key": key, "operator": "NotIn", "values": [self._value()]}
            case "in":
                self._next()
                return {"key": key, "operator": "In", "values": self._values()}
            case "notin":
                self._next()
                return {"key": key, "operator": "NotIn", "values": self._values()}
            case "" | ",":
                return {"key": key, "operator": "Exists"}
            case word:
                raise self._bad("one of = == != in notin", word)

    def _key(self) -> str:
        word = self._next()
        prefix = _KEY.match(word)
        if prefix is None or not _NAME.fullmatch(word, prefix.end()):
            raise self._bad("a label's key", word)
        return word

    def _value(self) -> str:
        """One value; none at all is the empty one."""
        if not _WORD.fullmatch(self._peek()):
            return ""
        word = self._next()
        if not _NAME.fullmatch(word):
            raise self._bad("a label's value", word)
        return word

    def _values(self) -> list[JsonValue]:
        if (word := self._next()) != "(":
            raise self._bad("values in parentheses", word)
        found: list[JsonValue] = [self._value()]
        while (word := self._next()) != ")":
            if word != ",":
                raise self._bad("a comma or a closing parenthesis", word)
            found.append(self._value())
        return found

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word

    def _bad(self, wanted: str, found: str) -> BadSelector:
        return BadSelector(self._text, wanted, found)
