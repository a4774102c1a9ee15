"""Whether a router finds the pods of engine and decoder: by labels that they have, at a port that they listen on.

Routers of SGLang watch pods (`--service-discovery`) and take labels and a port from their command line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from omectl.api.document import as_objects, as_texts
from omectl.api.json import JsonObject
from omectl.planner.names import DECODER, ENGINE

_SELECTORS: Final = {"--prefill-selector": ENGINE, "--decode-selector": DECODER, "--selector": ENGINE}
_PORT: Final = "--service-discovery-port"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Pods that a router is to find: their labels, what of these only those have that serve, and their ports.

    `pods` is how many pods one replica has.
    """

    labels: Mapping[str, str]
    serving: Mapping[str, str]
    ports: frozenset[int]
    pods: int = 1

    @classmethod
    def of(cls, labels: Mapping[str, str], serving: Mapping[str, str], container: JsonObject, pods: int = 1) -> "Found":
        """The pods with these labels and this container."""
        ports = (one.get("containerPort") for one in as_objects(container.get("ports")))
        return cls(
            labels=labels, serving=serving, ports=frozenset(one for one in ports if isinstance(one, int)), pods=pods
        )


def unpaired(router: JsonObject, found: Mapping[str, Found]) -> Iterator[str]:
    """What of the router's container keeps it from the pods of these components, in words; variables are not judged."""
    words = [*as_texts(router.get("command")), *as_texts(router.get("args"))]
    for flag, component in _SELECTORS.items():
        terms = _values(words, flag)
        if terms and component in found:
            yield from _selection(flag, component, dict(map(_label, terms)), found[component])
        elif terms:
            yield f"{flag} looks for the {component}'s pods, and there is no {component}"
    for port in _values(words, _PORT)[:1]:
        for component, one in found.items():
            if port.isdecimal() and one.ports and int(port) not in one.ports:
                listens = ", ".join(map(str, sorted(one.ports)))
                yield f"{_PORT} is {port}, and the {component} listens on {listens}"


def _selection(flag: str, component: str, wanted: Mapping[str, str], found: Found) -> Iterator[str]:
    has = {**found.labels, **found.serving}
    for key, value in wanted.items():
        if "$" not in value and has.get(key) != value:
            stands = f"there it is {has[key]}" if key in has else f"the pods of the {component} have no such label"
            yield f"{flag} wants {key}={value}; {stands}"
    for key, value in found.serving.items():
        if found.pods > 1 and key not in wanted:
            yield f"{flag} finds all pods of the {component}; only those with {key}={value} serve"


def _values(words: Sequence[str], flag: str) -> list[str]:
    """The words that stand behind a flag, also several in one."""
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name != flag:
            continue
        taken = [value] if equals else []
        for following in words[index + 1 :]:
            if equals or following.startswith("--"):
                break
            taken.append(following)
        return [part for one in taken for part in one.split()]
    return []


def _label(term: str) -> tuple[str, str]:
    key, _, value = term.partition("=")
    return key, value
