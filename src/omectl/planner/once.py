"""What is made of a decoded object, once for each version of it.

A decoded object never changes, and a cache keeps it for as long as it is of that version: so its identity is enough.
"""

import weakref
from collections.abc import Callable
from typing import TypeVar

Decoded = TypeVar("Decoded")
Made = TypeVar("Made")


def once_per_version(make: Callable[[Decoded], Made]) -> Callable[[Decoded], Made]:
    """A function that remembers what it made of each object, until nobody keeps the object.

    What is made must not refer to the object itself, which would then be kept for ever.
    """
    remembered: dict[int, tuple[weakref.ref[Decoded], Made]] = {}

    def made_of(one: Decoded) -> Made:
        number = id(one)
        known = remembered.get(number)
        if known is not None and known[0]() is one:
            return known[1]
        made = make(one)

        def forget(reference: weakref.ref[Decoded]) -> None:
            if remembered.get(number, (None,))[0] is reference:
                del remembered[number]

        remembered[number] = (weakref.ref(one, forget), made)
        return made

    return made_of
