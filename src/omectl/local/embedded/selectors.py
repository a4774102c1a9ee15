"""Label and field selectors in the form of a query parameter. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from omectl.api.document import at, text_values
from omectl.api.json import JsonObject
from omectl.kube.owners import metadata_of
from omectl.local.embedded import statuses
from omectl.local.embedded.served_kind import ServedKind

Test: TypeAlias = Callable[[Mapping[str, str]], bool]

_TOKEN: Final = re.compile(r"\s*(==|!=|=|!|\(|\)|,|<|>|[^\s=!(),<>]+)")
_FIELDS: Final = frozenset({"metadata.name", "metadata.namespace"})
_MORE_FIELDS: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("", "pods"): frozenset(
        {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase"}
    ),
    ("", "nodes"): frozenset({"spec.unschedulable"}),
    ("", "namespaces"): frozenset({"status.phase"}),
    ("", "secrets"): frozenset({"type"}),
    ("", "events"): frozenset(
        {
            "involvedObject.kind",
            "involvedObject.name",
            "involvedObject.namespace",
            "involvedObject.uid",
            "reason",
            "type",
        }
    ),
    ("batch", "jobs"): frozenset({"status.successful"}),
    ("apps", "replicasets"): frozenset({"status.replicas"}),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a collection a request is about."""

    labels: tuple[Test, ...] = ()
    fields: tuple[tuple[str, bool, str], ...] = ()
    """Field, whether it must be equal, value."""

    @property
    def everything(self) -> bool:
        """Nothing is left out."""
        return not self.labels and not self.fields

    def matches(self, obj: JsonObject) -> bool:
        """Whether an object is selected."""
        if self.labels:
            labels = text_values(metadata_of(obj).get("labels"))
            if not all(test(labels) for test in self.labels):
                return False
        return all((_field(obj, name) == value) is equal for name, equal, value in self.fields)


def parse_selection(served: ServedKind, label_selector: str, field_selector: str) -> Selection:
    """Raises Refusal (400) for a selector that is malformed or names an unknown field."""
    return Selection(_parse_labels(label_selector), _parse_fields(served, field_selector))


def _field(obj: JsonObject, name: str) -> str:
    found = at(obj, *name.split("."))
    if isinstance(found, bool):
        return "true" if found else "false"
    if name == "spec.unschedulable" and found is None:
        return "false"
    return "" if found is None else str(found)


def _parse_fields(served: ServedKind, text: str) -> tuple[tuple[str, bool, str], ...]:
    known = _FIELDS | _MORE_FIELDS.get(served.shelf, frozenset())
    if not served.kind.namespaced:
        known -= {"metadata.namespace"}
    found: list[tuple[str, bool, str]] = []
    for term in text.split(",") if text else ():
        name, separator, value = _split_field(term)
        if not separator:
            raise statuses.bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
        if name not in known:
            if served.custom:
                raise statuses.bad_request(f"field label not supported: {name}")
            listed = ", ".join(f'"{field}"' for field in sorted(known))
            raise statuses.bad_request(f'"{name}" is not a known field selector: only {listed}')
        found.append((name, separator != "!=", value))
    return tuple(found)


def _split_field(term: str) -> tuple[str, str, str]:
    for separator in ("!=", "==", "="):
        name, found, value = term.partition(separator)
        if found:
            return name.strip(), found, value.strip()
    return term, "", ""


class _Tokens:
    """The parts of a label selector, read one by one; "" is the end."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)

    def next(self) -> str:
        return self._tokens.pop(0) if self._tokens else ""

    def peek(self) -> str:
        return self._tokens[0] if self._tokens else ""


def _parse_labels(text: str) -> tuple[Test, ...]:
    tokens = _Tokens(text)
    found: list[Test] = []
    while tokens.peek():
        found.append(_requirement(tokens))
        separator = tokens.next()
        if separator not in {",", ""}:
            raise statuses.bad_request(f"found '{separator}', expected: ',' or 'end of string'")
        if separator == "," and not tokens.peek():
            raise statuses.bad_request("found '', expected: identifier after ','")
    return tuple(found)


def _requirement(tokens: _Tokens) -> Test:
    key = tokens.next()
    if key in {",", "(", ")", "=", "==", "!=", "<", ">"}:
        raise statuses.bad_request(f"found '{key}', expected: !, identifier, or 'end of string'")
    if key == "!":
        absent = tokens.next()
        return lambda labels: absent not in labels
    operator = tokens.peek()
    if operator in {"", ","}:
        return lambda labels: key in labels
    tokens.next()
    if operator in {"=", "=="}:
        value = _value(tokens)
        return lambda labels: labels.get(key) == value
    if operator == "!=":
        value = _value(tokens)
        return lambda labels: labels.get(key) != value
    if operator in {"in", "notin"}:
        values = _values(tokens)
        return (
            (lambda labels: labels.get(key) in values)
            if operator == "in"
            else (lambda labels: labels.get(key) not in values)
        )
    if operator in {"<", ">"}:
        value = _value(tokens)
        return lambda labels: _ordered(labels.get(key), operator, value)
    raise _unparsable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _ordered(found: str | None, operator: str, wanted: str) -> bool:
    if found is None or not found.isdigit() or not wanted.isdigit():
        return False
    return int(found) < int(wanted) if operator == "<" else int(found) > int(wanted)


def _value(tokens: _Tokens) -> str:
    return "" if tokens.peek() in {"", ","} else tokens.next()


def _values(tokens: _Tokens) -> frozenset[str]:
    if (opening := tokens.next()) != "(":
        raise _unparsable(f"found '{opening}' expected: '('")
    values: set[str] = set()
    while (part := tokens.next()) != ")":
        if part == "":
            raise _unparsable("found '', expected: ',' or ')'")
        if part != ",":
            values.add(part)
    return frozenset(values)


def _unparsable(why: str) -> statuses.Refusal:
    return statuses.bad_request(f"unable to parse requirement: {why}")
