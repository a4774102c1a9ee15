"""What is made of a decoded object is made once, and forgotten with it."""

import gc
import weakref

from tests.unit.planner.build import Runtime, entry, runtime

from omectl.planner.once import once_per_version


def test_it_is_made_once_for_an_object_and_anew_for_an_equal_one() -> None:
    calls: list[Runtime] = []

    @once_per_version
    def named(one: Runtime) -> str:
        calls.append(one)
        return f"{one.name}, call {len(calls)}"

    first, equal = runtime("r", entry()), runtime("r", entry())
    assert [named(first), named(first), named(equal), named(first)] == ["r, call 1"] * 2 + ["r, call 2", "r, call 1"]


def test_what_was_made_goes_with_the_object() -> None:
    class Made:
        pass

    @once_per_version
    def made_of(one: Runtime) -> Made:
        return Made()

    one = runtime("r", entry())
    made, gone = weakref.ref(made_of(one)), weakref.ref(one)
    assert made() is not None
    del one
    gc.collect()
    assert (gone(), made()) == (None, None)
