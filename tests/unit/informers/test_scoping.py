"""What of a kind is cached: the caller over the kind's namespace over the kind over a namespace over all."""

import pytest

from omectl.api.json import JsonObject
from omectl.informers.scoping import CacheOptions, KindCache, Narrowing, Scope, scopes_of
from omectl.kube.resources import CONFIG_MAPS, NODES, SECRETS


def by_label(text: str) -> Narrowing:
    return Narrowing(label_selector=text)


def scopes(options: CacheOptions, **asked: str) -> list[str]:
    return [str(scope) for scope in scopes_of(CONFIG_MAPS, options, **asked)]


def test_without_settings_everything_is_one_collection() -> None:
    assert scopes_of(CONFIG_MAPS, CacheOptions()) == (Scope(),)


LEVELS = [
    # (the kind's namespace, the kind, the process's namespace, the process) -> what holds
    (("k", "l", "m", "n"), "k"),
    ((None, "l", "m", "n"), "l"),
    ((None, None, "m", "n"), "m"),
    ((None, None, None, "n"), "n"),
    ((None, None, None, None), ""),
    (("", "l", "m", "n"), ""),
    ((None, "", "m", "n"), ""),
    ((None, None, "", "n"), ""),
]


@pytest.mark.parametrize("what", ["label_selector", "field_selector"])
@pytest.mark.parametrize(("levels", "holds"), LEVELS)
def test_the_narrowest_level_that_says_something_holds(
    levels: tuple[str | None, str | None, str | None, str | None], holds: str, what: str
) -> None:
    own, kind, namespace, everything = (Narrowing(**{what: level}) for level in levels)
    options = CacheOptions(
        objects=everything,
        namespaces={"a": namespace},
        kinds={CONFIG_MAPS: KindCache(objects=kind, namespaces={"a": own})},
    )
    (scope,) = scopes_of(CONFIG_MAPS, options)
    assert (scope.namespace, getattr(scope, what)) == ("a", holds)
    asked = scopes_of(CONFIG_MAPS, options, objects=Narrowing(**{what: "asked"}))
    assert [getattr(scope, what) for scope in asked] == ["asked"]


def test_each_property_is_taken_from_its_own_level() -> None:
    def strip(obj: JsonObject) -> JsonObject:
        return obj

    options = CacheOptions(
        objects=Narrowing(transform=strip, label_selector="l", field_selector="f"),
        namespaces={"a": Narrowing(field_selector="ff")},
        kinds={CONFIG_MAPS: KindCache(objects=by_label("ll"))},
    )
    assert scopes_of(CONFIG_MAPS, options) == (Scope("a", "ll", "ff", strip),)
    assert scopes_of(SECRETS, options) == (Scope("a", "l", "ff", strip),)


def test_a_kind_has_the_namespaces_of_the_process_unless_it_names_its_own() -> None:
    options = CacheOptions(
        namespaces={"a": by_label("of-a"), "b": Narrowing()},
        kinds={SECRETS: KindCache(namespaces={"c": Narrowing(), "a": Narrowing()})},
    )
    assert scopes(options) == ["a,of-a", "b"]
    assert [str(scope) for scope in scopes_of(SECRETS, options)] == ["c", "a,of-a"]


def test_the_rest_of_the_namespaces_leaves_out_those_that_are_named() -> None:
    options = CacheOptions(
        namespaces={"a": Narrowing(), "": by_label("few"), "b": Narrowing(field_selector="metadata.name=x")}
    )
    assert scopes_of(CONFIG_MAPS, options) == (
        Scope("a"),
        Scope("", "few", "metadata.namespace!=a,metadata.namespace!=b"),
        Scope("b", "", "metadata.name=x"),
    )


def test_the_rest_keeps_its_own_field_selector() -> None:
    options = CacheOptions(namespaces={"": Narrowing(field_selector="metadata.name=x"), "a": Narrowing()})
    assert scopes(options) == ["metadata.namespace!=a,metadata.name=x", "a"]


def test_the_rest_alone_is_everything() -> None:
    assert scopes(CacheOptions(namespaces={"": by_label("l")})) == ["l"]


def test_a_caller_may_ask_for_one_namespace_or_for_all_of_them() -> None:
    options = CacheOptions(
        objects=by_label("all"),
        namespaces={"a": by_label("of-a")},
        kinds={CONFIG_MAPS: KindCache(namespaces={"b": by_label("kind-of-b"), "": Narrowing()})},
    )
    assert scopes(options, namespace="b") == ["b,kind-of-b"]
    assert scopes(options, namespace="a") == ["a,of-a"]
    assert scopes(options, namespace="c") == ["c,all"]
    assert scopes(options, namespace="") == ["all"]


def test_a_kind_without_namespaces_is_one_collection() -> None:
    options = CacheOptions(
        objects=by_label("all"), namespaces={"a": by_label("of-a")}, kinds={NODES: KindCache(objects=by_label("node"))}
    )
    assert scopes_of(NODES, options) == (Scope("", "node"),)
    assert scopes_of(NODES, CacheOptions(objects=by_label("all")), "a") == (Scope("", "all"),)


def test_namespaces_for_a_kind_without_them_are_refused() -> None:
    options = CacheOptions(kinds={NODES: KindCache(namespaces={"a": Narrowing()})})
    with pytest.raises(ValueError, match="wanted Node cached by namespaces, found a kind without; leave `namespaces`"):
        scopes_of(NODES, options)


def test_a_scope_says_what_it_holds() -> None:
    assert str(Scope()) == ""
    assert str(Scope("ns", "a=b", "c=d")) == "ns,a=b,c=d"
